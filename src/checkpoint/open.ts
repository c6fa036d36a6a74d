import { CheckpointFile, unreadable } from './formats/checkpoint-file.js'
import { openPickle } from './formats/pickled-source.js'
import { openSafetensors } from './formats/safetensors.js'
import { LEGACY_MAGIC, openTorchLegacy } from './formats/torch-legacy.js'
import { openTorchZip } from './formats/torch-zip.js'
import { unpickle } from './pickle/unpickle.js'
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
  const head = file.read(0, Math.min(512, file.size))
  if (head.length >= 4 && head.readUInt32LE() === 0x04034b50) return openTorchZip(file)
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return openTorchLegacy(file)
  // Eight bytes of header length, the upper four zero as no header is that long, then the header's brace.
  if (head.length > 8 && head.readUInt32LE(4) === 0 && head[8] === 0x7b) return openSafetensors(file)
  if (head.length > 2 && head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return openPickle(file, unpickle(file, 0, file.size).root)
  throw unreadable(file.path, `expected safetensors, a PyTorch file (zip or legacy) or a pickle, received ${nameContent(file, head)}`)
}

/** Other containers that weights come in, so that the message can name them. */
function nameContent (file: CheckpointFile, head: Buffer): string {
  if (head.toString('latin1', 257, 262) === 'ustar') return 'a tar archive (PyTorch before 0.1.10, or a packed folder)'
  if (head[0] === 0x1f && head[1] === 0x8b) return 'a gzip archive'
  if (head.toString('latin1', 1, 4) === 'HDF') return 'an HDF5 file'
  if (head.toString('latin1', 0, 12) === 'version http') return 'a Git LFS pointer: the file itself was not downloaded'
  return `${file.size} bytes beginning with ${head.toString('hex', 0, 16) || 'nothing'}`
}
