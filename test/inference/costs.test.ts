import t from 'tap'
import { Costs } from '../../src/inference/costs.js'

t.test('what was seen is known, smoothed', async t => {
  const costs = new Costs()
  t.equal(costs.runMs('a', 1), undefined)
  costs.observe('a', 1, 10)
  t.equal(costs.runMs('a', 1), 10)
  costs.observe('a', 1, 20)
  t.equal(costs.runMs('a', 1), 12)
  t.equal(costs.runMs('b', 1), undefined)
})

t.test('other sizes follow from those seen', async t => {
  const costs = new Costs()
  costs.observe('a', 2, 10)
  t.equal(costs.runMs('a', 4), 20, 'in proportion to the only one')
  costs.observe('a', 4, 14)
  t.equal(costs.runMs('a', 3), 12, 'on the line through two')
  t.equal(costs.runMs('a', 8), 22)
})

t.test('the table is bounded', async t => {
  const costs = new Costs()
  for (let group = 0; group <= 1000; group++) costs.observe(String(group), 1, 1)
  t.equal(costs.runMs('0', 1), undefined)
  t.equal(costs.runMs('1000', 1), 1)
})
