import t from 'tap'
import { parseVariantSpec } from '../../src/model/variant-spec.js'
import { findVariant } from '../../src/model/variants.js'

const V39 = { stem: [64, 64, 128], stage_conv_ch: [128, 160, 192, 224], stage_out_ch: [256, 512, 768, 1024], layer_per_block: 5, block_per_stage: [1, 1, 2, 2], eSE: true, dw: false }

t.test('the words of the original implementation', async t => {
  const spec = parseVariantSpec(V39, 'mine')
  t.equal(spec.name, 'mine')
  t.equal(findVariant(spec)!.name, 'V-39-eSE')
})

t.test('what is not a spec is refused by the field at fault', async t => {
  const cases: Array<[unknown, string]> = [
    [null, 'variant'], ['V-39', 'variant'], [[], 'variant'],
    [{ ...V39, width: 2 }, 'variant.width'],
    [{ ...V39, stem: [64, 64] }, 'variant.stem'],
    [{ ...V39, stem: '64,64,128' }, 'variant.stem'],
    [{ ...V39, stage_conv_ch: undefined }, 'variant.stage_conv_ch'],
    [{ ...V39, stage_out_ch: [256, 512, 0, 1024] }, 'variant.stage_out_ch[2]'],
    [{ ...V39, stage_out_ch: [256, 512, 768, 8193] }, 'variant.stage_out_ch[3]'],
    [{ ...V39, block_per_stage: [1, 1.5, 2, 2] }, 'variant.block_per_stage[1]'],
    [{ ...V39, block_per_stage: [1, 1, 65, 2] }, 'variant.block_per_stage[2]'],
    [{ ...V39, layer_per_block: '5' }, 'variant.layer_per_block'],
    [{ ...V39, layer_per_block: NaN }, 'variant.layer_per_block'],
    [{ ...V39, eSE: 1 }, 'variant.eSE'],
    [{ ...V39, dw: undefined }, 'variant.dw'],
    [{ ...V39, stage_conv_ch: [8192, 8192, 8192, 8192] }, 'variant'] // each width is allowed, their product is not
  ]
  for (const [json, param] of cases) t.throws(() => parseVariantSpec(json, 'mine'), { code: 'weights_folder', param }, JSON.stringify(json))
})
