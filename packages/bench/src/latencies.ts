/** How long single requests take, gathered beside what they cost. */
import { type Latency, quantile } from "./rounds.js"

export class Stopwatch {
  private times: Array<number> = []

  /** What began then, by `performance.now`, is over. */
  note(since: number): void {
    this.times.push((performance.now() - since) * 1000)
  }

  /** Of all since the last call; forgets them. */
  take(): Latency {
    const taken = this.times
    this.times = []
    return { p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) }
  }
}
