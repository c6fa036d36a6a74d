import { SETTINGS, flagOf, readConfig, readOperands } from '../config.js'
import { serve } from '../server.js'
import { oneArgument } from './arguments.js'

const WIDTH = 26

function help (): string {
  const rows = Object.entries(SETTINGS).map(([name, { fallback, expected, about }]) =>
    `  --${flagOf(name).padEnd(WIDTH)} ${about}\n    ${''.padEnd(WIDTH)} ${expected}; default ${fallback === '' ? 'none' : fallback}`)
  return `Serves every model of the weights folder, or one checkpoint straight away.

Usage: vovnet-serve serve [FILE] [options]

  FILE   a checkpoint as it was published, or a folder that holds one; the weights folder, MODELS and DEFAULT_MODEL are left aside then

Each option is also an environment variable, in capitals with underscores: --port is PORT. The option wins.

${rows.join('\n')}
`
}

export async function run (args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help())
    return
  }
  const config = readConfig(process.env, args)
  const operands = readOperands(args)
  if (operands.length === 0) await serve(config)
  else await serve({ ...config, MODELS: [], DEFAULT_MODEL: '' }, oneArgument('serve', operands, 'one checkpoint or model folder'))
}
