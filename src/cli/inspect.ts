import { countMacs, countParameters } from '../model/cost.js'
import type { Network } from '../model/network.js'
import { channelsOf, depthFor, minimumSide, mapsOf, strideOf } from '../model/shapes.js'
import { describeModel, type ModelDescription } from '../weights/describe.js'
import { modelAt } from '../weights/folder.js'
import { oneArgument, readArguments } from './arguments.js'

const HELP = `Says what a checkpoint or model folder is, and how that was recognised.

Usage: vovnet-serve inspect <checkpoint or model folder> [--json]

  --json    the same as one JSON object
`

export async function run (args: string[]): Promise<void> {
  const { values, positionals } = readArguments('inspect', args, { json: { type: 'boolean' } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return
  }
  const path = oneArgument('inspect', positionals, 'one checkpoint or model folder')
  const report = reportOf(describeModel(modelAt(path)))
  process.stdout.write(values.json === true ? `${JSON.stringify(report, null, 2)}\n` : textOf(report))
}

type Report = ReturnType<typeof reportOf>

function reportOf ({ network, preprocess, ...model }: ModelDescription) {
  const { width, height } = preprocess.geometry
  return {
    id: model.id,
    file: model.file,
    format: model.format,
    dialect: model.dialect,
    variant: network.variant,
    traits: network.traits,
    parameters: countParameters(network),
    gmacs: { width, height, own: gmacs(network, height, width), at224: gmacs(network, 224, 224) },
    outputs: mapsOf(network).map(name => ({ name, channels: channelsOf(network, name), stride: strideOf(network, name), minimumSide: minimumSide(network, depthFor([name])) })),
    classes: network.classes,
    labels: model.labels ?? null,
    license: model.license ?? null,
    source: model.source ?? null,
    preprocess,
    reasons: model.reasons,
    unused: model.unused
  }
}

function gmacs (network: Network, height: number, width: number): number {
  return Number((countMacs(network, height, width).total / 1e9).toFixed(4))
}

function textOf (report: Report): string {
  const { variant, parameters, gmacs, preprocess: { geometry, normalisation, autoorient } } = report
  const rows: Array<[string, string]> = [
    ['file', `${report.file} (${report.format})`],
    ['variant', variant.name],
    ['', `stem ${variant.stem.join(',')}; layers ${variant.stageConvCh.join(',')}; out ${variant.stageOutCh.join(',')}; ${variant.layerPerBlock} layers a block; blocks ${variant.blockPerStage.join(',')}${variant.dw ? '; depthwise' : ''}`],
    ['dialect', report.dialect],
    ['parameters', `${parameters.total.toLocaleString('en')} (backbone ${parameters.backbone.toLocaleString('en')})`],
    ['GMACs', `${gmacs.own} at ${gmacs.width}x${gmacs.height}, ${gmacs.at224} at 224x224`],
    ...report.outputs.map(({ name, channels, stride }, index): [string, string] => [index === 0 ? 'outputs' : '', `${name.padEnd(7)} ${String(channels).padStart(5)} channels, stride ${stride}`]),
    ['classes', report.classes === 0 ? 'no classifier' : `${report.classes}${report.labels === null ? '' : `: ${report.labels.slice(0, 12).join(', ')}${report.labels.length > 12 ? ', ...' : ''}`}`],
    ['input', `${geometry.resize} ${geometry.width}x${geometry.height}, ${geometry.interpolation}, crop_pct ${geometry.cropPct}, EXIF orientation ${autoorient ? 'applied' : 'ignored'}`],
    ['', `${normalisation.channels.toUpperCase()} 0-${normalisation.range}, mean ${normalisation.mean.join(', ')}, std ${normalisation.std.join(', ')}`],
    ...report.reasons.map((reason, index): [string, string] => [index === 0 ? 'recognised' : '', reason]),
    ['unused', report.unused.length === 0 ? 'no tensors' : `${report.unused.length} tensors: ${report.unused.slice(0, 5).join(', ')}${report.unused.length > 5 ? ', ...' : ''}`]
  ]
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join('')
}
