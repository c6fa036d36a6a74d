import type { Geometry } from '../model/preprocess.js'

export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const
export type ImageFormat = typeof IMAGE_FORMATS[number]

export interface ImageRequest {
  /** The encoded file. */
  readonly bytes: Uint8Array
  readonly geometry: Geometry
  readonly autoorient: boolean
}

/** What the client sent, after orientation when `autoorient` was on: upright width and height in pixels. */
export interface SourceInfo {
  readonly width: number
  readonly height: number
  readonly format: ImageFormat
  /** The file's EXIF orientation, 1 to 8 (1 when it says none), whether or not it was applied. */
  readonly orientation: number
}

/** Maps the input back to the source: source_x = input_x * scaleX + offsetX, pixel edges at integers. */
export interface SourceMapping {
  readonly scaleX: number
  readonly scaleY: number
  readonly offsetX: number
  readonly offsetY: number
}

/** What the network sees: uint8 RGB, [height, width, 3], in an ArrayBuffer of its own. */
export interface PreparedImage {
  readonly data: Uint8Array<ArrayBuffer>
  readonly width: number
  readonly height: number
  readonly source: SourceInfo
  readonly mapping: SourceMapping
}
