export const RESIZE_MODES = ['crop', 'short-edge', 'letterbox', 'stretch', 'none'] as const
export type ResizeMode = typeof RESIZE_MODES[number]

export const INTERPOLATIONS = ['bicubic', 'bilinear'] as const
export type Interpolation = typeof INTERPOLATIONS[number]

/** How uint8 RGB becomes the network's float input: `(x * range / 255 - mean) / std`, channel by channel. */
export interface Normalisation {
  /** 1: pixels are scaled to 0..1 first. 255: they are used as 0..255. */
  readonly range: 1 | 255
  /** The channel order the checkpoint was trained with; `mean` and `std` are in that order. Requests always carry RGB. */
  readonly channels: 'rgb' | 'bgr'
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
}

/** How an upright RGB image becomes the network's uint8 input. */
export interface Geometry {
  readonly resize: ResizeMode
  /** crop, letterbox, stretch: the exact input. short-edge: the short side is min(width, height). Pixels. */
  readonly width: number
  readonly height: number
  /** crop: the resized short side is floor(size / cropPct). */
  readonly cropPct: number
  /** short-edge: the long side never passes this many pixels; undefined is no limit. */
  readonly longest: number | undefined
  /** short-edge and crop: how a computed side becomes whole pixels (torchvision truncates, detectron2 rounds half up). */
  readonly rounding: 'truncate' | 'half-up'
  readonly interpolation: Interpolation
  /** letterbox: the RGB colour around the image, normally the model's rounded mean. */
  readonly fill: readonly [number, number, number]
}

/** All a model says about its input; a request may override the geometry's mode and size, and `autoorient`. */
export interface Preprocess {
  readonly normalisation: Normalisation
  readonly geometry: Geometry
  /** Apply the EXIF orientation before anything else. */
  readonly autoorient: boolean
}
