import type { Interpolation, Normalisation, Preprocess } from '../../model/preprocess.js'

type Triple = readonly [number, number, number]

/** RGB 0..1 with the ImageNet mean and standard deviation (torchvision, timm). */
export const IMAGENET: Normalisation = { range: 1, channels: 'rgb', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/** BGR 0..255, the mean taken off, not divided (detectron2's Caffe2 heritage). */
export const BGR_MEAN: Normalisation = { range: 255, channels: 'bgr', mean: [103.53, 116.28, 123.675], std: [1, 1, 1] }

/** A centre crop of `size` after the short side became floor(size / cropPct), as timm's and torchvision's evaluation does. */
export function centreCrop (normalisation: Normalisation, size: number, cropPct: number, interpolation: Interpolation): Preprocess {
  return {
    normalisation,
    geometry: { resize: 'crop', width: size, height: size, cropPct, longest: undefined, rounding: 'truncate', interpolation, fill: meanColour(normalisation) },
    // Image folders are read without their EXIF orientation there.
    autoorient: false
  }
}

/** The mean of a normalisation as an RGB colour of whole levels, for what lies around a letterboxed image. */
export function meanColour ({ range, channels, mean }: Normalisation): Triple {
  const [first, second, third] = mean.map(value => Math.min(255, Math.max(0, Math.round(value * 255 / range))))
  return channels === 'rgb' ? [first!, second!, third!] : [third!, second!, first!]
}

/**
 * DD3D's normalisation; its users bring images of the size they want, so nothing is resized. 800 x 320 is PETR's smaller
 * input, for a request that names a mode but no size.
 */
export function callersImage (): Preprocess {
  const normalisation: Normalisation = { range: 255, channels: 'bgr', mean: [103.53, 116.28, 123.675], std: [57.375, 57.12, 58.395] }
  return {
    normalisation,
    geometry: { resize: 'none', width: 800, height: 320, cropPct: 1, longest: undefined, rounding: 'half-up', interpolation: 'bilinear', fill: meanColour(normalisation) },
    autoorient: false
  }
}
