import type { OnProgress } from './pull-file.js'

/** What a progress is written to: standard error, as a rule. */
export interface ProgressOutput {
  write (text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface ProgressWriter {
  readonly onProgress: OnProgress
  /** Ends a bar that is still open, so that what is said next has a line of its own. */
  end (): void
}

const BAR_EVERY_MS = 100
const LINE_EVERY_MS = 5_000
/** The rate is that of the last so many milliseconds: fast at first says nothing about now. */
const WINDOW_MS = 10_000
const SAMPLE_EVERY_MS = 100
const BAR_WIDTH = 24

interface Sample { readonly at: number, readonly done: number }

/** A bar on a terminal, elsewhere a line every five seconds; both say how much, how fast and how long still. */
export function progressWriter (output: ProgressOutput, now: () => number = () => performance.now()): ProgressWriter {
  let current = ''
  let samples: Sample[] = []
  let shownAt = -Infinity
  let open = false
  const end = (): void => {
    if (open) output.write('\n')
    open = false
  }
  return {
    end,
    onProgress ({ file, done, total }) {
      const at = now()
      if (done < (samples.at(-1)?.done ?? 0)) samples = [] // begun anew
      if (file !== current) {
        end()
        current = file
        samples = []
        shownAt = output.isTTY === true ? -Infinity : at // a file that is there within seconds needs no line
      }
      if (at - (samples.at(-1)?.at ?? -Infinity) >= SAMPLE_EVERY_MS) samples = [...samples.filter(sample => at - sample.at <= WINDOW_MS), { at, done }]
      const complete = done === total
      if (at - shownAt < (output.isTTY === true ? BAR_EVERY_MS : LINE_EVERY_MS) && !complete) return
      shownAt = at
      const text = textOf(file, done, total, rateOf(samples[0]!, { at, done }))
      if (output.isTTY !== true) {
        output.write(`${text}\n`)
        return
      }
      output.write(`\r\u001b[K${barOf(done, total)}${text}`.slice(0, (output.columns ?? 80) + 3))
      open = true
      if (complete) end()
    }
  }
}

/** Bytes a second. */
function rateOf (from: Sample, to: Sample): number {
  return to.at === from.at ? 0 : (to.done - from.done) / (to.at - from.at) * 1000
}

function barOf (done: number, total: number | undefined): string {
  if (total === undefined || total === 0) return ''
  const filled = Math.round(done / total * BAR_WIDTH)
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] `
}

function textOf (file: string, done: number, total: number | undefined, rate: number): string {
  const amount = total === undefined ? megabytes(done) : `${megabytes(done)} of ${megabytes(total)} (${total === 0 ? 100 : Math.floor(done / total * 100)} %)`
  const speed = rate === 0 ? '' : `, ${megabytes(rate)}/s`
  const left = rate === 0 || total === undefined || done === total ? '' : `, ${duration((total - done) / rate)} left`
  return `${file}: ${amount}${speed}${left}`
}

function megabytes (bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

function duration (seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`
}
