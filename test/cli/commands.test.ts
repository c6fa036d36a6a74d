import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run as runExport } from '../../src/cli/export.js'
import { run as runImport } from '../../src/cli/import.js'
import { run as runPull } from '../../src/cli/pull.js'
import { run as runServe } from '../../src/cli/serve.js'
import { DEFAULT_MODEL, floats, picture } from '../build-test-app.js'
import { fakeHub } from '../weights/fake-hub.js'

const CLI = join(process.cwd(), 'dist', 'cli.js')
const REPOSITORY = 'timm/ese_vovnet19b_dw.test'
const FILES = { 'config.json': readFileSync(join(DEFAULT_MODEL, 'config.json')), 'model.safetensors': readFileSync(join(DEFAULT_MODEL, 'model.safetensors')) }

function folder (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-cli-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const COMMANDS = { serve: runServe, pull: runPull, import: runImport, export: runExport }

const environment = (env: Record<string, string>): NodeJS.ProcessEnv => ({ ...process.env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'warn', INSTANCES: '1', TUNE: 'off', ...env })

interface Ended { code: number, stdout: string, stderr: string }

async function run (args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: environment(env) })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => { stdout += String(chunk) })
  child.stderr.on('data', chunk => { stderr += String(chunk) })
  const [code] = await once(child, 'exit')
  return { code, stdout, stderr }
}

/** Serves until `work` is done with its address. */
async function serving (args: string[], env: Record<string, string>, work: (url: string) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [CLI, 'serve', ...args], { env: environment(env) })
  let errors = ''
  child.stderr.on('data', chunk => { errors += String(chunk) })
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let output = ''
      child.stdout.on('data', chunk => {
        output += String(chunk)
        const ready = /is ready on (\S+) with/.exec(output)
        if (ready !== null) resolve(ready[1]!)
      })
      child.once('exit', code => reject(new Error(`ended with ${code}: ${errors}`)))
    })
    await work(url)
  } finally {
    child.kill('SIGKILL')
  }
}

async function stage5 (url: string): Promise<{ model: string, values: Float32Array }> {
  const body = await picture(200, 160, 'png')
  const { model, images } = await (await fetch(`${url}/v1/features`, { method: 'POST', headers: { 'content-type': 'image/png' }, body })).json() as { model: string, images: [{ features: { stage5: { data: string } } }] }
  return { model, values: floats(images[0].features.stage5.data) }
}

t.test('one file served straight away, imported, exported', async t => {
  const dir = folder(t)
  const file = join(dir, 'mine.bin')
  cpSync(join(DEFAULT_MODEL, 'model.safetensors'), file) // its format is told by its content
  const weights = join(dir, 'weights')
  await serving([file, '--request-timeout-ms', '20000'], { WEIGHTS_DIR: weights, MODELS: 'others', DEFAULT_MODEL: 'others' }, async url => {
    const { model, values } = await stage5(url)
    t.equal(model, 'mine')
    t.equal(values.length, 512 * 7 * 7)
  })
  t.notOk(existsSync(weights))

  const imported = await run(['import', file, '--name', 'vision/mine', '--dir', weights])
  t.match(imported, { code: 0, stdout: /^wrote \S+model\.safetensors \(5\.6 MB\); vovnet-serve serve --models vision\/mine\n$/ })

  const onnx = join(dir, 'out.onnx')
  const exported = await run(['export', 'vision/mine', '--onnx', onnx, '--outputs', 'stage3, stage5', '--opset', '18'], { WEIGHTS_DIR: weights })
  t.match(exported, { code: 0, stdout: /^wrote \S+out\.onnx \(5\.\d MB, opset 18\): stage3, stage5; run over two images .* greatest difference 0 of a spread of / })
  t.ok(existsSync(onnx))
})

t.test('a model pulled by hand, and by MODELS at start', async t => {
  const hub = await fakeHub(t, FILES)
  const dir = folder(t)
  const env = { HF_ENDPOINT: `${hub.endpoint}/`, HF_TOKEN: 'hf_of-the-test', WEIGHTS_DIR: dir }
  const pulled = await run(['pull', REPOSITORY, '--name', 'mine'], env)
  t.match(pulled, { code: 0, stdout: /^wrote \S+mine: V-19-slim-dw-eSE, 5\.6 MB, sha256 checked, commit 0123456789ab; vovnet-serve serve --models mine\n$/ })
  t.match(pulled.stderr, /^model\.safetensors: 5\.6 MB of 5\.6 MB \(100 %\)/m)
  await serving([], { ...env, MODELS: `${REPOSITORY},mine`, LOG_LEVEL: 'info' }, async url => {
    const { model } = await stage5(url)
    t.equal(model, REPOSITORY)
  })
  t.strictSame(readdirSync(join(dir, 'timm', 'ese_vovnet19b_dw.test')).sort(), ['config.json', 'model.json', 'model.safetensors'])
  t.ok(hub.asked.every(({ authorization }) => authorization === 'Bearer hf_of-the-test'))
})

t.test('mistakes say what was expected, and none says the token', async t => {
  const hub = await fakeHub(t, {})
  const good = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_of-the-test', WEIGHTS_DIR: folder(t) }
  const cases: Array<[args: [keyof typeof COMMANDS, ...string[]], env: Record<string, string>, code: string, says: RegExp]> = [
    [['pull', REPOSITORY], {}, 'hub_not_found', /must have model\.safetensors or pytorch_model\.bin at revision main/],
    [['pull'], {}, 'invalid_parameter', /pull takes one repository, received none; see vovnet-serve pull --help/],
    [['pull', 'vovnet39'], {}, 'invalid_parameter', /a repository must be named org\/name/],
    [['pull', REPOSITORY], { HF_TOKEN: 'hf_of-the-test\n' }, 'invalid_setting', /HF_TOKEN must be a token without spaces, received something else/],
    [['pull', REPOSITORY], { HF_ENDPOINT: 'huggingface.co' }, 'invalid_setting', /HF_ENDPOINT must be an http or https address/],
    [['import', 'none.pth', '--name', 'x'], {}, 'weights_folder', /none\.pth: no such file/],
    [['import', DEFAULT_MODEL], {}, 'invalid_parameter', /--name must be the id the model is to have/],
    [['export', 'none', '--onnx', 'x.onnx'], {}, 'weights_folder', /none: must be a file, a folder or the id of a model in /],
    [['export', DEFAULT_MODEL], {}, 'invalid_parameter', /--onnx must be the file to write/],
    [['serve', 'a.pth', 'b.pth'], {}, 'invalid_parameter', /serve takes one checkpoint or model folder, received a\.pth b\.pth/]
  ]
  for (const [[command, ...args], env, code, says] of cases) {
    for (const [name, value] of Object.entries({ ...good, ...env })) process.env[name] = value
    const error = await COMMANDS[command](args).catch((error: Error) => error) as Error
    t.match(error, { code, message: says }, `${command} ${args.join(' ')}`)
    t.notMatch(error.message, /hf_of/)
  }
  const { code, stderr } = await run(['serve'], { ...good, MODELS: REPOSITORY })
  t.equal(code, 1)
  t.match(stderr, /\nvovnet-serve: MODELS names timm\/ese_vovnet19b_dw\.test, which is not in [^\n]+\n$/)
  t.notMatch(stderr, /hf_of/)
})

t.test('help', async t => {
  for (const command of ['pull', 'import', 'export']) {
    const { code, stdout } = await run([command, '--help'])
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^[A-Z][^\n]+(?:\n[^\n]+)*\n\nUsage: vovnet-serve ${command} <`))
  }
})
