import t from 'tap'
import { Admission, type Arrival } from '../../src/inference/admission.js'

const arrival = (images: number, more: Partial<Arrival> = {}): Arrival => ({ images, bytes: 0, expectedMs: 0, remainingMs: 1000, ...more })

t.test('places are taken by request and given back one image at a time', async t => {
  const admission = new Admission({ images: 4, bytes: 1000 })
  const leave = admission.enter(arrival(3))
  t.throws(() => admission.enter(arrival(2)), { code: 'queue_full', status: 429 })
  t.equal(admission.inside.images, 3, 'a refused request takes nothing')
  leave('done')
  admission.enter(arrival(2))
  t.equal(admission.inside.images, 4)
  leave('dropped')
  leave('dropped')
  leave('dropped')
  t.equal(admission.inside.images, 2, 'a place is given back once')
})

t.test('bytes are bounded too, but one large request alone passes', async t => {
  const admission = new Admission({ images: 100, bytes: 1000 })
  const leave = admission.enter(arrival(2, { bytes: 5000 }))
  t.throws(() => admission.enter(arrival(1, { bytes: 1 })), { code: 'queue_full' })
  leave('done')
  t.equal(admission.inside.bytes, 5000, 'held until the request\'s last image')
  leave('done')
  t.equal(admission.inside.bytes, 0)
  admission.enter(arrival(1, { bytes: 600 }))
  t.throws(() => admission.enter(arrival(1, { bytes: 500 })), { code: 'queue_full' })
})

t.test('a deadline that cannot be met is refused at once', async t => {
  const admission = new Admission({ images: 100, bytes: 1000 })
  t.throws(() => admission.enter(arrival(1, { expectedMs: 3100, remainingMs: 1000 })), { code: 'deadline_unreachable', status: 429, retryAfter: 3 })
  t.throws(() => admission.enter(arrival(1, { expectedMs: 0, remainingMs: -2 })), { code: 'deadline_exceeded', status: 504 }, 'it passed while the body came')
  t.equal(admission.inside.images, 0)
  admission.enter(arrival(1, { expectedMs: 900, remainingMs: 1000 }))
  t.equal(admission.inside.images, 1)
})

t.test('Retry-After follows the measured rate', async t => {
  let now = 0
  const admission = new Admission({ images: 100, bytes: 1000 }, () => now)
  const leave = admission.enter(arrival(100))
  for (let second = 0; second < 10; second++) {
    now = second
    for (let image = 0; image < 5; image++) leave('done')
  }
  admission.enter(arrival(50))
  // 5 images a second, 20 places missing
  t.throws(() => admission.enter(arrival(20)), { code: 'queue_full', retryAfter: 4 })
  now = 60
  t.throws(() => admission.enter(arrival(20)), { code: 'queue_full', retryAfter: 60 }, 'nothing was served for long: the longest wait')
})
