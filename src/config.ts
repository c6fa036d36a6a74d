import { parseArgs } from 'node:util'
import { ServiceError, show } from './errors.js'

/** One setting: an environment variable and, in lower-case with dashes, a flag of `vovnet-serve serve`. */
interface Setting<Value> {
  readonly fallback: string
  readonly expected: string
  readonly about: string
  readonly secret?: boolean
  /** The value, or undefined when the text is not what `expected` says. */
  readonly parse: (text: string) => Value | undefined
}

const text = (fallback: string, about: string): Setting<string> =>
  ({ fallback, about, expected: 'a text', parse: value => value })

/** Hides what it was given from messages: it is a secret. */
const secret = (about: string, expected: string, pattern: RegExp): Setting<string> =>
  ({ fallback: '', about, expected, secret: true, parse: value => value === '' || pattern.test(value) ? value : undefined })

const secrets = (about: string): Setting<readonly string[]> => ({
  fallback: '',
  about,
  expected: 'different texts without spaces, separated by commas',
  secret: true,
  parse: value => parseList(value, part => /^[\x21-\x7e]+$/.test(part) ? part : undefined)
})

const address = (fallback: string, about: string): Setting<string> =>
  ({ fallback, about, expected: 'an http or https address without a user, a query or a fragment', parse: parseAddress })

const addressOrNone = (about: string): Setting<string> =>
  ({ fallback: '', about, expected: 'an http or https address without a user, a query or a fragment, or nothing', parse: value => value === '' ? '' : parseAddress(value) })

const list = (about: string): Setting<readonly string[]> =>
  ({ fallback: '', about, expected: 'names separated by commas', parse: value => value.split(',').map(name => name.trim()).filter(name => name !== '') })

function integer (fallback: number, minimum: number, maximum: number, about: string): Setting<number> {
  return { fallback: String(fallback), about, expected: `a whole number from ${minimum} to ${maximum}`, parse: value => parseInteger(value, minimum, maximum) }
}

function integerOrAuto (minimum: number, maximum: number, about: string): Setting<number | 'auto'> {
  return {
    fallback: 'auto',
    about,
    expected: `auto or a whole number from ${minimum} to ${maximum}`,
    parse: value => value === 'auto' ? 'auto' : parseInteger(value, minimum, maximum)
  }
}

function portOrSame (about: string): Setting<number | 'same'> {
  return { fallback: 'same', about, expected: 'same or a whole number from 0 to 65535', parse: value => value === 'same' ? 'same' : parseInteger(value, 0, 65535) }
}

function choice<const Name extends string> (fallback: Name, names: readonly Name[], about: string): Setting<Name> {
  return { fallback, about, expected: `one of ${names.join(', ')}`, parse: value => names.find(name => name === value) }
}

function integers (minimum: number, maximum: number, about: string): Setting<readonly number[]> {
  return { fallback: '', about, expected: `different whole numbers from ${minimum} to ${maximum}, separated by commas`, parse: value => parseList(value, part => parseInteger(part, minimum, maximum)) }
}

function sizes (maximum: number, about: string): Setting<ReadonlyArray<{ width: number, height: number }>> {
  const parse = (part: string): { width: number, height: number } | undefined => {
    const sides = part.split('x').map(side => parseInteger(side, 1, maximum))
    const [width, height] = sides.length === 1 ? [sides[0], sides[0]] : sides
    return width === undefined || height === undefined || sides.length > 2 ? undefined : { width, height }
  }
  return { fallback: '', about, expected: `sizes such as 224 or 640x480, sides up to ${maximum}, separated by commas`, parse: value => parseList(value, parse) }
}

/** undefined when a part cannot be parsed or is there twice. */
function parseList<Value> (value: string, parse: (part: string) => Value | undefined): Value[] | undefined {
  const parts = value.split(',').map(part => part.trim()).filter(part => part !== '')
  const values = parts.map(parse).filter(one => one !== undefined)
  return values.length === parts.length && new Set(parts).size === parts.length ? values : undefined
}

function parseInteger (value: string, minimum: number, maximum: number): number | undefined {
  const number = Number(value)
  return /^\d+$/.test(value) && number >= minimum && number <= maximum ? number : undefined
}

/** Without the slash at its end. */
function parseAddress (value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return plain ? url.href.replace(/\/+$/, '') : undefined
}

const GIB = 2 ** 30

/** Every setting of the service; the README's table is checked against this one. */
export const SETTINGS = {
  HOST: text('0.0.0.0', 'address to listen on'),
  PORT: integer(8080, 0, 65535, 'port to listen on; 0 takes a free one'),
  WEIGHTS_DIR: text('weights', 'folder of models, see "The weights folder"'),
  MODELS: list('ids to serve; empty serves all found; `org/name` that is not there is pulled from the hub first'),
  DEFAULT_MODEL: text('', 'id used when a request names none; empty takes the first of MODELS'),
  HF_ENDPOINT: address('https://huggingface.co', 'hub that models are pulled from'),
  HF_TOKEN: secret('token for the hub, for private and gated models; sent to it alone', 'a token without spaces', /^[\x21-\x7e]+$/),
  EXECUTION_PROVIDER: choice('auto', ['auto', 'cpu', 'cuda', 'tensorrt', 'webgpu'], 'where the network runs, see "Devices"; auto is cuda if it works, else cpu; what is named works or the start fails'),
  PRECISION: choice('auto', ['auto', 'fp32', 'fp16', 'int8'], 'what the network computes in; auto is fp16 on cuda and tensorrt where it is exact enough, else fp32; int8 is refused, not built yet'),
  DEVICES: integers(0, 255, 'numbers of the GPUs to use, an instance or more on each; empty takes the first'),
  WARM_SIZES: sizes(4096, 'input sizes besides each model\'s own that a GPU runs in every batch size before it is ready, e.g. 640x480'),
  INSTANCES: integerOrAuto(1, 256, 'inference threads, each with a session of its own; auto is measured'),
  THREADS_PER_INSTANCE: integerOrAuto(1, 256, 'cores one run uses; auto is measured, and for a run that is alone more of them where that is faster'),
  MAX_BATCH_SIZE: integerOrAuto(1, 1024, 'images in one run at the most; auto is measured'),
  TUNE: choice('brief', ['off', 'brief', 'thorough'], 'measuring of what is auto: brief takes seconds at the first start and is remembered beside the checkpoint, thorough takes minutes and replaces that'),
  MAX_QUEUE_DELAY_MS: integer(0, 0, 60_000, 'time a run may wait for more images, where that was measured to pay; 0 never waits'),
  MAX_QUEUE_SIZE: integer(256, 1, 1_000_000, 'images in the service at once, decoding included; over it 429'),
  MAX_QUEUE_BYTES: integer(2 ** 29, 1, 2 ** 40, 'encoded bytes in the service at once; over it 429'),
  REQUEST_TIMEOUT_MS: integer(30_000, 1, 3_600_000, 'time from the request to its answer, and for the body to arrive; over it 504 (408 for the body)'),
  RUN_TIMEOUT_MS: integer(60_000, 100, 3_600_000, 'a single run over it has hung: what else is in is answered, then the process ends'),
  MAX_IMAGE_BYTES: integer(20 * 2 ** 20, 1, GIB, 'bytes of one encoded image'),
  MAX_IMAGE_PIXELS: integer(50_000_000, 1, 2 ** 31 - 1, 'pixels of one source image, checked before it is decoded'),
  MAX_INPUT_PIXELS: integer(2 ** 22, 1024, 2 ** 27, 'pixels of one image as the network sees it: bounds the memory of a run'),
  MAX_IMAGES_PER_REQUEST: integer(32, 1, 10_000, 'images in one request'),
  CACHE_MB: integer(0, 0, 2 ** 20, 'MiB of results kept by image, see "Cache"; 0 is off'),
  DECODE_THREADS: integerOrAuto(1, 256, 'threads that decode and resize; auto is one a core'),
  DECODE_MODE: choice('exact', ['exact', 'fast'], 'exact equals Pillow, AVIF within 3 levels; fast lets JPEG decoding shrink big photos and AVIF repeat its chroma, see bench/README.md'),
  WATCH_INTERVAL_MS: integer(5000, 0, 3_600_000, 'how often the weights folder is looked at for changes; 0 leaves it to SIGHUP'),
  DRAIN_DELAY_MS: integer(2000, 0, 3_600_000, 'time after SIGTERM in which readiness says 503 and requests are still taken, for balancers to notice'),
  SHUTDOWN_GRACE_MS: integer(20_000, 0, 3_600_000, 'time for what is in to be answered after SIGTERM'),
  API_KEYS: secrets('keys that /v1 takes as `Authorization: Bearer <key>`, else 401; empty lets everybody in; health and metrics are open'),
  API_KEYS_FILE: text('', 'file with such keys, one a line, read at start'),
  METRICS_PORT: portOrSame('port of a listener for /metrics alone; same leaves it on PORT'),
  OTEL_EXPORTER_OTLP_ENDPOINT: addressOrNone('OpenTelemetry collector (OTLP over HTTP) that spans are sent to, e.g. http://collector:4318; empty is off'),
  LOG_LEVEL: choice('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'least level that is logged')
}

export type Config = { readonly [Name in keyof typeof SETTINGS]: NonNullable<ReturnType<(typeof SETTINGS)[Name]['parse']>> }

export const flagOf = (name: string): string => name.toLowerCase().replaceAll('_', '-')

/**
 * The settings from the environment and, above it, from flags such as `--port 9000`.
 * @throws ServiceError invalid_setting naming the setting, what it takes and what it was given
 */
export function readConfig (environment: NodeJS.ProcessEnv, args: readonly string[] = []): Config {
  const { values } = readArguments(args)
  const names = Object.keys(SETTINGS) as Array<keyof Config>
  return Object.fromEntries(names.map(name => [name, parseSetting(name, (values as Record<string, string | undefined>)[flagOf(name)] ?? environment[name])])) as Config
}

/** The settings that are not as they come, for the log; of a secret only that it was set. */
export function changedSettings (config: Config): Record<string, unknown> {
  const defaults = readConfig({})
  const changed = (Object.keys(SETTINGS) as Array<keyof Config>).filter(name => JSON.stringify(config[name]) !== JSON.stringify(defaults[name]))
  return Object.fromEntries(changed.map(name => [name, (SETTINGS[name] as Setting<unknown>).secret === true ? '(set)' : config[name]]))
}

/** One setting from the environment, for a command that needs no other. */
export function readSetting<Name extends keyof Config> (name: Name, environment: NodeJS.ProcessEnv): Config[Name] {
  return parseSetting(name, environment[name])
}

/** What stands on the command line beside the flags. */
export function readOperands (args: readonly string[]): readonly string[] {
  return readArguments(args).positionals
}

function parseSetting<Name extends keyof Config> (name: Name, given: string | undefined): Config[Name] {
  const setting: Setting<unknown> = SETTINGS[name]
  const value = setting.parse(given === undefined || given === '' ? setting.fallback : given)
  if (value === undefined) throw new ServiceError('invalid_setting', `${name} must be ${setting.expected}, received ${setting.secret === true ? 'something else' : show(given)}`, { param: name })
  return value as Config[Name]
}

function readArguments (args: readonly string[]) {
  const options = Object.fromEntries(Object.keys(SETTINGS).map(name => [flagOf(name), { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new ServiceError('invalid_setting', `${(error as Error).message.split('. ')[0]}; see vovnet-serve serve --help`)
  }
}
