import type { Precision } from '../model/graph.js'
import { mulberry32 } from '../model/random.js'
import type { Provider } from './device.js'

/** Pixels a side of the image that devices are compared on: above every network's least, and cheap on the CPU. */
export const GOLDEN_SIDE = 96

/** uint8 RGB [96, 96, 3], the same on every machine. */
export function goldenImage (): Uint8Array<ArrayBuffer> {
  const next = mulberry32(1)
  return Uint8Array.from({ length: GOLDEN_SIDE * GOLDEN_SIDE * 3 }, () => Math.floor(next() * 256))
}

/**
 * How far a device may be off, as a part of an output's largest value. Values rounded to half precision between operators gave up
 * to 2.4e-3 (V-19-slim-dw, V-39 and V-99 with random weights, computed with PyTorch), convolutions of factors rounded to TF32, which
 * CUDA and TensorRT use for float32, up to 2.7e-3; float32 on WebGPU 5e-6. What is wrong is off by about the whole.
 */
export function toleranceOf (provider: Provider, precision: Precision): number {
  return precision === 'fp16' || provider === 'cuda' || provider === 'tensorrt' ? 0.02 : 1e-4
}

/** The largest difference of any value, as a part of its output's largest magnitude; Infinity where a value is not finite. */
export function largestDifference (outputs: Readonly<Record<string, Float32Array>>, reference: Readonly<Record<string, Float32Array>>): number {
  let largest = 0
  for (const [name, expected] of Object.entries(reference)) {
    const received = outputs[name]
    if (received?.length !== expected.length) return Infinity
    let difference = 0
    let magnitude = 0
    for (let index = 0; index < expected.length; index++) {
      const off = Math.abs(received[index]! - expected[index]!)
      if (!(off < Infinity)) return Infinity // NaN, too
      difference = Math.max(difference, off)
      magnitude = Math.max(magnitude, Math.abs(expected[index]!))
    }
    if (difference > 0) largest = Math.max(largest, difference / magnitude)
  }
  return largest
}
