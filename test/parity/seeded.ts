import { elements } from '../../src/model/network-tensors.js'

/** FNV-1a over UTF-16 code units. Written here again, beside seeded.py: the goldens hang on it, and nothing in src should. */
export function hashName (name: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0
  return hash
}

/** mulberry32 started at the name's hash: float64 in [0, 1). */
function uniform (name: string): () => number {
  let state = hashName(name)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** centre + reach * u, u in [-1, 1), for every value of a tensor: by its canonical name, as `weight` of seeded.py. */
export function seededWeight (name: string, shape: readonly number[], firstConvScale = 1): Float32Array {
  const { centre, reach } = spread(name, elements(shape.slice(1)))
  const next = uniform(name)
  const values = new Float32Array(elements(shape))
  const scale = name === 'stem.0.conv.weight' ? firstConvScale : 1
  for (let index = 0; index < values.length; index++) values[index] = scale * (centre + reach * (2 * next() - 1))
  return values
}

function spread (name: string, fanIn: number): { centre: number, reach: number } {
  if (name.endsWith('.bn.weight')) return { centre: 0.09, reach: 0.04 }
  if (name.endsWith('.bn.running_var')) return { centre: 0.01, reach: 0.006 }
  if (/\.bn\.(bias|running_mean)$/.test(name)) return { centre: 0, reach: 0.3 }
  if (name.endsWith('.bias') || name.endsWith('.attn.conv.weight')) return { centre: 0, reach: 1 }
  return { centre: 0, reach: Math.sqrt((/^(head|fpn)\.|\.attn\./.test(name) ? 3 : 6) / fanIn) }
}

/** uint8 RGB [height, width, 3] */
export function seededImage (height: number, width: number): Uint8Array<ArrayBuffer> {
  const next = uniform(`image ${height}x${width}`)
  return Uint8Array.from({ length: height * width * 3 }, () => Math.floor(next() * 256))
}

/** Which 64 values of an output of so many the goldens hold. */
export function sampleIndices (output: string, count: number): number[] {
  const next = uniform(output)
  return Array.from({ length: 64 }, () => Math.floor(next() * count))
}
