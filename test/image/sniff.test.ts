import t from 'tap'
import { sniff } from '../../src/image/sniff.js'
import { decodeCases, file } from './goldens.js'

const formats = { jpg: 'jpeg', png: 'png', webp: 'webp', avif: 'avif', tif: 'tiff', gif: 'gif' } as const

t.test('a format is known by the first bytes', async t => {
  for (const { file: name } of decodeCases) {
    t.equal(sniff(file(name)), formats[name.split('.').pop() as keyof typeof formats], name)
  }
  t.equal(sniff(Buffer.from('4d4d002a00000008', 'hex')), 'tiff', 'big-endian')
  t.equal(sniff(Buffer.from('\0\0\0\x18ftypmif1\0\0\0\0mif1avif', 'latin1')), 'avif', 'a compatible brand')
})

t.test('everything else is refused before a decoder sees it', async t => {
  t.throws(() => sniff(new Uint8Array()), { code: 'empty_body', status: 400 })
  const refused = {
    svg: '<svg xmlns="http://www.w3.org/2000/svg"/>',
    html: '<!doctype html><p>hello',
    pdf: '%PDF-1.7\n',
    heic: '\0\0\0\x18ftypheic\0\0\0\0mif1heic',
    mp4: '\0\0\0\x18ftypisom\0\0\0\0isommp42',
    bmp: 'BM\x46\0\0\0\0\0',
    jxl: '\xff\x0a\0\0',
    zip: 'PK\x03\x04',
    text: 'data:image/png;base64,iVBORw0KGgo=',
    wav: 'RIFF\x24\0\0\0WAVEfmt ',
    'one byte': '\xff',
    'a brand past the box': '\0\0\0\x10ftypheic\0\0\0\0avif'
  }
  for (const [name, bytes] of Object.entries(refused)) {
    t.throws(() => sniff(Buffer.from(bytes, 'latin1')), { code: 'unsupported_image_type', status: 415 }, name)
  }
})
