// passes.wat -> passes-wasm.ts. Run by hand after a change of the former.
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const file = name => new URL(name, import.meta.url)
const { parseWat } = await wabt()
const { buffer } = parseWat('passes.wat', readFileSync(file('passes.wat'), 'utf8'), { simd: true }).toBinary({})
const lines = Buffer.from(buffer).toString('base64').match(/.{1,110}/g).map(line => `  '${line}'`)
writeFileSync(file('passes-wasm.ts'), `/** passes.wat, assembled by assemble.js. */
export const PASSES_WASM = Buffer.from([
${lines.join(',\n')}
].join(''), 'base64')
`)
