import type { Context } from '@opentelemetry/api'
import { ServiceError } from '../errors.js'
import type { ImageDecoder } from '../image/image-decoder.js'
import type { ImageRequest } from '../image/image.js'
import type { OutputName } from '../model/network.js'
import { depthFor, requireInputSize } from '../model/shapes.js'
import type { LoadedModel } from '../weights/load.js'
import type { Admission } from './admission.js'
import type { ResultCache } from './cache/result-cache.js'
import type { Engine } from './engine.js'
import type { Extracted } from './extracted.js'

/** Where a request's time went, milliseconds; for several images the slowest of each phase. */
export interface Timings {
  decode: number
  queue: number
  infer: number
  encode: number
}

export interface ExtractRequest extends Omit<ImageRequest, 'bytes'> {
  readonly model: LoadedModel
  readonly images: ReadonlyArray<ImageRequest['bytes']>
  /** Nothing is run when empty: the prepared image alone is answered. */
  readonly outputs: readonly OutputName[]
  /** Keep the prepared pixels: the `input` stage. */
  readonly keepInput: boolean
  /** Under what the result of each image may be kept and shared; without them it is neither. */
  readonly keys?: readonly string[] | undefined
  /** Where its spans belong. */
  readonly trace: Context
  readonly signal: AbortSignal
  /** 1 to 3, 2 is usual. */
  readonly priority: number
  /** When the client stops waiting, milliseconds of performance.now(). */
  readonly deadline: number
  /** Filled while the request goes on. */
  readonly timings: Timings
}

/** Told of every image; metrics listen here. */
export interface ExtractObserver {
  imageReceived (image: { bytes: number }): void
  imageDecoded (image: { model: string, trace: Context, decodeMs: number, pixels: number }): void
  imageInferred (image: { model: string, trace: Context, queueMs: number, inferMs: number }): void
  imageEnded (image: { model: string, outcome: 'ok' | 'failed' | 'cancelled' }): void
}

/** The way of the data: encoded bytes -> admission -> decode -> the engine's queue and run -> tensors. */
export class Extractor {
  readonly #decoder: ImageDecoder
  readonly #engine: Engine
  readonly #admission: Admission
  readonly #cache: ResultCache | undefined
  readonly #observer: ExtractObserver
  /** What preparing one image takes, smoothed. */
  #decodeMs = 0

  constructor (parts: { decoder: ImageDecoder, engine: Engine, admission: Admission, cache?: ResultCache | undefined, observer: ExtractObserver }) {
    this.#decoder = parts.decoder
    this.#engine = parts.engine
    this.#admission = parts.admission
    this.#cache = parts.cache
    this.#observer = parts.observer
  }

  /**
   * All images or an error: the first that fails ends its siblings, and the error's `param` names it, e.g. `images[3]`.
   * @throws ServiceError of admission, decoding, sizes, the deadline or the run
   */
  async extract (request: ExtractRequest): Promise<Extracted[]> {
    const leave = this.#admission.enter({
      images: request.images.length,
      bytes: request.images.reduce((sum, { length }) => sum + length, 0),
      expectedMs: this.#expectedMs(),
      remainingMs: request.deadline - performance.now()
    })
    const siblings = new AbortController()
    const signal = AbortSignal.any([request.signal, siblings.signal])
    const release = this.#engine.hold(request.model)
    const model = request.model.id
    const one = async (bytes: Uint8Array, index: number): Promise<Extracted> => {
      this.#observer.imageReceived({ bytes: bytes.length })
      try {
        const extracted = await this.#keptOrRun(request, index, signal)
        leave('done')
        this.#observer.imageEnded({ model, outcome: 'ok' })
        return extracted
      } catch (error) {
        leave('dropped')
        this.#observer.imageEnded({ model, outcome: signal.aborted ? 'cancelled' : 'failed' })
        const named = signal.aborted ? error : nameImage(error, index)
        siblings.abort(named)
        throw named
      }
    }
    return await Promise.all(request.images.map(one)).finally(release)
  }

  /**
   * Milliseconds until a request that came now would have its turn. What its own work takes is left out: an idle service takes
   * every request, and so goes on learning from it.
   */
  #expectedMs (): number {
    return this.#decodeMs * this.#decoder.waiting / this.#decoder.threads + this.#engine.backlogMs()
  }

  /** An image waits for an equal one's run as it would for an instance: that time counts as `queue`. */
  async #keptOrRun (request: ExtractRequest, index: number, signal: AbortSignal): Promise<Extracted> {
    const bytes = request.images[index]!
    const key = request.keys?.[index]
    if (this.#cache === undefined || key === undefined) return await this.#run(request, bytes, signal)
    const asked = performance.now()
    let ran = false
    const extracted = await this.#cache.get(key, signal, async shared => {
      ran = true
      const release = this.#engine.hold(request.model) // who asked first may leave before the run ends
      return await this.#run(request, bytes, shared).finally(release)
    })
    if (!ran) request.timings.queue = Math.max(request.timings.queue, performance.now() - asked)
    return extracted
  }

  async #run (request: ExtractRequest, bytes: Uint8Array, signal: AbortSignal): Promise<Extracted> {
    const { model, geometry, autoorient, timings } = request
    const decoding = performance.now()
    const { data, decodeMs: ownMs, ...prepared } = await this.#decoder.prepare({ bytes, geometry, autoorient }, { signal, priority: request.priority })
    const decodeMs = performance.now() - decoding
    this.#decodeMs = smoothed(this.#decodeMs, ownMs)
    timings.decode = Math.max(timings.decode, decodeMs)
    this.#observer.imageDecoded({ model: model.id, trace: request.trace, decodeMs, pixels: prepared.source.width * prepared.source.height })
    const input = request.keepInput ? data.slice() : undefined
    if (request.outputs.length === 0) return { ...prepared, input, tensors: {} }
    requireInputSize(model.network, depthFor(request.outputs), prepared.height, prepared.width)
    const { tensors, queueMs, inferMs } = await this.#engine.infer({ ...request, data, width: prepared.width, height: prepared.height, alone: this.#admission.inside.images === 1, signal })
    timings.queue = Math.max(timings.queue, queueMs)
    timings.infer = Math.max(timings.infer, inferMs)
    this.#observer.imageInferred({ model: model.id, trace: request.trace, queueMs, inferMs })
    return { ...prepared, input, tensors }
  }
}

/** The first value as it is, later ones at a tenth. */
function smoothed (mean: number, value: number): number {
  return mean === 0 ? value : 0.9 * mean + 0.1 * value
}

function nameImage (error: unknown, index: number): unknown {
  if (!(error instanceof ServiceError)) return error
  return new ServiceError(error.code, error.message, { param: `images[${index}]`, retryAfter: error.retryAfter, cause: error.cause })
}
