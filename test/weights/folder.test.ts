import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { findModels, modelAt } from '../../src/weights/folder.js'
import { scratchFolder } from '../checkpoint/scratch-file.js'

/** A weights folder with these (empty) files. */
function folder (t: Test, ...files: string[]): string {
  const root = scratchFolder(t)
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  return root
}

t.test('folders, hub folders and single files are models', t => {
  const root = folder(t, 'README.md', '.cache/x.pth', 'a/model.safetensors', 'b/backbone_final.pth', 'b/notes.txt', 'b/model.json', 'c.pkl', 'vovnet.best.pth.tar',
    'timm/ese_vovnet39b.ra_in1k/model.safetensors', 'timm/ese_vovnet39b.ra_in1k/pytorch_model.bin', 'timm/ese_vovnet39b.ra_in1k/config.json', 'timm/other/pytorch_model.bin', 'timm/README.md')
  t.same(findModels(root).map(({ id, file, ...beside }) => [id, file.slice(root.length + 1), ...Object.values(beside).map(path => path?.slice(root.length + 1))]), [
    ['a', 'a/model.safetensors', undefined, undefined],
    ['b', 'b/backbone_final.pth', undefined, 'b/model.json'],
    ['c', 'c.pkl', undefined, undefined],
    ['timm/ese_vovnet39b.ra_in1k', 'timm/ese_vovnet39b.ra_in1k/model.safetensors', 'timm/ese_vovnet39b.ra_in1k/config.json', undefined],
    ['timm/other', 'timm/other/pytorch_model.bin', undefined, undefined],
    ['vovnet.best', 'vovnet.best.pth.tar', undefined, undefined]
  ])
  t.same(findModels(folder(t)), [], 'an empty folder holds none')
  t.end()
})

t.test('links are followed, as hub caches need', t => {
  const root = folder(t, 'blob')
  mkdirSync(join(root, 'a'))
  symlinkSync(join(root, 'blob'), join(root, 'a', 'model.safetensors'))
  t.same(findModels(root).map(({ id }) => id), ['a'])
  t.end()
})

t.test('what cannot be one model an id is refused', t => {
  const refuses = (files: string[], message: RegExp): unknown => t.throws(() => findModels(folder(t, ...files)), { code: 'weights_folder', message }, String(message))
  refuses(['a/model.safetensors', 'a.pth'], /expected one model with the id a, found .*a\/model\.safetensors|a\.pth/)
  refuses(['a.pth', 'a.pkl'], /one model with the id a/)
  refuses(['a/notes.txt'], /expected model\.safetensors.*found none/)
  refuses(['org/a/model.safetensors', 'org/b/notes.txt'], /org\/b: expected model\.safetensors/)
  refuses(['a/one.pth', 'a/two.pth'], /expected one checkpoint, found one\.pth, two\.pth/)
  refuses(['my model.pth'], /a model's name must be letters/)
  refuses(['my model/model.safetensors'], /a model's name must be letters/)
  t.throws(() => findModels(join(folder(t), 'nowhere')), { code: 'weights_folder', message: /cannot be listed/ })
  t.end()
})

t.test('one checkpoint outside any weights folder', t => {
  const root = folder(t, 'x/net.pth', 'y/model.safetensors', 'y/config.json', 'z/notes.txt')
  t.match(modelAt(join(root, 'x/net.pth')), { id: 'net', file: join(root, 'x/net.pth') })
  t.match(modelAt(join(root, 'y')), { id: 'y', hubConfig: join(root, 'y/config.json') })
  t.match(modelAt(join(root, 'y/')), { id: 'y' })
  t.throws(() => modelAt(join(root, 'z')), { code: 'weights_folder' })
  t.throws(() => modelAt(join(root, 'nowhere')), { code: 'weights_folder' })
  t.end()
})
