/** Weight of the newest run in the mean. */
const NEWEST = 0.2
/** Sizes are the client's to choose: the table forgets the group it learned about first. */
const MOST_GROUPS = 1000

/** What runs take, learned from every run: smoothed milliseconds by group and images in the run. */
export class Costs {
  readonly #groups = new Map<string, Map<number, number>>()

  observe (group: string, images: number, milliseconds: number): void {
    let known = this.#groups.get(group)
    if (known === undefined) {
      known = new Map()
      this.#groups.set(group, known)
      if (this.#groups.size > MOST_GROUPS) this.#groups.delete(this.#groups.keys().next().value!)
    }
    const before = known.get(images)
    known.set(images, before === undefined ? milliseconds : (1 - NEWEST) * before + NEWEST * milliseconds)
  }

  /**
   * Milliseconds for a run of so many images. Between and beyond what was seen it follows the line through the nearest
   * two batch sizes, or is proportional where only one was; undefined for a group never seen.
   */
  runMs (group: string, images: number): number | undefined {
    const known = this.#groups.get(group)
    if (known === undefined) return undefined
    const exact = known.get(images)
    if (exact !== undefined) return exact
    const [a, b] = [...known].sort(([m], [n]) => Math.abs(m - images) - Math.abs(n - images))
    if (a === undefined) return undefined
    if (b === undefined) return a[1] * images / a[0]
    const slope = Math.max(0, (b[1] - a[1]) / (b[0] - a[0]))
    return Math.max(0, a[1] + slope * (images - a[0]))
  }
}
