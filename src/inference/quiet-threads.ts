import { LRUCache } from 'lru-cache'

/** The first run of a shape allocates: only what follows tells how long it takes. */
const TRIALS = 3
/** So often a choice that lost is tried again: what else runs on the machine changes. */
const LOOK_AGAIN = 64
/** Weight of the newest run in the mean. */
const NEWEST = 0.2
/** Sizes are the client's to choose. */
const MOST_GROUPS = 1000

interface Tried { runs: number, milliseconds: number }
interface Group { picks: number, readonly tried: Map<number, Tried> }

/**
 * On how many cores a run goes that has the machine to itself. More cores shorten the run of a large image and lengthen that of a
 * small one, so it is learned for each size and depth.
 */
export class QuietThreads {
  readonly #groups = new LRUCache<string, Group>({ max: MOST_GROUPS })

  /** @param choices the widest first */
  choose (group: string, choices: readonly number[]): number {
    const { tried, picks } = this.#group(group)
    const fresh = choices.find(threads => (tried.get(threads)?.runs ?? 0) < TRIALS)
    if (fresh !== undefined) return fresh
    const ranked = [...choices].sort((a, b) => tried.get(a)!.milliseconds - tried.get(b)!.milliseconds)
    return picks % LOOK_AGAIN === 0 && ranked.length > 1 ? ranked[1 + picks / LOOK_AGAIN % (ranked.length - 1)]! : ranked[0]!
  }

  observe (group: string, threads: number, milliseconds: number): void {
    const known = this.#group(group)
    known.picks++
    const before = known.tried.get(threads)
    if (before === undefined || before.runs < TRIALS) known.tried.set(threads, { runs: (before?.runs ?? 0) + 1, milliseconds })
    else before.milliseconds = (1 - NEWEST) * before.milliseconds + NEWEST * milliseconds
  }

  #group (name: string): Group {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const created = { picks: 0, tried: new Map<number, Tried>() }
    this.#groups.set(name, created)
    return created
  }
}
