import { invalidParameter } from '../../errors.js'
import { RESIZE_MODES, type Preprocess } from '../../model/preprocess.js'
import type { ImageRequest } from '../../image/image.js'
import type { Fields } from './fields.js'

export const GEOMETRY_PARAMETERS = ['resize', 'size', 'autoorient'] as const

/** Sides over this are refused by name; the pixel limit of the service may be lower. */
const MAX_SIDE = 8192

/** The model's way to prepare an image, with what the request says laid over it. */
export function readGeometry (fields: Fields, preprocess: Preprocess): Pick<ImageRequest, 'geometry' | 'autoorient'> {
  const base = preprocess.geometry
  const resize = fields.choice('resize', RESIZE_MODES) ?? base.resize
  const size = fields.size('size', MAX_SIDE)
  if (resize === 'none' && size !== undefined) throw invalidParameter('size', 'left out with resize=none, which keeps the image\'s own size', fields.text('size'))
  // For short-edge WxH is the usual 1333x800: the short side, and what the long side may not pass.
  const longest = size === undefined || size.width === size.height ? base.longest : Math.max(size.width, size.height)
  return {
    geometry: { ...base, ...size, resize, longest },
    autoorient: fields.boolean('autoorient') ?? preprocess.autoorient
  }
}
