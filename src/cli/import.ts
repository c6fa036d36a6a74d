import { statSync } from 'node:fs'
import { readSetting } from '../config.js'
import { invalidParameter } from '../errors.js'
import { modelAt } from '../weights/folder.js'
import { importModel } from '../weights/import.js'
import { oneArgument, readArguments } from './arguments.js'

const HELP = `Writes any recognised checkpoint into the weights folder as safetensors under canonical (timm's) names, with a model.json that
says what it is. Outputs stay the same; what the network does not use (optimizer state, a detector's heads) is left behind.

Usage: vovnet-serve import <FILE> --name ID [options]

  <FILE>           a checkpoint (safetensors, PyTorch zip or legacy, pickle), or a folder that holds one with its config.json or model.json
  --name ID        the new model's id, e.g. vovnet39 or timm/ese_vovnet39b.ra_in1k
  --dir FOLDER     the weights folder; default is WEIGHTS_DIR or weights
  --half           store half precision: half the size, outputs equal within that precision

vovnet-serve inspect <FILE> tells beforehand what it is taken for.
`

export async function run (args: string[]): Promise<void> {
  const { values, positionals } = readArguments('import', args, { name: { type: 'string' }, dir: { type: 'string' }, half: { type: 'boolean' } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return
  }
  const from = oneArgument('import', positionals, 'one checkpoint or model folder')
  if (values.name === undefined) throw invalidParameter('--name', 'the id the model is to have', 'none')
  const dir = values.dir ?? readSetting('WEIGHTS_DIR', process.env)
  const { id, file } = importModel(modelAt(from), { dir, id: values.name, half: values.half ?? false })
  process.stdout.write(`wrote ${file} (${(statSync(file).size / 1e6).toFixed(1)} MB); vovnet-serve serve --models ${id}\n`)
}
