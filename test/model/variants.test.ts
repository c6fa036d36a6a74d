import t from 'tap'
import { findVariant, variantNamed, VARIANTS } from '../../src/model/variants.js'

t.test('the published variants under their names', async t => {
  t.same(VARIANTS.map(({ name }) => name), [
    'V-19-slim-dw-eSE', 'V-19-dw-eSE', 'V-19-slim-eSE', 'V-19-eSE', 'V-39-eSE', 'V-57-eSE', 'V-99-eSE', 'V-27-slim', 'V-39', 'V-57', 'V-19-slim-348-eSE', 'V-27-slim-348-eSE'
  ])
  t.equal(variantNamed('V-57-eSE')!.blockPerStage[2], 4)
  t.equal(variantNamed('v-57-ese'), undefined)
})

t.test('a spec is found by its structure, whatever it is called', async t => {
  for (const variant of VARIANTS) t.equal(findVariant({ ...variant, name: 'mine' }), variant)
  const v39 = variantNamed('V-39-eSE')!
  t.equal(findVariant({ ...v39, eSE: false })!.name, 'V-39')
  for (const change of [{ stem: [64, 64, 64] }, { stageConvCh: [128, 160, 192, 225] }, { stageOutCh: [256, 512, 768, 1000] }, { layerPerBlock: 4 }, { blockPerStage: [1, 1, 2, 3] }, { dw: true }]) {
    t.equal(findVariant({ ...v39, ...change } as typeof v39), undefined, JSON.stringify(change))
  }
})
