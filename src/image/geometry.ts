import { ServiceError } from '../errors.js'
import type { Geometry } from '../model/preprocess.js'
import type { SourceMapping } from './image.js'
import type { Box } from './resample.js'

export interface Size {
  readonly width: number
  readonly height: number
}

/** How one source image becomes the network's input: resize it, keep `crop` of the result, put that at `x`, `y` of the input. */
export interface Layout extends Size {
  /** The whole source, resized. Never computed where `crop` does not need it, so it may be huge. */
  readonly resized: Size
  readonly crop: Box
  readonly x: number
  readonly y: number
  /** The colour where the crop does not reach. */
  readonly background: readonly [number, number, number]
  readonly mapping: SourceMapping
}

const BLACK = [0, 0, 0] as const

/**
 * Where every pixel of the input comes from, and so, before anything is decoded, the input's width and height.
 * @param source upright width and height in pixels
 * @throws ServiceError `image_too_large` when the input would have more than `maxPixels` pixels
 */
export function layOut (source: Size, geometry: Geometry, maxPixels: number): Layout {
  const resized = resizedSize(source, geometry)
  const exact = geometry.resize === 'crop' || geometry.resize === 'letterbox'
  const { width, height } = exact ? geometry : resized
  if (!(width * height <= maxPixels)) {
    throw new ServiceError('image_too_large', `a prepared image must have at most ${maxPixels} pixels, received ${source.width}x${source.height} which ${geometry.resize} makes ${width}x${height}`)
  }
  // Letterboxing never crops, and cropping pads only where the resized image is the smaller one.
  const round = geometry.resize === 'letterbox' ? Math.floor : roundHalfEven
  const across = place(resized.width, width, round)
  const down = place(resized.height, height, round)
  const scaleX = source.width / resized.width
  const scaleY = source.height / resized.height
  return {
    width,
    height,
    resized,
    crop: { x: across.from, y: down.from, width: across.length, height: down.length },
    x: across.to,
    y: down.to,
    background: geometry.resize === 'letterbox' ? geometry.fill : BLACK,
    mapping: { scaleX, scaleY, offsetX: (across.from - across.to) * scaleX, offsetY: (down.from - down.to) * scaleY }
  }
}

function resizedSize (source: Size, geometry: Geometry): Size {
  switch (geometry.resize) {
    case 'none': return source
    case 'stretch': return { width: geometry.width, height: geometry.height }
    case 'letterbox': return fitInside(source, geometry)
    case 'short-edge': return geometry.rounding === 'half-up' ? shortEdgeHalfUp(source, geometry) : shortEdgeTruncated(source, geometry)
    case 'crop': return coverCrop(source, geometry)
  }
}

function fitInside (source: Size, { width, height }: Geometry): Size {
  const scale = Math.min(width / source.width, height / source.height)
  const fit = (side: number, most: number): number => Math.min(most, atLeastOne(Math.floor(side * scale + 0.5)))
  return { width: fit(source.width, width), height: fit(source.height, height) }
}

/** detectron2's ResizeShortestEdge, operation for operation: the last bit of a product decides a pixel. */
function shortEdgeHalfUp (source: Size, geometry: Geometry): Size {
  const size = Math.min(geometry.width, geometry.height)
  const longest = geometry.longest ?? Infinity
  const scale = size / Math.min(source.width, source.height)
  const landscape = source.height < source.width
  let width = landscape ? scale * source.width : size
  let height = landscape ? size : scale * source.height
  if (Math.max(width, height) > longest) {
    const clamp = longest / Math.max(width, height)
    width *= clamp
    height *= clamp
  }
  return { width: atLeastOne(Math.trunc(width + 0.5)), height: atLeastOne(Math.trunc(height + 0.5)) }
}

/** torchvision's Resize; with a limit, maskrcnn-benchmark's (which shortens the short side to a whole pixel first). */
function shortEdgeTruncated (source: Size, geometry: Geometry): Size {
  const short = Math.min(source.width, source.height)
  const long = Math.max(source.width, source.height)
  let size = Math.min(geometry.width, geometry.height)
  if (geometry.longest !== undefined && long / short * size > geometry.longest) {
    size = atLeastOne(roundHalfEven(geometry.longest * short / long))
  }
  return withShortSide(source, size, Math.trunc)
}

/** timm's evaluation transform: torchvision's Resize for a square size, its own ResizeKeepRatio otherwise. */
function coverCrop (source: Size, geometry: Geometry): Size {
  const width = Math.floor(geometry.width / geometry.cropPct)
  const height = Math.floor(geometry.height / geometry.cropPct)
  if (width === height) return withShortSide(source, width, geometry.rounding === 'truncate' ? Math.trunc : side => Math.floor(side + 0.5))
  const ratio = Math.min(source.width / width, source.height / height)
  return { width: atLeastOne(roundHalfEven(source.width / ratio)), height: atLeastOne(roundHalfEven(source.height / ratio)) }
}

function withShortSide ({ width, height }: Size, size: number, whole: (side: number) => number): Size {
  return width <= height
    ? { width: size, height: whole(size * height / width) }
    : { width: whole(size * width / height), height: size }
}

/** Centres `length` pixels in `frame`: cut when longer (torchvision's CenterCrop), moved in when shorter. */
function place (length: number, frame: number, round: (offset: number) => number): { from: number, to: number, length: number } {
  if (length >= frame) return { from: round((length - frame) / 2), to: 0, length: frame }
  return { from: 0, to: Math.floor((frame - length) / 2), length }
}

/** Python's round. */
function roundHalfEven (value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest === 0.5) return floor % 2 === 0 ? floor : floor + 1
  return rest < 0.5 ? floor : floor + 1
}

function atLeastOne (side: number): number {
  return Math.max(1, side)
}
