/** Element types a checkpoint may store; all floating ones are read as float32. */
export type StoredType = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool'

export interface TensorInfo {
  readonly dtype: StoredType
  readonly shape: readonly number[]
}

/** An opened checkpoint file: names and shapes are known, the values are read one tensor at a time. */
export interface TensorSource {
  /** The file format, as `inspect` and `/v1/models` name it. */
  readonly format: 'safetensors' | 'torch-zip' | 'torch-legacy' | 'pickle'
  readonly file: string
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** The wrapper keys walked through to reach the tensors, e.g. ['state_dict'] (empty when flat). */
  readonly wrappers: readonly string[]
  /**
   * The values as float32, row-major and contiguous.
   * @throws ServiceError checkpoint_unreadable when the bytes are short or the name is unknown
   */
  read (name: string): Float32Array
  close (): void
}
