import { ServiceError } from '../../errors.js'
import type { NamedArray } from './array.js'

/**
 * One array per image, stacked to [N, ...].
 * @throws ServiceError shapes_differ when the images' maps are not of one shape
 */
export function stack (arrays: readonly NamedArray[], format: string): NamedArray {
  const first = arrays[0]!
  const odd = arrays.findIndex(({ shape }) => shape.join() !== first.shape.join())
  if (odd > 0) {
    throw new ServiceError('shapes_differ',
      `${format} needs one shape for all images, received [${first.shape.join(',')}] and [${arrays[odd]!.shape.join(',')}]; use resize=crop, letterbox or stretch, or application/json`,
      { param: `images[${odd}]` })
  }
  const shape = [arrays.length, ...first.shape]
  if (arrays.length === 1) return { ...first, shape }
  const size = first.data.length
  const data = first.data instanceof Float32Array ? new Float32Array(size * arrays.length) : new Uint8Array(size * arrays.length)
  arrays.forEach((array, index) => data.set(array.data, index * size))
  return { ...first, shape, data }
}
