/** What the queue needs to know of an entry: entries with equal keys may share a run. */
export interface Queued {
  readonly key: string
}

/** First in, first out; a batch is the oldest entry and the next ones of its key, in order. */
export class Queue<Entry extends Queued> {
  readonly #entries: Entry[] = []

  get size (): number {
    return this.#entries.length
  }

  count (predicate: (entry: Entry) => boolean): number {
    return this.#entries.reduce((sum, entry) => sum + (predicate(entry) ? 1 : 0), 0)
  }

  push (entry: Entry): void {
    this.#entries.push(entry)
  }

  /** True when the entry was waiting and is not any more. */
  remove (entry: Entry): boolean {
    const index = this.#entries.indexOf(entry)
    if (index >= 0) this.#entries.splice(index, 1)
    return index >= 0
  }

  /** Up to `limit` entries of the oldest entry's key; empty when nothing waits. */
  take (limit: number): Entry[] {
    const key = this.#entries[0]?.key
    const batch: Entry[] = []
    for (let index = 0; index < this.#entries.length && batch.length < limit;) {
      if (this.#entries[index]!.key === key) batch.push(...this.#entries.splice(index, 1))
      else index++
    }
    return batch
  }
}
