import { CheckpointFile, unreadable } from './formats/checkpoint-file.js'
import { openSafetensors } from './formats/safetensors.js'
import type { TensorSource } from './tensor-source.js'

/**
 * Opens a checkpoint; the format is told by the content, never by the file's name.
 * @throws ServiceError checkpoint_unreadable when it is no checkpoint, broken, or of a format that is refused
 */
export function openCheckpoint (path: string): TensorSource {
  const file = new CheckpointFile(path)
  try {
    return openByContent(file)
  } catch (error) {
    file.close()
    throw error
  }
}

function openByContent (file: CheckpointFile): TensorSource {
  const head = file.read(0, Math.min(16, file.size))
  if (head.length > 8 && head[8] === 0x7b) return openSafetensors(file)
  throw unreadable(file.path, `expected a safetensors file, received ${file.size} bytes beginning with ${head.toString('hex') || 'nothing'}`)
}
