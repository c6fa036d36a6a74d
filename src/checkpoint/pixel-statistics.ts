import type { Normalisation } from '../model/preprocess.js'
import type { TensorSource } from './tensor-source.js'

type Triple = [number, number, number]

/**
 * A detector's own normalisation, where the file holds its buffers `pixel_mean` and `pixel_std` ([3], [3, 1, 1] or [1, 3, 1, 1]).
 * Levels above 1 mean 0..255, deviations below it 0..1. ImageNet's means fall from red to blue, so a falling mean of three different values is in RGB order.
 * @returns undefined without them, or with values no normalisation has
 */
export function readPixelStatistics (source: TensorSource, assumed: Normalisation): Normalisation | undefined {
  const mean = triple(source, 'pixel_mean')
  const std = triple(source, 'pixel_std')
  if (mean === undefined || std === undefined || !std.every(value => value > 0)) return undefined
  const range = [...mean, ...std].some(value => value > 1) ? 255 : std.every(value => value < 1) ? 1 : assumed.range
  const falling = mean[0] > mean[1] && mean[1] > mean[2]
  const rising = mean[0] < mean[1] && mean[1] < mean[2]
  return { range, channels: falling ? 'rgb' : rising ? 'bgr' : assumed.channels, mean, std }
}

function triple (source: TensorSource, buffer: string): Triple | undefined {
  const names = [...source.tensors].filter(([name, { shape }]) => (name === buffer || name.endsWith(`.${buffer}`)) && shape.reduce((a, b) => a * b, 1) === 3)
  if (names.length !== 1) return undefined
  const values = [...source.read(names[0]![0])]
  // Stored as float32; 103.53 is meant where 103.52999877929688 is read.
  return values.every(Number.isFinite) ? values.map(value => Number(value.toPrecision(7))) as Triple : undefined
}
