import { readSetting } from '../config.js'
import { pullModel, type Pulled } from '../weights/pull.js'
import { progressWriter } from '../weights/pull-progress.js'
import { oneArgument, readArguments } from './arguments.js'

const HELP = `Brings a model from a hub into the weights folder. A pull that broke off goes on where it stopped when it is run again.

Usage: vovnet-serve pull <org/name> [options]

  <org/name>       the repository, as in timm/ese_vovnet39b.ra_in1k; it must hold model.safetensors or pytorch_model.bin
  --revision REV   a branch, a tag or a commit; default is main
  --dir FOLDER     the weights folder; default is WEIGHTS_DIR or weights
  --name ID        the model's id; default is org/name

Environment:
  HF_ENDPOINT      the hub; default is https://huggingface.co, a mirror's address stands in for it
  HF_TOKEN         a token, for private and gated models

Length and sha256 are compared with what the hub says, and the model is put into the folder only when it is whole and can be served.
`

export async function run (args: string[]): Promise<void> {
  const { values, positionals } = readArguments('pull', args, { revision: { type: 'string' }, dir: { type: 'string' }, name: { type: 'string' } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return
  }
  const repository = oneArgument('pull', positionals, 'one repository')
  const hub = { endpoint: readSetting('HF_ENDPOINT', process.env), token: readSetting('HF_TOKEN', process.env) }
  const dir = values.dir ?? readSetting('WEIGHTS_DIR', process.env)
  const id = values.name ?? repository
  const progress = progressWriter(process.stderr)
  const onWait = (): void => { process.stderr.write(`another process is pulling ${id}, waiting for it\n`) }
  try {
    const pulled = await pullModel(hub, { repository, revision: values.revision ?? 'main', dir, id, onProgress: progress.onProgress, onWait })
    process.stdout.write(reportOf(pulled, id))
  } finally {
    progress.end()
  }
}

function reportOf ({ folder, description: { network }, checkpoint }: Pulled, id: string): string {
  const next = `vovnet-serve serve --models ${id}`
  if (checkpoint === undefined) return `${folder} is already there (${network.variant.name}) and was left as it is; ${next}\n`
  const { checked, commit, size } = checkpoint
  const trust = checked === undefined ? 'the hub gave no hash to check it by' : `${checked} checked`
  return `wrote ${folder}: ${network.variant.name}, ${(size / 1e6).toFixed(1)} MB, ${trust}${commit === undefined ? '' : `, commit ${commit.slice(0, 12)}`}; ${next}\n`
}
