import t from 'tap'
import { decode, readHeader } from '../../src/image/decode.js'
import { decodeCases, difference, file, pixels } from './goldens.js'

/** libheif and Pillow's libavif round their colour conversion differently, and so do two builds of libavif where chroma is interpolated. */
const tolerance = (name: string): { max: number, mean: number } => {
  if (name === '420.avif') return { max: 3, mean: 0.4 }
  return name.endsWith('.avif') ? { max: 1, mean: 0.25 } : { max: 0, mean: 0 }
}

for (const { file: name, autoorient, width, height, pixels: golden } of decodeCases) {
  t.test(`${name}${autoorient ? ', upright' : ''} is what Pillow makes of it`, async t => {
    const header = await readHeader(file(name), autoorient)
    const orientation = Number(/orientation-(\d)/.exec(name)?.[1] ?? 1)
    // An AVIF's rotation is a property of the image and always applied; there is no orientation left to report.
    t.match(header.source, { width, height, orientation: name.endsWith('.avif') ? 1 : orientation })
    const raster = await decode(header)
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
      const raster = await decode(header, { shrink })
      t.equal(raster.width, Math.floor(header.source.width / shrink))
      t.equal(raster.data.length, raster.width * raster.height * 3)
    }
  }
})
