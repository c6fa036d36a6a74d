const IMAGE = 0x2c
const EXTENSION = 0x21
const GRAPHIC_CONTROL = 0xf9

/**
 * The palette colour that stands for "transparent" in a GIF's first frame: what Pillow's `convert('RGB')` shows there,
 * and what the decoder leaves out. Black when the file names none.
 * @param gif a file whose header was found good; nothing is read past its end
 */
export function gifGround (gif: Uint8Array): readonly [number, number, number] {
  let index: number | undefined
  let at = 13
  let palette = at
  if ((gif[10]! & 0x80) !== 0) at += paletteBytes(gif[10]!)
  while (gif[at] === EXTENSION) {
    if (gif[at + 1] === GRAPHIC_CONTROL && (gif[at + 3]! & 1) !== 0) index = gif[at + 6]
    at += 2
    while ((gif[at] ?? 0) !== 0) at += gif[at]! + 1
    at++
  }
  if (index === undefined || gif[at] !== IMAGE) return [0, 0, 0]
  if ((gif[at + 9]! & 0x80) !== 0) palette = at + 10 // the frame's own palette
  const colour = palette + index * 3
  return [gif[colour] ?? 0, gif[colour + 1] ?? 0, gif[colour + 2] ?? 0]
}

function paletteBytes (packed: number): number {
  return 3 * 2 ** ((packed & 7) + 1)
}

/** RGBA to RGB, wholly transparent pixels in the colour `ground`. */
export function onGround (rgba: Uint8Array, ground: readonly [number, number, number]): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(rgba.length / 4 * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const clear = rgba[from + 3] === 0
    rgb[to] = clear ? ground[0] : rgba[from]!
    rgb[to + 1] = clear ? ground[1] : rgba[from + 1]!
    rgb[to + 2] = clear ? ground[2] : rgba[from + 2]!
  }
  return rgb
}
