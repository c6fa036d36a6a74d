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

Each option is also an environment variable, in capitals with underscores: --port is PORT. The option wins. --tune alone is --tune thorough.

${rows.join('\n')}
`
}

/** `--tune` without a value, the flag's usual way to be given, is the thorough one. */
function completeTune (args: readonly string[]): string[] {
  return args.map((arg, index) => arg === '--tune' && SETTINGS.TUNE.parse(args[index + 1] ?? '') === undefined ? '--tune=thorough' : arg)
}

export async function run (given: string[]): Promise<void> {
  const args = completeTune(given)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help())
    return
  }
  const config = readConfig(process.env, args)
  const operands = readOperands(args)
  if (operands.length === 0) await serve(config)
  else await serve({ ...config, MODELS: [], DEFAULT_MODEL: '' }, oneArgument('serve', operands, 'one checkpoint or model folder'))
}
