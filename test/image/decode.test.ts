import t from 'tap'
import { decode, readHeader } from '../../src/image/decode.js'
import { decodeCases, difference, file, pixels } from './goldens.js'

/**
 * libheif and libavif round their colour conversion differently (1 level), and where chroma is stored at half size
 * libheif repeats it and libavif interpolates: far apart at a colour's edge on so small and loud an image.
 */
const tolerance = (name: string): { max: number, mean: number } => {
  if (name === '420.avif') return { max: 65, mean: 6 }
  return name.endsWith('.avif') ? { max: 1, mean: 0.25 } : { max: 0, mean: 0 }
}

for (const { file: name, autoorient, width, height, pixels: golden } of decodeCases) {
  t.test(`${name}${autoorient ? ', upright' : ''} is what Pillow makes of it`, async t => {
    const header = await readHeader(file(name), autoorient)
    const orientation = Number(/orientation-(\d)/.exec(name)?.[1] ?? 1)
    // An AVIF's rotation is a property of the image and always applied; there is no orientation left to report.
    t.match(header.source, { width, height, orientation: name.endsWith('.avif') ? 1 : orientation })
    const raster = await decode(header, 1)
    t.match(raster, { width, height })
    t.equal(raster.data.length, width * height * 3)
    const found = difference(raster.data, pixels(golden))
    const allowed = tolerance(name)
    t.ok(found.max <= allowed.max && found.mean <= allowed.mean, `max ${found.max}, mean ${found.mean}`)
  })
}

t.test('a shrunken JPEG has the size it should, upright', async t => {
  for (const name of ['orientation-1.jpg', 'orientation-6.jpg']) {
    for (const shrink of [3, 5, 9]) {
      const header = await readHeader(file(name), true)
      const raster = await decode(header, shrink)
      t.equal(raster.width, Math.floor(header.source.width / shrink))
      t.equal(raster.data.length, raster.width * raster.height * 3)
    }
  }
})
