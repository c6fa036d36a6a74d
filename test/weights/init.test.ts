import { readdirSync } from 'node:fs'
import t from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { kaimingWeights } from '../../src/model/kaiming.js'
import { loadModel } from '../../src/weights/load.js'
import { findModels } from '../../src/weights/folder.js'
import { initModel } from '../../src/weights/init.js'
import { scratchFolder } from '../checkpoint/scratch-file.js'

t.test('a network nobody trained is written, found and loaded', t => {
  const dir = scratchFolder(t)
  const entry = initModel({ variant: 'V-19-slim-dw-eSE', dir, id: 'fresh', seed: 7 })
  t.same(readdirSync(dir), ['fresh'], 'nothing else is left')
  t.same(findModels(dir), [entry])
  const model = loadModel(entry)
  t.match(model, {
    id: 'fresh',
    dialect: 'detectron2',
    network: { variant: { name: 'V-19-slim-dw-eSE' }, traits: { attention: 'ese', attentionBlocks: 'every' }, classes: 0 },
    preprocess: { normalisation: { range: 1, channels: 'rgb' }, geometry: { resize: 'crop', width: 224, height: 224 }, autoorient: true },
    source: /seed 7: Kaiming weights, not trained/
  })
  const source = openCheckpoint(entry.file)
  t.teardown(() => source.close())
  t.same(source.read('stem.2.conv_pw.weight'), kaimingWeights(model.network, 7)('stem.2.conv_pw.weight'))
  t.throws(() => initModel({ variant: 'V-19-slim-dw-eSE', dir, id: 'fresh', seed: 7 }), { code: 'weights_folder' }, 'never over another')
  t.end()
})

t.test('the dialect is that of the implementation a variant comes from', t => {
  const dir = scratchFolder(t)
  t.match(loadModel(initModel({ variant: 'V-27-slim', dir, id: 'v1', seed: 0 })), { dialect: 'stigma-v1', network: { traits: { attention: 'none', identity: 'after-first' } } })
  t.match(loadModel(initModel({ variant: 'V-19-slim-348-eSE', dir, id: 'org/flat', seed: 0 })), { id: 'org/flat', dialect: '1e100', network: { traits: { pooling: 'padded' } } })
  const spec = { stem: [8, 8, 16], stage_conv_ch: [8, 8, 8, 8], stage_out_ch: [16, 16, 16, 16], layer_per_block: 2, block_per_stage: [1, 2, 1, 1], eSE: true, dw: true }
  t.match(loadModel(initModel({ variant: spec, dir, id: 'own', seed: 0 })), { network: { variant: { name: 'custom', stageOutCh: [16, 16, 16, 16] } } })
  t.throws(() => initModel({ variant: 'V-1', dir, id: 'none', seed: 0 }), { code: 'weights_folder', message: /V-19-slim-dw-eSE/ })
  t.same(readdirSync(dir).sort(), ['org', 'own', 'v1'])
  t.end()
})
