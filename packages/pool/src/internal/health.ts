/**
 * What is known of a host beyond its present connections: whether it fails, how long it lets connections idle, how its
 * retries went. It outlives the host's record for a while, within bounds, or a host whose only dial failed would be met
 * anew each time.
 *
 * Part of the decision core: time comes in as a value.
 */
import type { DialError } from "../PoolError.js"
import { IdleCeiling } from "./idleCeiling.js"
import { RetryBudget } from "./retryBudget.js"

/** Waits between dials that nobody waits for, after failures: doubled each time, within these. Milliseconds. */
export const leastBackoff = 1000
export const longestBackoff = 30_000

/** One peer is distrusted at most once in this time. Milliseconds. */
export const distrustEvery = 5000

export class Health {
  /** Whether the last dial failed through the peer's fault; then one dial at a time. */
  failing = false
  lastFailure: DialError | undefined = undefined
  /** Dials that failed. */
  failures = 0
  /** When a dial that nobody waits for may begin. */
  unwaitedDialAt = 0
  /** When its addresses were last distrusted. */
  private distrusted: Map<string | undefined, number> | undefined = undefined
  /** Made with the first lesson: most hosts never teach any, and each object more is a cache miss among thousands of hosts. */
  idleCeiling: IdleCeiling | undefined = undefined
  readonly retries = new RetryBudget()
  private backoff = 0

  /** A dial failed, or a connection that had lived for so long died before it had carried anything. */
  failed(error: DialError, now: number, lived = 0): void {
    this.lastFailure = error
    this.failures++
    // Our own failures (out of descriptors, denied, aborted) say nothing about the peer.
    if (error._tag === "ConnectTimeout" || !error.local) this.failing = true
    // Replacing one that lived as long as the longest wait is no storm.
    if (lived >= longestBackoff) return
    this.backoff = Math.min(Math.max(this.backoff * 2, leastBackoff), longestBackoff)
    this.unwaitedDialAt = now + this.backoff
  }

  /** A dial opened a connection. Whether it is good for anything is not known yet. */
  opened(): void {
    this.failing = false
    this.lastFailure = undefined
  }

  /** A connection has carried an answer. */
  proved(): void {
    this.backoff = 0
  }

  /** Dials that nobody waits for could not begin: not before long. */
  postpone(now: number): void {
    this.unwaitedDialAt = Math.max(this.unwaitedDialAt, now + leastBackoff)
  }

  /** Milliseconds a connection may idle as far as is known; infinite while nothing was learned. */
  idleCeilingAt(now: number): number {
    return this.idleCeiling === undefined ? Infinity : this.idleCeiling.at(now)
  }

  /** The peer has closed a connection that had idled for so long. */
  closedIdle(idle: number, now: number): void {
    this.idleCeiling ??= new IdleCeiling()
    this.idleCeiling.closed(idle, now)
  }

  /** Whether an address may be distrusted now: not too soon after the last time. If so, it counts as done. */
  distrust(address: string | undefined, now: number): boolean {
    this.distrusted ??= new Map()
    for (const [other, at] of this.distrusted) if (now - at >= distrustEvery) this.distrusted.delete(other)
    if (this.distrusted.has(address)) return false
    this.distrusted.set(address, now)
    return true
  }

  /** Whether there is anything to remember when the host is forgotten. */
  isNoteworthy(budget: number, now: number): boolean {
    const distrusted = [...(this.distrusted?.values() ?? [])].some((at) => now - at < distrustEvery)
    return (
      this.failing || distrusted || this.idleCeiling?.hasLessons(now) === true || !this.retries.isFresh(budget, now)
    )
  }
}
