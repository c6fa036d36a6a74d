import { SETTINGS, flagOf, readConfig } from '../config.js'
import { serve } from '../server.js'

const WIDTH = 26

function help (): string {
  const rows = Object.entries(SETTINGS).map(([name, { fallback, expected, about }]) =>
    `  --${flagOf(name).padEnd(WIDTH)} ${about}\n    ${''.padEnd(WIDTH)} ${expected}; default ${fallback === '' ? 'none' : fallback}`)
  return `Serves every model of the weights folder.

Usage: vovnet-serve serve [options]

Each option is also an environment variable, in capitals with underscores: --port is PORT. The option wins.

${rows.join('\n')}
`
}

export async function run (args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help())
    return
  }
  await serve(readConfig(process.env, args))
}
