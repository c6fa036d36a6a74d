const PHOTOMETRIC = 262
const COMPRESSION = 259
const YCBCR = 6
const JPEG = 7

/**
 * Whether a TIFF's first page holds YCbCr samples outside JPEG, which the decoder would take for RGB.
 * Reads classic TIFF alone; nothing is read past the file's end.
 */
export function hasBareYcbcr (tiff: Uint8Array): boolean {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  const little = view.getUint8(0) === 0x49
  const directory = view.byteLength < 8 ? Infinity : view.getUint32(4, little)
  if (directory + 2 > view.byteLength) return false
  const tags = new Map<number, number>()
  const end = Math.min(view.byteLength - 12, directory + 2 + 12 * view.getUint16(directory, little))
  for (let at = directory + 2; at <= end; at += 12) tags.set(view.getUint16(at, little), view.getUint16(at + 8, little))
  return tags.get(PHOTOMETRIC) === YCBCR && tags.get(COMPRESSION) !== JPEG
}
