import { createHash } from 'node:crypto'
import type { ExtractRequest } from '../extract.js'
import type { LoopSteps } from './loop-steps.js'

/** What every answer of this process depends on besides its request. */
export interface ServiceTraits {
  /** The package's version: it pins the decoder, the resampler, the runtime and the shape of the answers. */
  readonly version: string
  readonly provider: string
  readonly precision: string
  readonly decodeMode: string
}

/** What the numbers of a request's images depend on besides their bytes. */
export type KeyedRequest = Pick<ExtractRequest, 'model' | 'geometry' | 'autoorient' | 'outputs' | 'keepInput'>

/**
 * Names for the results of images: SHA-256 over the encoded bytes and everything else that decides the numbers. Equal keys are
 * equal results, in this process and in the next of the same version.
 */
export class ImageKeys {
  readonly #traits: ServiceTraits
  readonly #steps: LoopSteps

  constructor (traits: ServiceTraits, steps: LoopSteps) {
    this.#traits = traits
    this.#steps = steps
  }

  /** Whether equal keys are equal results bit for bit. On a CPU they are, in whatever batch; a GPU picks its kernels by the batch. */
  get exact (): boolean {
    return this.#traits.provider === 'cpu'
  }

  /**
   * The images' bytes, hashed. Apart from `of`, so that nothing waits between the choice of a model and its use: a reload must not
   * come between.
   * @throws the signal's reason
   */
  async digests (images: readonly Uint8Array[], signal: AbortSignal): Promise<Buffer[]> {
    return await Promise.all(images.map(async bytes => {
      const hash = createHash('sha256')
      await this.#steps.walk(bytes.length, signal, (from, to) => hash.update(bytes.subarray(from, to)))
      return hash.digest()
    }))
  }

  /** A key an image, base64url. The same outputs in another order are the same key. */
  of (digests: readonly Buffer[], { model, geometry, autoorient, outputs, keepInput }: KeyedRequest): string[] {
    // The checkpoint's hash alone is not the model: config.json and model.json may read the same file differently.
    const { sha256, network, preprocess: { normalisation } } = model
    const preparation = JSON.stringify([this.#traits, sha256, network, normalisation, geometry, autoorient, outputs.toSorted(), keepInput])
    // A digest's length is fixed: nothing of it can pass for the text behind it.
    return digests.map(digest => createHash('sha256').update(digest).update(preparation).digest('base64url'))
  }
}
