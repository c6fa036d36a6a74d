import t from 'tap'
import { layOut } from '../../src/image/geometry.js'
import { geometry, geometryCases } from './goldens.js'

const MAX = 50e6

t.test('sizes and offsets are those of timm, torchvision, detectron2 and maskrcnn-benchmark', async t => {
  for (const { source: [width, height], geometry: wanted, resized, offset } of geometryCases) {
    const layout = layOut({ width, height }, geometry(wanted), MAX)
    const name = `${width}x${height} ${JSON.stringify(wanted)}`
    t.same([layout.resized.width, layout.resized.height], resized, name)
    t.same([layout.crop.x, layout.crop.y], offset, name)
  }
})

t.test('by hand', async t => {
  const photo = { width: 500, height: 375 }
  const cropped = layOut(photo, geometry({ resize: 'crop', width: 224, height: 224, cropPct: 0.875 }), MAX)
  t.match(cropped, { width: 224, height: 224, resized: { width: 341, height: 256 }, crop: { x: 58, y: 16, width: 224, height: 224 } })
  t.match(cropped.mapping, { scaleX: 500 / 341, scaleY: 375 / 256, offsetX: 58 * 500 / 341, offsetY: 16 * 375 / 256 })

  const boxed = layOut(photo, geometry({ resize: 'letterbox', width: 100, height: 100, fill: [9, 8, 7] }), MAX)
  t.match(boxed, { width: 100, height: 100, resized: { width: 100, height: 75 }, x: 0, y: 12, background: [9, 8, 7] })
  t.match(boxed.mapping, { scaleX: 5, scaleY: 5, offsetX: 0, offsetY: -60 })

  t.match(layOut(photo, geometry({ resize: 'stretch', width: 50, height: 75 }), MAX).mapping, { scaleX: 10, scaleY: 5, offsetX: 0, offsetY: 0 })
  t.match(layOut(photo, geometry(), MAX), { width: 500, height: 375, mapping: { scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 0 } })
})

t.test('the input lies inside its source, and centred', async t => {
  for (const resize of ['crop', 'letterbox', 'short-edge', 'stretch', 'none'] as const) {
    for (const [width, height] of [[500, 375], [33, 1000], [7, 5]] as const) {
      const { mapping, ...input } = layOut({ width, height }, geometry({ resize, width: 60, height: 60, cropPct: 0.9 }), MAX)
      const left = mapping.offsetX
      const right = input.width * mapping.scaleX + mapping.offsetX
      if (resize !== 'letterbox') t.ok(left >= 0 && right <= width + 1e-9, `${resize} ${width}x${height}`)
      t.ok(Math.abs((left + right) / 2 - width / 2) <= mapping.scaleX, `${resize} ${width}x${height} is centred`)
    }
  }
})

t.test('a side is never 0', async t => {
  const thread = { width: 30000, height: 1 }
  t.match(layOut(thread, geometry({ resize: 'letterbox' }), MAX), { width: 64, height: 64, resized: { width: 64, height: 1 } })
  for (const rounding of ['truncate', 'half-up'] as const) {
    const layout = layOut(thread, geometry({ resize: 'short-edge', width: 800, height: 800, longest: 1333, rounding }), MAX)
    t.ok(layout.height >= 1 && layout.width <= 30000, rounding)
  }
})

t.test('a giant is refused', async t => {
  const thread = { width: 30000, height: 1 }
  t.throws(() => layOut(thread, geometry({ resize: 'short-edge', width: 800, height: 800 }), MAX), { code: 'image_too_large', status: 413 })
  t.throws(() => layOut(thread, geometry({ resize: 'stretch', width: 10000, height: 10000 }), MAX), { code: 'image_too_large' })
  t.match(layOut(thread, geometry({ resize: 'crop' }), MAX), { resized: { width: 64 * 30000 }, width: 64, height: 64 }, 'a crop of a giant is small')
})
