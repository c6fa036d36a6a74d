import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import t from 'tap'
import { buildTestApp, floats } from '../build-test-app.js'
import { golden } from '../checkpoint/expected.js'
import { idOfFile } from '../../src/weights/folder.js'
import { seededImage } from './seeded.js'

interface Goldens {
  height: number
  width: number
  files: Record<string, Record<string, { shape: number[], data: string }>>
}

const { height, width, files } = JSON.parse(readFileSync(new URL('goldens-checkpoints.json', import.meta.url), 'utf8')) as Goldens

t.test('every dialect and format, dropped into the folder and asked over HTTP, answers what PyTorch does', async t => {
  const names = Object.keys(files)
  const { http } = await buildTestApp(t, { models: names.map(golden) })
  const payload = await sharp(seededImage(height, width), { raw: { width, height, channels: 3 } }).png().toBuffer()
  for (const name of names) {
    const outputs = files[name]!
    const query = new URLSearchParams({ model: idOfFile(name)!, resize: 'none', autoorient: 'false', stages: Object.keys(outputs).join(',') })
    const response = await http.inject({ method: 'POST', url: `/v1/features?${query}`, headers: { 'content-type': 'image/png' }, payload })
    t.equal(response.statusCode, 200, `${name}: ${response.body.slice(0, 200)}`)
    const { features } = response.json<{ images: [{ features: Record<string, { shape: number[], data: string }> }] }>().images[0]
    for (const [output, { shape, data }] of Object.entries(outputs)) {
      t.strictSame(features[output]!.shape, shape.slice(1), `${name} ${output}: shape`)
      const [values, expected] = [floats(features[output]!.data), floats(data)]
      const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + (value - mean) ** 2, 0) / expected.length)
      const worst = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - values[index]!)), 0) / deviation
      t.ok(worst <= 1e-4, `${name} ${output}: off by ${worst.toExponential(1)} of its standard deviation`)
    }
  }
})
