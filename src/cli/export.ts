import { readSetting } from '../config.js'
import { invalidParameter } from '../errors.js'
import { DEFAULT_OPSET, OPSETS } from '../model/onnx.js'
import { exportModel, planExport } from '../weights/export.js'
import { modelNamed } from '../weights/folder.js'
import { loadModel } from '../weights/load.js'
import { oneArgument, readArguments } from './arguments.js'
import { checkOnnx, type OnnxCheck } from './check-onnx.js'

const HELP = `Writes a model as an ONNX file: the graph the service runs, batch norms folded in, normalisation inside. The file is run beside the
service's own graph and only appears when both give the same.

Usage: vovnet-serve export <ID or FILE> --onnx OUT.onnx [options]

  <ID or FILE>     a model of the weights folder, or a checkpoint or model folder anywhere
  --onnx FILE      what to write; a file already there is replaced
  --outputs LIST   outputs separated by commas, e.g. stage3,stage5 (stem, stage2 .. stage5, p2 .. p6 with a pyramid, stage5.avg and other
                   pooled vectors, logits with a classifier); the graph ends at the deepest; default is all of the whole network's
  --opset N        ONNX operator set, ${Math.min(...OPSETS.keys())} to ${Math.max(...OPSETS.keys())}; default is ${DEFAULT_OPSET}
  --dir FOLDER     the weights folder; default is WEIGHTS_DIR or weights

The input is "image": uint8 RGB [N, H, W, 3] with N, H and W free. The file's metadata says model, sha256 and how to resize.
`

export async function run (args: string[]): Promise<void> {
  const { values, positionals } = readArguments('export', args, { onnx: { type: 'string' }, outputs: { type: 'string' }, opset: { type: 'string' }, dir: { type: 'string' } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return
  }
  const named = oneArgument('export', positionals, 'one model')
  if (values.onnx === undefined) throw invalidParameter('--onnx', 'the file to write', 'none')
  const model = loadModel(modelNamed(values.dir ?? readSetting('WEIGHTS_DIR', process.env), named))
  const plan = planExport(model, values.outputs?.split(',').map(name => name.trim()), Number(values.opset ?? DEFAULT_OPSET))
  let check: OnnxCheck | undefined
  const size = await exportModel(model, plan, values.onnx, async onnx => { check = await checkOnnx(model, plan, onnx) })
  process.stdout.write(`wrote ${values.onnx} (${(size / 1e6).toFixed(1)} MB, opset ${plan.opset}): ${plan.outputs.join(', ')}; ` +
    `run over two images beside the service's own graph, greatest difference ${check!.difference} of a spread of ${check!.spread.toFixed(3)}\n`)
}
