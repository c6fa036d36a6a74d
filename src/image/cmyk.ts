/**
 * Ink to light as Pillow's `convert('RGB')` does it (Convert.c cmyk2rgb): without a profile, white less the ink, in
 * integers. 0 is no ink.
 */
export function cmykToRgb (cmyk: Uint8Array): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(cmyk.length / 4 * 3)
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const light = 255 - cmyk[from + 3]!
    for (let ink = 0; ink < 3; ink++) {
      const product = cmyk[from + ink]! * light + 128
      rgb[to + ink] = light - (((product >> 8) + product) >> 8)
    }
  }
  return rgb
}
