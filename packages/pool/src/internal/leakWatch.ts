/**
 * Reports leases that are held for too long, and takes the report back when they come home after all.
 */
import * as Effect from "effect/Effect"
import type { Deadlines } from "../Deadlines.js"
import * as PoolEvent from "../PoolEvent.js"
import type { EventHub } from "./eventHub.js"
import type { LeaseImpl } from "./lease.js"
import * as Origins from "./leaseOrigins.js"

export class LeakWatch {
  constructor(
    private readonly deadlines: Deadlines,
    private readonly events: EventHub,
    private readonly log: (effect: Effect.Effect<void>) => void
  ) {}

  /** `threshold` in milliseconds; nothing is watched if it is infinite. */
  begin(lease: LeaseImpl, threshold: number): void {
    if (threshold !== Infinity) lease.leak = this.deadlines.set(threshold, () => this.report(lease))
  }

  /** The lease is over; `cameBack`: because its holder has ended it, and not the pool. */
  end(lease: LeaseImpl, cameBack: boolean): void {
    lease.leak?.clear()
    if (!lease.leakReported) return
    lease.leakReported = false
    if (!cameBack) return
    const at = this.deadlines.now()
    const held = at - lease.grantedAt
    const { connection, key } = lease
    this.events.publishIfObserved(() => PoolEvent.LeakReturned({ at, key, connectionId: connection.id, held }))
    this.log(
      Effect.logInfo(`The connection to ${key} that was reported as leaked came back after ${Math.round(held)} ms`)
    )
  }

  private report(lease: LeaseImpl): void {
    if (lease.entry.state === "Retired") return
    lease.leakReported = true
    const at = this.deadlines.now()
    const held = at - lease.grantedAt
    const { connection, key } = lease
    const { span } = lease.request
    const stack = Origins.placeOf(lease.request.stack, span)
    const purpose = lease.request.describe()
    const base = { at, key, connectionId: connection.id, held, span, stack }
    this.events.publishIfObserved(() => PoolEvent.Leaked(purpose === undefined ? base : { ...base, purpose }))
    const what = purpose === undefined ? "" : ` by ${purpose}`
    const holder = span === undefined ? "" : `, taken in span ${Origins.namesOf(span)} of trace ${span.traceId}`
    const message = `A connection to ${key} has been on lease${what} for ${Math.round(held)} ms (leakThreshold)${holder}`
    this.log(Effect.logWarning(message, stack))
  }
}
