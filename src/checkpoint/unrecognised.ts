import { ServiceError } from '../errors.js'
import { DIALECTS } from './dialects/all.js'
import type { Naming } from './names/naming.js'
import { NAMINGS } from './names/all.js'
import type { TensorInfo, TensorSource } from './tensor-source.js'

/** Networks that look like a VoVNet and that no graph of ours computes, by a tensor that only they have. */
const REFUSED: ReadonlyArray<readonly [tensor: RegExp, what: string]> = [
  [/\/conv_offset\.|\/conv\.offset\./, 'deformable convolutions, which ONNX Runtime does not run; expected plain 3x3 convolutions'],
  [/(^|\.)stem\.0\.bn\.v$/, 'EvoNorm in place of batch norm (timm *_evos), which cannot be folded; expected running_mean and running_var']
]

/** @throws ServiceError checkpoint_unrecognised naming the tensor that tells a network we cannot compute */
export function refuseKnown (source: TensorSource): void {
  for (const name of source.tensors.keys()) {
    const refused = REFUSED.find(([tensor]) => tensor.test(name))
    if (refused !== undefined) throw new ServiceError('checkpoint_unrecognised', `${source.file}: tensor ${name} means ${refused[1]}`, { param: name })
  }
}

/** `checkpoint_unrecognised` for a file without any naming's first convolution: what it holds, what was expected, and what it is nearest to. */
export function unrecognised (source: TensorSource, prefix: string | undefined): ServiceError {
  const names = [...source.tensors.keys()]
  const found = `${names.length} tensors such as ${names.slice(0, 3).join(', ')}`
  const anchors = NAMINGS.map(naming => `${prefix ?? ''}${naming.anchor}`).join(' or ')
  const [nearest, known] = nearestNaming(source)
  const comparison = known === 0
    ? 'none of its names is any VoVNet\'s'
    : `nearest are ${DIALECTS.filter(({ naming }) => naming === nearest).map(({ name }) => name).join(', ')}, which name ${known} of them, but not ${nearest.anchor}`
  return new ServiceError('checkpoint_unrecognised', `${source.file}: expected ${anchors} behind any prefix, found ${found}; ${comparison}`)
}

/** The naming that knows most of the file's names, whatever stands before them. */
function nearestNaming (source: TensorSource): readonly [Naming, number] {
  const endings = new Map<string, TensorInfo>()
  for (const [name, info] of source.tensors) {
    const parts = name.split('.')
    for (let from = 0; from < Math.min(parts.length, 6); from++) endings.set(parts.slice(from).join('.'), info)
  }
  return NAMINGS.map(naming => [naming, naming.canonical(endings).size] as const).reduce((best, candidate) => candidate[1] > best[1] ? candidate : best)
}
