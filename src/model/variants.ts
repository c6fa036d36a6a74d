import type { Quad, VariantSpec } from './network.js'

const SLIM: Quad = [64, 80, 96, 112]
const WIDE: Quad = [128, 160, 192, 224]
const SLIM_OUT: Quad = [112, 256, 384, 512]
const WIDE_OUT: Quad = [256, 512, 768, 1024]

function variant (name: string, stageConvCh: Quad, stageOutCh: Quad, layerPerBlock: number, blockPerStage: Quad, flags: { eSE: boolean, dw?: boolean }): VariantSpec {
  const dw = flags.dw === true
  return { name, stem: dw ? [64, 64, 64] : [64, 64, 128], stageConvCh, stageOutCh, layerPerBlock, blockPerStage, eSE: flags.eSE, dw }
}

const V2 = { eSE: true }
const V1 = { eSE: false }

/**
 * Every built-in variant. VoVNetV2 as in youngwanLEE/vovnet-detectron2, VoVNet (v1) as in stigma0617/VoVNet.pytorch, and the
 * two of 1e100/vovnet_v2 (its `vovnet19` and `vovnet27_slim`) whose stage4 puts out 348 channels where the others have 384.
 */
export const VARIANTS: readonly VariantSpec[] = [
  variant('V-19-slim-dw-eSE', SLIM, SLIM_OUT, 3, [1, 1, 1, 1], { eSE: true, dw: true }),
  variant('V-19-dw-eSE', WIDE, WIDE_OUT, 3, [1, 1, 1, 1], { eSE: true, dw: true }),
  variant('V-19-slim-eSE', SLIM, SLIM_OUT, 3, [1, 1, 1, 1], V2),
  variant('V-19-eSE', WIDE, WIDE_OUT, 3, [1, 1, 1, 1], V2),
  variant('V-39-eSE', WIDE, WIDE_OUT, 5, [1, 1, 2, 2], V2),
  variant('V-57-eSE', WIDE, WIDE_OUT, 5, [1, 1, 4, 3], V2),
  variant('V-99-eSE', WIDE, WIDE_OUT, 5, [1, 3, 9, 3], V2),
  variant('V-27-slim', SLIM, [128, 256, 384, 512], 5, [1, 1, 1, 1], V1),
  variant('V-39', WIDE, WIDE_OUT, 5, [1, 1, 2, 2], V1),
  variant('V-57', WIDE, WIDE_OUT, 5, [1, 1, 4, 3], V1),
  variant('V-19-slim-348-eSE', SLIM, [128, 256, 348, 512], 3, [1, 1, 1, 1], V2),
  variant('V-27-slim-348-eSE', SLIM, [128, 256, 348, 512], 5, [1, 1, 1, 1], V2)
]

/** The built-in variant of that name, undefined when there is none. */
export function variantNamed (name: string): VariantSpec | undefined {
  return VARIANTS.find(variant => variant.name === name)
}

/** The built-in variant with the same widths and depths, whatever the spec is called. */
export function findVariant (spec: VariantSpec): VariantSpec | undefined {
  return VARIANTS.find(variant => sameStructure(variant, spec))
}

function sameStructure (a: VariantSpec, b: VariantSpec): boolean {
  return same(a.stem, b.stem) && same(a.stageConvCh, b.stageConvCh) && same(a.stageOutCh, b.stageOutCh) &&
    same(a.blockPerStage, b.blockPerStage) && a.layerPerBlock === b.layerPerBlock && a.eSE === b.eSE && a.dw === b.dw
}

function same (a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
