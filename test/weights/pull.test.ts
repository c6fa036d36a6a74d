import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { pullModel, type Pulled, type PullOptions } from '../../src/weights/pull.js'
import { pullMissing } from '../../src/weights/pull-missing.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { nextHop } from '../../src/weights/pull-request.js'
import { COMMIT, fakeHub, sha256, type FakeHub, type Misbehaviour } from './fake-hub.js'

const REPOSITORY = 'timm/ese_vovnet19b_dw.test'
const CONFIG = readFileSync(join(DEFAULT_MODEL, 'config.json'))
const WEIGHTS = readFileSync(join(DEFAULT_MODEL, 'model.safetensors'))
const FILES = { 'config.json': CONFIG, 'model.safetensors': WEIGHTS }
const TOKEN = 'hf_a-secret-of-the-test'

function folder (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-pull-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function pull ({ endpoint }: { endpoint: string }, dir: string, options: Partial<PullOptions> & { token?: string } = {}): Promise<Pulled> {
  const { token = '', ...rest } = options
  return await pullModel({ endpoint, token }, { repository: REPOSITORY, revision: 'main', dir, id: REPOSITORY, retryMs: 1, ...rest })
}

/** What was asked for of the checkpoint. */
const ranges = (hub: FakeHub): Array<string | undefined> => hub.asked.filter(({ path }) => path.endsWith('model.safetensors')).map(({ range }) => range)

/** A range that begins where the bytes that came before end; of those, what fetch still held when the connection broke is lost. */
function goesOn (t: Test, range: string | undefined, sent: number): number {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1])
  t.ok(start <= sent && start > sent - 300_000, `${range} after ${sent} bytes`)
  return start
}

/** Nothing a server would see, and nothing that costs room. */
function holdsNothing (t: Test, dir: string): void {
  t.strictSame(readdirSync(dir), [], 'nothing is left behind')
}

t.test('a model arrives whole, says where it is from, and is left alone the next time', async t => {
  const hub = await fakeHub(t, FILES)
  const dir = folder(t)
  const seen: number[] = []
  const pulled = await pull(hub, dir, { onProgress: ({ file, done, total }) => { if (file === 'model.safetensors') { seen.push(done); t.equal(total, WEIGHTS.length) } } })
  t.equal(pulled.folder, join(dir, 'timm', 'ese_vovnet19b_dw.test'))
  t.match(pulled.checkpoint, { size: WEIGHTS.length, checked: 'sha256', commit: COMMIT })
  t.strictSame(readdirSync(pulled.folder).sort(), ['config.json', 'model.json', 'model.safetensors'])
  t.strictSame(readFileSync(join(pulled.folder, 'model.safetensors')), WEIGHTS)
  t.strictSame(readdirSync(dir), ['timm'], 'no partial folder, no lock')
  t.strictSame(hub.asked.map(({ path }) => path), [`/${REPOSITORY}/resolve/main/config.json`, `/${REPOSITORY}/resolve/${COMMIT}/model.safetensors`], 'both files of one commit')
  t.equal(hub.asked[0]!.authorization, undefined)
  t.strictSame([seen[0], seen.at(-1)], [0, WEIGHTS.length])
  t.ok(seen.every((done, index) => index === 0 || done > seen[index - 1]!))
  const model = loadModel(modelAt(pulled.folder))
  t.match(model, { sha256: sha256(WEIGHTS), network: { variant: { name: 'V-19-slim-dw-eSE' } }, source: `${hub.endpoint}/${REPOSITORY} at ${COMMIT}` })
  const again = await pull(hub, dir)
  t.equal(again.checkpoint, undefined)
  t.equal(hub.asked.length, 2)
})

t.test('a connection cut midway is gone on with', async t => {
  const cuts = [1_000_000, 2_000_000]
  const hub = await fakeHub(t, FILES, { cutAfter: time => cuts[time - 1] })
  const { folder: target } = await pull(hub, folder(t))
  t.strictSame(readFileSync(join(target, 'model.safetensors')), WEIGHTS)
  const [first, second, third] = ranges(hub)
  t.equal(first, undefined)
  goesOn(t, third, goesOn(t, second, 1_000_000) + 2_000_000)
  t.equal(ranges(hub).length, 3)
  t.equal(hub.asked.at(-1)!.ifRange, `"${sha256(WEIGHTS)}"`)
})

t.test('a pull that was given up goes on in the next one', async t => {
  let up = false
  const hub = await fakeHub(t, FILES, { cutAfter: () => up ? undefined : 400_000 })
  const dir = folder(t)
  await t.rejects(pull(hub, dir), { code: 'hub_unavailable', message: /gave up after 5 tries, the \d+ bytes that came are kept/ })
  const kept = statSync(join(dir, '.timm--ese_vovnet19b_dw.test.partial', 'model.safetensors.partial')).size
  t.ok(kept > 400_000, 'each try went on where the one before broke off')
  t.notOk(existsSync(join(dir, 'timm')), 'no model yet')
  up = true
  const { folder: target } = await pull(hub, dir)
  t.strictSame(readFileSync(join(target, 'model.safetensors')), WEIGHTS)
  t.equal(ranges(hub).at(-1), `bytes=${kept}-`)
})

t.test('all was there but its name: one byte is asked for', async t => {
  const hub = await fakeHub(t, FILES)
  const dir = folder(t)
  const broken = await fakeHub(t, FILES, { cutAfter: time => time === 1 ? WEIGHTS.length - 10 : 0 })
  await t.rejects(pull(broken, dir), { code: 'hub_unavailable' })
  const partial = join(dir, '.timm--ese_vovnet19b_dw.test.partial', 'model.safetensors.partial')
  writeFileSync(partial, WEIGHTS)
  await pull(hub, dir)
  t.strictSame(ranges(hub), [`bytes=${WEIGHTS.length - 1}-`])
})

t.test('another content than the one begun, or a hub without ranges: everything anew', async t => {
  for (const [what, lacks] of [['another content', undefined], ['another content, and If-Range is not known', 'if-range'], ['no ranges', 'range']] as const) {
    let up = false
    const hub = await fakeHub(t, { ...FILES, 'model.safetensors': what === 'no ranges' ? WEIGHTS : Buffer.alloc(WEIGHTS.length, 7) }, {
      cutAfter: () => up ? undefined : 400_000,
      before: request => { if (up && lacks !== undefined) delete request.headers[lacks]; return false }
    })
    const dir = folder(t)
    await t.rejects(pull(hub, dir), { code: 'hub_unavailable' })
    hub.files.set('model.safetensors', WEIGHTS)
    up = true
    const begins: number[] = []
    const { folder: target } = await pull(hub, dir, { onProgress: ({ file, done }) => { if (file === 'model.safetensors') begins.push(done) } })
    t.equal(begins[0], 0, what)
    t.strictSame(readFileSync(join(target, 'model.safetensors')), WEIGHTS, what)
    t.equal(ranges(hub).length, what.includes('If-Range') ? 7 : 6, `${what}: found out by the answer, before its body`)
  }
})

t.test('a damaged beginning is found by the hash and brought anew', async t => {
  let up = false
  const hub = await fakeHub(t, FILES, { cutAfter: () => up ? undefined : 400_000 })
  const dir = folder(t)
  await t.rejects(pull(hub, dir), { code: 'hub_unavailable' })
  const partial = join(dir, '.timm--ese_vovnet19b_dw.test.partial', 'model.safetensors.partial')
  writeFileSync(partial, Buffer.alloc(statSync(partial).size, 1))
  up = true
  const { folder: target } = await pull(hub, dir)
  t.strictSame(readFileSync(join(target, 'model.safetensors')), WEIGHTS)
  t.match(ranges(hub).slice(-2), [/^bytes=/, undefined])
})

t.test('a hub that lies is found out and nothing of it is kept', async t => {
  const lies: Array<[what: string, misbehaviour: Misbehaviour, code: string]> = [
    ['a wrong sha256', { headers: (headers, name) => name === 'config.json' ? headers : { ...headers, 'x-linked-etag': `"${'0'.repeat(64)}"` } }, 'hub_corrupt'],
    ['a wrong sha256 in the etag alone', { headers: (headers, name) => name === 'config.json' ? headers : { ...headers, 'x-linked-etag': undefined, etag: `"${'0'.repeat(64)}"` } }, 'hub_corrupt'],
    ['a wrong git hash', { headers: headers => ({ ...headers, 'x-linked-etag': `"${'0'.repeat(40)}"` }) }, 'hub_corrupt'],
    ['two lengths', { headers: headers => ({ ...headers, 'x-linked-size': String(Number(headers['x-linked-size']) - 1) }) }, 'hub_corrupt'],
    ['two lengths, the other way', { headers: (headers, name) => name === 'config.json' ? headers : { ...headers, 'x-linked-size': String(WEIGHTS.length + 1) } }, 'hub_corrupt'],
    ['more and more, without a hash', { headers: headers => ({ ...headers, 'content-length': undefined, 'x-linked-size': '500', 'x-linked-etag': undefined, etag: undefined }), endless: true }, 'hub_corrupt'],
    ['more than it said, in chunks', { headers: headers => ({ ...headers, 'content-length': undefined, 'x-linked-size': '500' }) }, 'hub_corrupt']
  ]
  for (const [what, misbehaviour, code] of lies) {
    const dir = folder(t)
    const hub = await fakeHub(t, FILES, misbehaviour)
    await t.rejects(pull(hub, dir), { code }, what)
    t.notOk(existsSync(join(dir, 'timm')), what)
    const left = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(name => name.includes('model.safetensors') || name.endsWith('.partial.json'))
    t.strictSame(left, [], what)
  }
})

t.test('a body shorter than its length: bounded tries, then an error', async t => {
  const hub = await fakeHub(t, FILES, { headers: headers => ({ ...headers, connection: 'close', 'x-linked-size': undefined, 'content-length': String(Number(headers['content-length']) + 10) }) })
  const dir = folder(t)
  await t.rejects(pull(hub, dir), { code: 'hub_unavailable' })
  t.ok(hub.asked.length <= 10, `${hub.asked.length} requests`)
  t.notOk(existsSync(join(dir, 'timm')))
})

t.test('a store on another host gets no token, and its own etag is not taken for the content\'s hash', async t => {
  const store = await fakeHub(t, FILES, { headers: headers => ({ ...headers, etag: `"${'f'.repeat(64)}"`, 'x-linked-etag': undefined, 'x-linked-size': undefined, 'x-repo-commit': undefined }) })
  const hub = await fakeHub(t, FILES, {
    before: (request, response) => {
      if (request.url!.startsWith('/elsewhere')) return false
      const weights = request.url!.endsWith('model.safetensors')
      response.writeHead(weights ? 302 : 307, { location: weights ? `${store.endpoint}/cdn/model.safetensors` : '/elsewhere/config.json', 'x-repo-commit': COMMIT, ...weights ? { 'x-linked-etag': `"${sha256(WEIGHTS)}"`, 'x-linked-size': String(WEIGHTS.length) } : {} })
      response.end()
      return true
    }
  })
  const { checkpoint } = await pull(hub, folder(t), { token: TOKEN })
  t.match(checkpoint, { checked: 'sha256', commit: COMMIT })
  t.strictSame(store.asked.map(({ authorization }) => authorization), [undefined])
  t.ok(hub.asked.every(({ authorization }) => authorization === `Bearer ${TOKEN}`), 'the hub itself does, behind a redirect of its own too')
})

t.test('a hub that says nothing of the content: the store\'s word for it is no hash', async t => {
  const store = await fakeHub(t, FILES, { headers: headers => ({ ...headers, etag: `"${'f'.repeat(64)}"`, 'x-linked-etag': `"${'e'.repeat(64)}"` }) })
  const hub = await fakeHub(t, {}, { before: (request, response) => response.writeHead(302, { location: store.endpoint + request.url! }).end() === response })
  t.match(await pull(hub, folder(t)), { checkpoint: { checked: undefined, size: WEIGHTS.length } })
})

t.test('redirects that lead nowhere end', async t => {
  for (const location of ['/again/config.json', 'ftp://127.0.0.1/config.json', 'data:application/json,{}', 'http://[']) {
    const hub = await fakeHub(t, FILES, { before: (_request, response) => { response.writeHead(302, { location }).end(); return true } })
    await t.rejects(pull(hub, folder(t)), { code: 'hub_unavailable' }, location)
    t.ok(hub.asked.length <= 30, `${hub.asked.length} requests`)
  }
  t.throws(() => nextHop(new URL('https://hub.test/a'), 'http://hub.test/a'), { code: 'hub_unavailable' }, 'from https to http')
  t.equal(nextHop(new URL('http://hub.test/a'), 'https://other.test/b').href, 'https://other.test/b')
})

t.test('tokens: asked for, refused, terms not accepted; never in a message', async t => {
  const hub = await fakeHub(t, FILES, {
    before: (request, response) => {
      const { authorization } = request.headers
      if (authorization === `Bearer ${TOKEN}`) return false
      if (authorization === 'Bearer gated') response.writeHead(403, { 'x-error-code': 'GatedRepo' })
      else response.writeHead(401, { 'x-error-code': 'RepoNotFound' })
      response.end()
      return true
    }
  })
  const cases: Array<[token: string, says: RegExp]> = [['', /401.* needs HF_TOKEN/], ['hf_wrong', /401: HF_TOKEN is not valid/], ['gated', /403: HF_TOKEN may not read it; its terms/]]
  for (const [token, says] of cases) {
    const dir = folder(t)
    const error = await pull(hub, dir, { token }).catch((error: Error) => error) as Error
    t.match(error, { code: 'hub_unauthorized', message: says })
    if (token !== '') t.notMatch(`${error.message}${error.stack}`, token.startsWith('hf') ? token : 'Bearer')
  }
  t.equal(hub.asked.length, 3, 'no second try')
  t.match(await pull(hub, folder(t), { token: TOKEN }), { checkpoint: { checked: 'sha256' } })
})

t.test('what is not there', async t => {
  const refusing = async (code: string): Promise<FakeHub> => await fakeHub(t, FILES, { before: (_request, response) => { response.writeHead(404, code === '' ? {} : { 'x-error-code': code }).end(); return true } })
  for (const [code, param] of [['RepoNotFound', 'repository'], ['RevisionNotFound', 'revision'], ['', 'repository']] as const) {
    const dir = folder(t)
    await t.rejects(pull(await refusing(code), dir), { code: 'hub_not_found', param }, code)
    holdsNothing(t, dir)
  }
  const bin = readFileSync(join('test', 'checkpoint', 'files', 'timm-b-dw.bin'))
  const other = await fakeHub(t, { 'pytorch_model.bin': bin })
  const { folder: target, checkpoint } = await pull(other, folder(t), { revision: 'refs/pr/1' })
  t.strictSame(readdirSync(target).sort(), ['model.json', 'pytorch_model.bin'], 'no config.json and no safetensors')
  t.equal(checkpoint!.checked, 'sha256')
  t.equal(other.asked[0]!.path, `/${REPOSITORY}/resolve/refs%2Fpr%2F1/config.json`)
})

t.test('busy hubs are asked again, a while', async t => {
  const busy = await fakeHub(t, FILES, { before: (_request, response, count) => count % 2 === 1 && response.writeHead([503, 429, 500][count % 3]!, { 'retry-after': '0' }).end() === response })
  await t.resolves(pull(busy, folder(t)))
  const down = await fakeHub(t, FILES, { before: (_request, response) => response.writeHead(503).end() === response })
  await t.rejects(pull(down, folder(t)), { code: 'hub_unavailable', message: /503.*gave up after 5 tries$/ })
  t.equal(down.asked.length, 5)
  await t.rejects(pull({ endpoint: 'http://127.0.0.1:9' }, folder(t)), { code: 'hub_unavailable', message: /no answer from 127\.0\.0\.1:9: / })
})

t.test('a connection that falls silent is given up and gone on with', async t => {
  const hub = await fakeHub(t, FILES, { cutAfter: time => time === 1 ? 1_500_000 : undefined, hang: true })
  const { folder: target } = await pull(hub, folder(t), { stallMs: 300 })
  t.strictSame(readFileSync(join(target, 'model.safetensors')), WEIGHTS)
  t.equal(ranges(hub).length, 2)
  goesOn(t, ranges(hub)[1], 1_500_000)
})

t.test('a slow connection is not a silent one', async t => {
  const hub = await fakeHub(t, FILES, {
    before: (request, response) => {
      if (!request.url!.endsWith('model.safetensors')) return false
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      const pieces = Array.from({ length: 10 }, (_, index) => WEIGHTS.subarray(Math.floor(WEIGHTS.length * index / 10), Math.floor(WEIGHTS.length * (index + 1) / 10)))
      const timer = setInterval(() => {
        const piece = pieces.shift()
        if (piece !== undefined) response.write(piece)
        else {
          clearInterval(timer)
          response.end()
        }
      }, 100)
      return true
    }
  })
  t.match(await pull(hub, folder(t), { stallMs: 700 }), { checkpoint: { size: WEIGHTS.length, checked: undefined } })
  t.equal(ranges(hub).length, 1)
})

t.test('what is no VoVNet does not get into the folder', async t => {
  const dir = folder(t)
  const hub = await fakeHub(t, { ...FILES, 'model.safetensors': readFileSync(join('test', 'checkpoint', 'files', 'evonorm.safetensors')) })
  await t.rejects(pull(hub, dir), { code: 'checkpoint_unrecognised', message: /^timm\/ese_vovnet19b_dw\.test cannot be served: / })
  holdsNothing(t, dir)
  for (const repository of ['vovnet', '../up', 'a/b/c', 'timm/..', 'a/b?c']) await t.rejects(pull(hub, dir, { repository }), { code: 'invalid_parameter' }, repository)
  await t.rejects(pull(hub, dir, { id: '../up' }), { code: 'weights_folder' })
  writeFileSync(join(dir, 'taken.pth'), '')
  await t.rejects(pull(hub, dir, { id: 'taken' }), { code: 'weights_folder' })
})

t.test('of two processes one pulls; a lock left behind does not hold', async t => {
  const hub = await fakeHub(t, FILES)
  const dir = folder(t)
  const lock = join(dir, '.timm--ese_vovnet19b_dw.test.partial.lock')
  writeFileSync(lock, `elsewhere ${process.pid}`)
  let waited = false
  const pulling = pull(hub, dir, {
    onWait: () => {
      waited = true
      t.equal(hub.asked.length, 0)
      rmSync(lock)
    }
  })
  t.equal((await pulling).checkpoint?.checked, 'sha256')
  t.ok(waited)
  for (const [what, owner, age] of [['its process is gone', `${hostname()} 4194303`, 0], ['it was not touched for a minute', 'elsewhere 1', 60]] as const) {
    const fresh = folder(t)
    const left = join(fresh, '.timm--ese_vovnet19b_dw.test.partial.lock')
    writeFileSync(left, owner)
    utimesSync(left, Date.now() / 1000 - age, Date.now() / 1000 - age)
    t.equal((await pull(hub, fresh)).checkpoint?.checked, 'sha256', what)
    t.strictSame(readdirSync(fresh), ['timm'])
  }
})

t.test('at start only what is named as a repository and missing is pulled', async t => {
  const hub = await fakeHub(t, FILES)
  const dir = folder(t)
  let said = ''
  const output = { write: (text: string) => { said += text } }
  await pullMissing({ endpoint: hub.endpoint, token: '' }, ['plain', REPOSITORY], dir, output)
  t.strictSame(readdirSync(dir), ['timm'])
  t.match(said, /ese_vovnet19b_dw\.test is not in .*pulling it from http:/)
  t.match(said, /model\.safetensors: 5\.6 MB of 5\.6 MB \(100 %\)/)
  await pullMissing({ endpoint: hub.endpoint, token: '' }, ['plain', REPOSITORY], dir, output)
  t.equal(hub.asked.length, 2)
  hub.files.clear()
  await t.rejects(pullMissing({ endpoint: hub.endpoint, token: '' }, ['timm/none'], dir, output), { code: 'hub_not_found', message: /^MODELS names timm\/none, which is not in / })
})
