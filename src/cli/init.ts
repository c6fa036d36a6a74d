import { readFileSync } from 'node:fs'
import { readSetting } from '../config.js'
import { ServiceError, invalidParameter } from '../errors.js'
import { VARIANTS } from '../model/variants.js'
import { initModel } from '../weights/init.js'
import { oneArgument, readArguments } from './arguments.js'

const HELP = `Writes a freshly initialised (Kaiming) model into the weights folder, so that a variant without weights can be served and benchmarked.

Usage: vovnet-serve init <variant> [options]

  <variant>        one of ${VARIANTS.map(({ name }) => name).join(', ')},
                   or a .json file with a spec of your own: stem, stage_conv_ch, stage_out_ch, layer_per_block, block_per_stage, eSE, dw
  --name ID        the model's id; default is the variant's name in lower case
  --dir FOLDER     the weights folder; default is WEIGHTS_DIR or weights
  --seed N         the same seed gives the same weights; default 0
`

export async function run (args: string[]): Promise<void> {
  const { values, positionals } = readArguments('init', args, { name: { type: 'string' }, dir: { type: 'string' }, seed: { type: 'string' } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return
  }
  const named = oneArgument('init', positionals, 'one variant')
  const seed = Number(values.seed ?? 0)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) throw invalidParameter('--seed', 'a whole number from 0 to 4294967295', values.seed)
  const variant = named.endsWith('.json') ? readSpec(named) : named
  const id = values.name ?? named.replace(/\.json$/, '').split('/').at(-1)!.toLowerCase()
  const { file } = initModel({ variant, dir: values.dir ?? readSetting('WEIGHTS_DIR', process.env), id, seed })
  process.stdout.write(`wrote ${file}; vovnet-serve serve --models ${id}\n`)
}

function readSpec (file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ServiceError('invalid_parameter', `${file} must be a JSON file with a variant's spec: ${(error as Error).message}`)
  }
}
