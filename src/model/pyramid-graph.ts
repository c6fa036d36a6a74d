import type { GraphBuilder } from './graph-builder.js'
import type { MapName, Network } from './network.js'
import { PYRAMID_MULTIPLE } from './shapes.js'

/** Zeros right and bottom of [N, C, H, W] until both sides are whole multiples of 32. */
export function addPadding (builder: GraphBuilder, input: string): string {
  const ints = (name: string, values: number[]): string => builder.constant(`pad.${name}`, 'int64', values)
  const shape = builder.node('pad.shape', 'Shape', [input])
  const sides = builder.node('pad.sides', 'Slice', [shape, ints('from', [2]), ints('to', [4])])
  // Integer Mod takes the divisor's sign: (-side) mod 32 is what is missing to the next multiple.
  const missing = builder.node('pad.missing', 'Mod', [builder.node('pad.negative', 'Neg', [sides]), ints('multiple', [PYRAMID_MULTIPLE])])
  const pads = builder.node('pad.pads', 'Concat', [ints('none', [0, 0, 0, 0, 0, 0]), missing], { axis: { int: 0 } })
  return builder.node('pad.padded', 'Pad', [input, pads])
}

/**
 * detectron2's FPN over the stages' maps: from the coarsest, each map goes through its 1x1 lateral convolution, takes the coarser
 * sum doubled by nearest neighbour, and leaves through its 3x3 output convolution. p6 halves the coarsest output once more.
 * @param computed the name of a map's values
 */
export function addPyramid (builder: GraphBuilder, { pyramid }: Network, computed: (map: MapName) => string): void {
  if (pyramid === undefined) return
  const conv = (output: string, name: string, input: string, kernel: 1 | 3, stride = 1): string =>
    builder.node(output, 'Conv', [input, builder.weight(`${name}.weight`), builder.weight(`${name}.bias`)],
      { kernel_shape: { ints: [kernel, kernel] }, pads: { ints: Array<number>(4).fill(kernel === 3 ? 1 : 0) }, strides: { ints: [stride, stride] } })
  let coarser: string | undefined
  for (const stage of [...pyramid.stages].reverse()) {
    let sum = conv(`fpn.lateral.${stage}`, `fpn.lateral.${stage}`, computed(`stage${stage}` as MapName), 1)
    if (coarser !== undefined) {
      const scales = builder.constant('fpn.scales', 'float32', [1, 1, 2, 2])
      const doubled = builder.node(`fpn.doubled.${stage}`, 'Resize', [coarser, '', scales],
        { mode: { text: 'nearest' }, nearest_mode: { text: 'floor' }, coordinate_transformation_mode: { text: 'asymmetric' } })
      sum = builder.node(`fpn.sum.${stage}`, 'Add', [sum, doubled])
    }
    conv(computed(`p${stage}` as MapName), `fpn.output.${stage}`, sum, 3)
    coarser = sum
  }
  const coarsest = computed(`p${Math.max(...pyramid.stages)}` as MapName)
  if (pyramid.top === 'conv') conv(computed('p6'), 'fpn.top.6', coarsest, 3, 2)
  else builder.node(computed('p6'), 'MaxPool', [coarsest], { kernel_shape: { ints: [1, 1] }, strides: { ints: [2, 2] } })
}
