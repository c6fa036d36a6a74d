import type { TensorInfo } from '../tensor-source.js'
import { BN, type Naming, type PlainTensors } from './naming.js'

const BLOCK = /^body\.osa(\d+)\.(.+)$/
const STEM = new RegExp(`^stem\\.([0-2])\\.(0\\.weight|1\\.(?:${BN}))$`)
const LAYER = new RegExp(`^layers\\.(\\d+)\\.(0\\.weight|1\\.(?:${BN}))$`)
const EXIT = new RegExp(`^exit_conv\\.(0\\.weight|1\\.(?:${BN}))$`)
const ESE = /^ese\.conv\.(weight|bias)$/
const CLASSIFIER = /^classifier\.3\.(weight|bias)$/

/** Blocks counted through all stages, layers by their place in a sequence (1e100/vovnet_v2, vovnet.py). */
export const flatNames: Naming = {
  name: 'flat',
  anchor: 'stem.0.0.weight',
  canonical (tensors) {
    const found = new Map<string, string>()
    const places = blockPlaces(tensors)
    for (const name of tensors.keys()) {
      const canonical = toCanonical(name, places)
      if (canonical !== undefined) found.set(canonical, name)
    }
    return found
  },
  stored (canonical, tensors) {
    const [head, ...rest] = canonical.split('.')
    if (head === 'head') return `classifier.3.${rest.at(-1)}`
    if (head === 'stem') return `stem.${rest[0]}.${unit(rest.slice(1))}`
    const place = `stages.${rest[0]}.blocks.${rest[2]}`
    const block = [...blockPlaces(tensors)].find(([, known]) => known === place)?.[0] ?? '*'
    const [part, ...tail] = rest.slice(3)
    const inBlock: Record<string, () => string> = {
      conv_mid: () => `layers.${tail[0]}.${unit(tail.slice(1))}`,
      conv_concat: () => `exit_conv.${unit(tail)}`,
      attn: () => `ese.conv.${tail.at(-1)}`
    }
    return `body.osa${block}.${inBlock[part!]?.() ?? part}`
  }
}

/**
 * The stage and place of every block: nothing in the names tells them, but a stage's blocks share their widths, and those of
 * its neighbours differ in every published network.
 */
function blockPlaces (tensors: PlainTensors): Map<number, string> {
  const indices = new Set<number>()
  for (const name of tensors.keys()) {
    const match = BLOCK.exec(name)
    if (match !== null) indices.add(Number(match[1]))
  }
  const width = (info: TensorInfo | undefined): number => info?.shape[0] ?? 0
  const places = new Map<number, string>()
  let stage = -1
  let block = 0
  let widths = ''
  for (const index of [...indices].sort((a, b) => a - b)) {
    const own = `${width(tensors.get(`body.osa${index}.layers.0.0.weight`))} ${width(tensors.get(`body.osa${index}.exit_conv.0.weight`))}`
    if (own === widths) block++
    else { stage++; block = 0; widths = own }
    places.set(index, `stages.${stage}.blocks.${block}`)
  }
  return places
}

function toCanonical (name: string, places: ReadonlyMap<number, string>): string | undefined {
  const stem = STEM.exec(name)
  if (stem !== null) return `stem.${stem[1]}.${part(stem[2]!)}`
  const classifier = CLASSIFIER.exec(name)
  if (classifier !== null) return `head.fc.${classifier[1]}`
  const [, index, inner] = BLOCK.exec(name) ?? []
  if (index === undefined || inner === undefined) return undefined
  const place = places.get(Number(index))
  const layer = LAYER.exec(inner)
  if (layer !== null) return `${place}.conv_mid.${layer[1]}.${part(layer[2]!)}`
  const exit = EXIT.exec(inner)
  if (exit !== null) return `${place}.conv_concat.${part(exit[1]!)}`
  const ese = ESE.exec(inner)
  return ese === null ? undefined : `${place}.attn.fc.${ese[1]}`
}

/** 0.weight -> conv.weight, 1.bias -> bn.bias */
function part (stored: string): string {
  return stored.replace(/^0\./, 'conv.').replace(/^1\./, 'bn.')
}

function unit (canonical: string[]): string {
  return canonical.join('.').replace(/^conv\./, '0.').replace(/^bn\./, '1.')
}
