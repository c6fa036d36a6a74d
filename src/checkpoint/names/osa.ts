import { BN, type Naming } from './naming.js'

const UNIT = `(conv|dw_conv3x3|pw_conv1x1|norm|pw_norm)\\.(${BN})`
const STEM = new RegExp(`^stem\\.stem_([123])/${UNIT}$`)
const LAYER = new RegExp(`^stage([2-5])\\.OSA\\1_(\\d+)\\.layers\\.(\\d+)\\.OSA\\1_\\2_\\3/${UNIT}$`)
const POINTWISE = new RegExp(`^stage([2-5])\\.OSA\\1_(\\d+)\\.(conv_reduction\\.OSA\\1_\\2_reduction_0|concat\\.OSA\\1_\\2_concat)/${UNIT}$`)
const ESE = /^stage([2-5])\.OSA\1_(\d+)\.ese\.fc\.(weight|bias)$/
const CLASSIFIER = /^classifier\.(weight|bias)$/

const CANONICAL_PART: Readonly<Record<string, string>> = { conv: 'conv', dw_conv3x3: 'conv_dw', pw_conv1x1: 'conv_pw', norm: 'bn', pw_norm: 'bn' }

/** Module names with a slash, as in VoVNet.pytorch and everything made from it (detectron2, mmdet3d, CenterMask). */
export const osaNames: Naming = {
  name: 'osa',
  anchor: 'stem.stem_1/conv.weight',
  canonical (tensors) {
    const found = new Map<string, string>()
    for (const name of tensors.keys()) {
      const canonical = toCanonical(name)
      if (canonical !== undefined) found.set(canonical, name)
    }
    return found
  },
  stored (canonical) {
    const [head, ...rest] = canonical.split('.')
    if (head === 'head') return `classifier.${rest.at(-1)}`
    if (head === 'stem') return `stem.stem_${Number(rest[0]) + 1}/${unit(rest.slice(1))}`
    const stage = Number(rest[0]) + 2
    const block = `OSA${stage}_${Number(rest[2]) + 1}`
    const [part, ...tail] = rest.slice(3)
    const inBlock: Record<string, () => string> = {
      conv_mid: () => `layers.${tail[0]}.${block}_${tail[0]}/${unit(tail.slice(1))}`,
      conv_reduction: () => `conv_reduction.${block}_reduction_0/${unit(tail)}`,
      conv_concat: () => `concat.${block}_concat/${unit(tail)}`,
      attn: () => `ese.${tail.join('.')}`
    }
    return `stage${stage}.${block}.${inBlock[part!]?.() ?? part}`
  }
}

function toCanonical (name: string): string | undefined {
  const stem = STEM.exec(name)
  if (stem !== null) return `stem.${Number(stem[1]) - 1}.${CANONICAL_PART[stem[2]!]}.${stem[3]}`
  const layer = LAYER.exec(name)
  if (layer !== null) return `${block(layer)}.conv_mid.${layer[3]}.${CANONICAL_PART[layer[4]!]}.${layer[5]}`
  const pointwise = POINTWISE.exec(name)
  if (pointwise !== null) {
    const part = pointwise[3]!.startsWith('concat') ? 'conv_concat' : 'conv_reduction'
    return `${block(pointwise)}.${part}.${CANONICAL_PART[pointwise[4]!]}.${pointwise[5]}`
  }
  const ese = ESE.exec(name)
  if (ese !== null) return `${block(ese)}.attn.fc.${ese[3]}`
  const classifier = CLASSIFIER.exec(name)
  return classifier === null ? undefined : `head.fc.${classifier[1]}`
}

function block (match: RegExpExecArray): string {
  return `stages.${Number(match[1]) - 2}.blocks.${Number(match[2]) - 1}`
}

/** ['conv_dw', 'weight'] -> dw_conv3x3.weight; the norm behind a depthwise pair is told by no canonical name: `norm`. */
function unit ([part, ...tail]: string[]): string {
  const stored = Object.entries(CANONICAL_PART).find(([, canonical]) => canonical === part)?.[0] ?? part
  return [stored, ...tail].join('.')
}
