/** Reports as text. */
import * as Simulation from "./Simulation.js"

/** The command that plays the same run again. */
const replay = (seed: number, steps: number): string =>
  `npm run simulate -- --seed ${seed}${steps === Simulation.defaultSteps ? "" : ` --steps ${steps}`}`

const options = ({ plan }: Simulation.Report): string =>
  JSON.stringify(plan, (_, value) => (value === Infinity ? "infinite" : value), 1).replace(/\n\s*/g, " ")

/** What is said of a seed that failed. */
export const failed = (report: Simulation.Report, steps: number): string =>
  [
    `Seed ${report.seed} failed: ${report.failure}`,
    `Options: ${options(report)}`,
    `The last ${report.trace.length} lines of its trace (step, virtual time, what happened):`,
    ...report.trace,
    `Play it again: ${replay(report.seed, steps)}`,
    ""
  ].join("\n")

/** A seed with its whole trace. */
export const whole = (report: Simulation.Report, steps: number): string =>
  [
    `Seed ${report.seed}, options: ${options(report)}`,
    ...report.trace,
    `Calls: ${counts(report.outcomes)}`,
    `Trace ${report.hash}`,
    report.failure === undefined ? "Every invariant held." : `Failed: ${report.failure}`,
    `Play it again: ${replay(report.seed, steps)}`
  ].join("\n")

const counts = (outcomes: ReadonlyMap<string, number>): string =>
  [...outcomes]
    .sort(([, left], [, right]) => right - left)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")

/** Counts over many seeds: what was tried, so that a simulation that tries nothing does not go unnoticed. */
export class Tally {
  done = 0
  failed = 0
  readonly outcomes = new Map<string, number>()
  readonly counters = { hits: 0, misses: 0, staleRetries: 0, reclaimed: 0, distrusted: 0, evictions: 0 }

  add(report: Simulation.Report): void {
    this.done++
    if (report.failure !== undefined) this.failed++
    for (const [name, count] of report.outcomes) this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + count)
    if (report.stats === undefined) return
    for (const name of Object.keys(this.counters) as Array<keyof Tally["counters"]>) {
      this.counters[name] += report.stats[name]
    }
  }

  summary(seconds: number): string {
    const { evictions, distrusted, hits, misses, reclaimed, staleRetries } = this.counters
    return [
      `Calls: ${counts(this.outcomes)}.`,
      `Leases: ${hits} hits, ${misses} misses; ${staleRetries} stale retries, ${reclaimed} reclaimed, ${distrusted} distrusted, ${evictions} evictions.`,
      `${this.done} seeds in ${seconds.toFixed(1)} s: ${this.done - this.failed} passed, ${this.failed} failed.`
    ].join("\n")
  }
}
