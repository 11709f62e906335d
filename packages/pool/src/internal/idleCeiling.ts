/**
 * How long a peer keeps idle connections, learned from those it closed.
 *
 * Learned from every death it would destroy reuse: a server that closes one in twenty at random would teach ever shorter
 * times. Two closings must agree, and a burst at unlike ages is a restart.
 *
 * Part of the decision core: time comes in as a value.
 */

/** Younger deaths are no limit of idleness, and the ceiling never comes below this. Milliseconds. */
export const leastIdle = 1000

/** Closings within this time are one burst, and one sample at most. */
const burstWithin = 250

/** How unlike two ages may be that are the same limit. */
const alike = 1.2

/** A request is under way for a while, and a peer's timer is as coarse as ours. */
const margin = 1000

interface Burst {
  readonly since: number
  shortest: number
  longest: number
}

export class IdleCeiling {
  private learned = Infinity
  private burst: Burst | undefined = undefined
  private isNews = false
  /** The last closing that may have been the peer's limit. */
  private sample: number | undefined = undefined

  /** The peer has closed a connection that had idled for so long. */
  closed(idle: number, now: number): void {
    this.conclude(now)
    if (this.burst === undefined) {
      this.burst = { since: now, shortest: idle, longest: idle }
      return
    }
    this.burst.shortest = Math.min(this.burst.shortest, idle)
    this.burst.longest = Math.max(this.burst.longest, idle)
  }

  /** A connection that had idled for so long has carried another exchange. */
  survived(idle: number): void {
    if (idle > this.learned / 2) this.learned *= 1.25
  }

  /** Milliseconds; infinite while nothing was learned. */
  at(now: number): number {
    if (this.burst !== undefined) this.conclude(now)
    return this.learned
  }

  /** What was learned, once after each time it was. */
  news(now: number): number | undefined {
    const learned = this.at(now)
    if (!this.isNews) return undefined
    this.isNews = false
    return learned
  }

  /** Ends a burst whose time is over: what it says is known only then. */
  private conclude(now: number): void {
    const { burst } = this
    if (burst === undefined || now - burst.since <= burstWithin) return
    this.burst = undefined
    if (burst.shortest < leastIdle || burst.longest > burst.shortest * alike) return
    const before = this.sample
    this.sample = burst.shortest
    if (before === undefined || Math.max(before, this.sample) > Math.min(before, this.sample) * alike) return
    const ceiling = Math.max(leastIdle, Math.min(before, this.sample) - margin)
    if (ceiling >= this.learned) return
    this.learned = ceiling
    this.isNews = true
  }
}
