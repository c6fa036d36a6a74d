// passes.wat -> passes-wasm.ts, after a change of the former. With --check: fails unless the latter is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const source = new URL('passes.wat', import.meta.url)
const target = new URL('passes-wasm.ts', import.meta.url)
const { parseWat } = await wabt()
const { buffer } = parseWat('passes.wat', readFileSync(source, 'utf8'), { simd: true }).toBinary({})
const lines = Buffer.from(buffer).toString('base64').match(/.{1,110}/g).map(line => `  '${line}'`)
const text = `/** passes.wat, assembled by assemble.js. */
export const PASSES_WASM = Buffer.from([
${lines.join(',\n')}
].join(''), 'base64')
`
if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8') !== text) throw new Error('passes-wasm.ts is not what passes.wat makes: run node src/image/kernel/assemble.js')
