import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import t from 'tap'

/** Rooms from the top down: a file imports its own room and those below it. Rooms of one row do not know each other. */
const ROWS = [['cli'], ['server.ts'], ['app.ts'], ['observers.ts'], ['http'], ['inference', 'metrics.ts', 'tracing'], ['weights'], ['checkpoint', 'image'], ['model', 'threads'], ['config.ts', 'version.ts'], ['errors.ts']]
/** Packages that only one place may load. */
const KEEPERS: Record<string, RegExp> = { sharp: /^image\//, 'onnxruntime-node': /^inference\/worker\.ts$/, fastify: /^(http\/|app\.ts|tracing\/sdk\.ts)/, '@opentelemetry/sdk-trace-node': /^tracing\/sdk\.ts$/, 'prom-client': /^metrics\.ts$/ }

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const roomOf = (file: string): string => file.replace(/^cli\.ts$/, 'cli/cli.ts').split('/')[0]!
const rowOf = (file: string): number => ROWS.findIndex(row => row.includes(roomOf(file)))

/** Every import of a file, type-only ones too: the direction holds for what is known, not only for what is loaded. */
function importsOf (file: string): string[] {
  const text = readFileSync(join('src', file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(match => match[1]!)
}

t.test('imports point down', async t => {
  for (const file of files) {
    t.ok(rowOf(file) >= 0, `${file} belongs to a room`)
    for (const name of importsOf(file).filter(name => name.startsWith('.'))) {
      const target = relative('src', normalize(join('src', dirname(file), name))).replace(/\.js$/, '.ts')
      const same = roomOf(target) === roomOf(file)
      t.ok(same || rowOf(target) > rowOf(file), `${file} imports ${target}`)
    }
  }
})

t.test('one keeper a native or framework package', async t => {
  for (const file of files) {
    for (const name of importsOf(file)) {
      const keeper = KEEPERS[name]
      if (keeper !== undefined) t.match(file, keeper, `${file} imports ${name}`)
    }
  }
})

t.test('no file is over 300 lines', async t => {
  for (const file of files) {
    const lines = readFileSync(join('src', file), 'utf8').split('\n').length
    t.ok(lines <= 300, `${file}: ${lines}`)
  }
})
