/**
 * How long a peer keeps idle connections, learned from those it closed.
 *
 * Learned from every death it would destroy reuse: a server that closes one in twenty at random would teach ever shorter
 * times. Two closings must agree, none that idled for as long may have worked in between, and a burst at unlike ages is
 * a restart.
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

/**
 * A ceiling that closings have not confirmed for so long, and for four times as long as itself, is forgotten. One that was learned by chance would otherwise
 * last for ever where requests come at longer intervals: nothing is reused any more that could show it wrong.
 * Milliseconds.
 */
export const confirmedFor = 60_000

interface Burst {
  readonly since: number
  shortest: number
  longest: number
}

export class IdleCeiling {
  private learned = Infinity
  private burst: Burst | undefined = undefined
  private isNews = false
  private confirmedAt = -Infinity
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
    // A closing that was due to the peer's limit is outlived by nobody.
    if (this.sample !== undefined && idle * alike >= this.sample) this.sample = undefined
  }

  /** Milliseconds; infinite while nothing was learned. */
  at(now: number): number {
    if (this.burst !== undefined) this.conclude(now)
    if (this.learned !== Infinity && now - this.confirmedAt >= Math.max(confirmedFor, 4 * this.learned)) {
      this.learned = Infinity
    }
    return this.learned
  }

  /** Whether a closing has said anything that is worth remembering. */
  hasLessons(now: number): boolean {
    const young = this.burst !== undefined && this.burst.shortest < leastIdle
    return this.at(now) !== Infinity || this.sample !== undefined || (this.burst !== undefined && !young)
  }

  /** What was learned, once after each time it was. */
  news(now: number): number | undefined {
    const learned = this.at(now)
    if (!this.isNews) return undefined
    this.isNews = false
    return learned === Infinity ? undefined : learned
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
    if (ceiling <= this.learned * alike) this.confirmedAt = burst.since
    if (ceiling >= this.learned) return
    this.learned = ceiling
    this.isNews = true
  }
}
