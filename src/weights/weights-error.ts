import { ServiceError } from '../errors.js'

/** `weights_folder`: what is wrong with the weights folder or a file in it that is no checkpoint. */
export function weightsError (file: string, message: string, cause?: unknown): ServiceError {
  return new ServiceError('weights_folder', `${file}: ${message}`, { param: file, cause })
}
