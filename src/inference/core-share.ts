/** Longer than anything the loop itself does; the kernel's time slices are milliseconds. */
const GAP_MS = 0.3

/**
 * The share of a core that a thread gets now when it wants a whole one: 1 on a quiet machine, 0.3 where three want it.
 * Looks at the clock without pause, and counts when it jumps.
 */
export function coreShare (windowMs = 30, now: () => number = () => performance.now()): number {
  const started = now()
  let last = started
  let lost = 0
  while (last - started < windowMs) {
    const next = now()
    if (next - last > GAP_MS) lost += next - last
    last = next
  }
  return 1 - lost / (last - started)
}
