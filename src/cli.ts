#!/usr/bin/env node
import { ServiceError } from './errors.js'

const COMMANDS = {
  serve: { about: 'serve the weights folder over HTTP', load: async () => (await import('./cli/serve.js')).run },
  init: { about: 'write a freshly initialised model, to try or benchmark a variant without weights', load: async () => (await import('./cli/init.js')).run },
  pull: { about: 'bring a model from a hub into the weights folder', load: async () => (await import('./cli/pull.js')).run },
  import: { about: 'write any recognised checkpoint into the weights folder as safetensors, in half precision if wanted', load: async () => (await import('./cli/import.js')).run },
  export: { about: 'write a model as an ONNX file, checked by running it', load: async () => (await import('./cli/export.js')).run },
  inspect: { about: 'say what a checkpoint or model folder is, and how that was recognised', load: async () => (await import('./cli/inspect.js')).run }
} as const

const HELP = `vovnet-serve: VoVNet backbones behind HTTP

Usage: vovnet-serve <command> [options]

${Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(9)} ${about}`).join('\n')}

vovnet-serve <command> --help tells a command's own options.
`

// ONNX Runtime, from 1.29 on, reports to its maker unless it finds this when it starts. A thread's own environment is a copy it does not see.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1'

async function main ([name = '--help', ...args]: string[]): Promise<void> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP)
    return
  }
  const command = Object.entries(COMMANDS).find(([known]) => known === name)?.[1]
  if (command === undefined) throw new ServiceError('invalid_parameter', `command must be one of ${Object.keys(COMMANDS).join(', ')}, received ${name}; see vovnet-serve --help`)
  await (await command.load())(args)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  // A coded error is a sentence for the user; anything else is a fault of ours and needs its stack.
  process.stderr.write(error instanceof ServiceError ? `vovnet-serve: ${error.message}\n` : `${(error as Error).stack}\n`)
  process.exitCode = 1
}
