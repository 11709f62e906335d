/** Times of trouble: hosts that are away for a while or for good, descriptors that are used up, streams that do not end. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Equal from "effect/Equal"
import type { Draw } from "./Draw.js"
import type { Plan } from "./Plan.js"
import type { Trace } from "./Trace.js"

interface Outage {
  readonly key: ConnectionKey
  readonly until: number
  readonly how: "refused" | "hang"
}

/** A process that has run out of something tries again after so long at the least. Milliseconds. */
const leastProbe = 25

export class Troubles {
  /** Connections that carry a stream without an end, and since when. */
  readonly streams = new Map<number, number>()
  /** Requests that are answered so. */
  readonly endless = new Set<string>()
  /** Set when no more calls are made: streams end. */
  isOver = false
  private outages: ReadonlyArray<Outage> = []
  private descriptors = Infinity
  private scarceUntil = 0
  /** When dials failed for want of a descriptor, since one succeeded. */
  private vain: ReadonlyArray<number> = []

  constructor(
    private readonly draw: Draw,
    private readonly plan: Plan,
    private readonly trace: Trace
  ) {}

  /** The host is away: for one moment, for a while, or for good. */
  begin(key: ConnectionKey): string {
    const lasts = this.draw.weighted([
      [2, 1],
      [4, this.draw.int(100, 5000)],
      [1, Infinity]
    ])
    const how = this.draw.pick(["refused", "refused", "hang"] as const)
    this.outages = [...this.outages, { key, until: this.trace.now() + lasts, how }]
    return `${how} for ${lasts} ms`
  }

  /** So many sockets can be open, for a while. */
  runOut(open: number): string {
    this.descriptors = this.draw.pick([0, open, open + 1, open + 3])
    this.scarceUntil = this.trace.now() + this.draw.int(20, 5000)
    return `${this.descriptors} descriptors until ${this.scarceUntil} ms`
  }

  /** How a dial must end, if that is not chance. `held`: descriptors of the others. */
  dialled(key: ConnectionKey, held: number): "refused" | "hang" | "local" | undefined {
    const now = this.trace.now()
    if (now < this.scarceUntil && held >= this.descriptors) return "local"
    this.outages = this.outages.filter(({ until }) => now < until)
    return this.outages.find((outage) => Equal.equals(outage.key, key))?.how
  }

  opened(): void {
    this.vain = []
  }

  /** A dial failed for want of something of our own: the next is not begun at once, whoever waits for it. */
  ranOut(): void {
    const now = this.trace.now()
    this.vain = [...this.vain.filter((at) => now - at < leastProbe), now]
    // All that were under way, and those that were begun before the pool heard.
    const most = this.plan.pool.maxConnecting + 2
    if (this.vain.length > most)
      this.trace.broken("few dials in vain", `${this.vain.length} in ${leastProbe} ms, ${most} at most were under way`)
  }
}
