import t from 'tap'
import { Admission } from '../../src/inference/admission.js'

t.test('places are taken by request and given back one image at a time', async t => {
  const admission = new Admission(4)
  const leave = admission.enter(3)
  t.throws(() => admission.enter(2), { code: 'queue_full', status: 429 })
  t.equal(admission.inside, 3, 'a refused request takes nothing')
  leave('done')
  admission.enter(2)
  t.equal(admission.inside, 4)
  leave('dropped')
  leave('dropped')
  leave('dropped')
  t.equal(admission.inside, 2, 'a place is given back once')
})

t.test('Retry-After follows the measured rate', async t => {
  let now = 0
  const admission = new Admission(100, () => now)
  const leave = admission.enter(100)
  for (let second = 0; second < 10; second++) {
    now = second
    for (let image = 0; image < 5; image++) leave('done')
  }
  admission.enter(50)
  // 5 images a second, 20 places missing
  t.throws(() => admission.enter(20), { code: 'queue_full', retryAfter: 4 })
  now = 60
  t.throws(() => admission.enter(20), { code: 'queue_full', retryAfter: 60 }, 'nothing was served for long: the longest wait')
})
