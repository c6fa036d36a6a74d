import type { PickleValue } from './values.js'

/** The unpickler's stack and its marks. Nothing is ever taken from below the last mark. */
export class PickleStack {
  readonly #values: PickleValue[] = []
  readonly #marks: number[] = []
  readonly #refuse: (message: string) => Error

  constructor (refuse: (message: string) => Error) {
    this.#refuse = refuse
  }

  push (value: PickleValue): void {
    this.#values.push(value)
  }

  pop (): PickleValue {
    this.#require(1)
    return this.#values.pop()!
  }

  /** The last `count` values, taken off, in the order they were pushed. */
  take (count: number): PickleValue[] {
    this.#require(count)
    return this.#values.splice(this.#values.length - count)
  }

  top (): PickleValue {
    this.#require(1)
    return this.#values.at(-1)!
  }

  mark (): void {
    this.#marks.push(this.#values.length)
  }

  /** Everything above the last mark, taken off together with it. */
  takeMarked (): PickleValue[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#refuse('there is no MARK to go back to')
    return this.#values.splice(mark)
  }

  #require (count: number): void {
    if (this.#values.length - (this.#marks.at(-1) ?? 0) < count) throw this.#refuse('the stack is empty')
  }
}
