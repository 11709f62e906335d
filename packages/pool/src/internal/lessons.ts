/**
 * What a lease's end and an idle connection's end say about the peer.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { Settlement } from "../Lease.js"
import { ConnectError } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import type { Commands, Entry, HostRecord, PoolReason, PoolState } from "./model.js"

/** How a lease went, as its end is decided. */
export interface LeaseFacts {
  /** When it was granted. */
  readonly grantedAt: number
  readonly reused: boolean
  /** Milliseconds its connection had been idle before. */
  readonly idledFor: number
  /** Whether it took only a new connection, because it was a retry. */
  readonly isRetry: boolean
  /** Whether it was bound to end before long, as far as its holder had said. */
  readonly bound: boolean
  readonly hasRead: boolean
  readonly hasWritten: boolean
  /** The peer's count of pieces heard when it was granted. */
  readonly heardBefore: number
}

/** A connection that was dead when it was granted shows it by then. Milliseconds. */
const staleWithin = 1000

/** The reasons for which the other side ends an idle connection, as opposed to one that failed on the way. */
const closings: ReadonlySet<PoolReason> = new Set(["PeerClosed", "PeerReset"])

/** An idle connection has ended. */
export const drawFromIdle = (state: PoolState, entry: Entry, reason: PoolReason, now: number, out: Commands): void => {
  const { host } = entry
  if (closings.has(reason)) learnIdle(state, host, now - entry.lastUsedAt, now, out)
  // It never carried anything: the same as a failed dial.
  if (entry.requestCount === 0) diedUnused(state, entry, "the peer accepted the connection and closed it unused", now)
}

/** A lease has ended. */
export const draw = (
  state: PoolState,
  entry: Entry,
  settlement: Settlement,
  lease: LeaseFacts,
  now: number,
  out: Commands
): void => {
  const { health, settings } = entry.host
  if (settlement._tag === "Reusable") {
    if (lease.hasRead) health.proved()
    if (lease.idledFor > 0) {
      health.idleCeiling?.survived(lease.idledFor)
      tellCeiling(state, entry.host, now, out)
    }
    return
  }
  // Only what the peer did is a lesson: a connection that is still open was given up by ourselves.
  if (settlement._tag !== "Broken" || lease.hasRead || entry.connection.isOpen) return
  // One that lived on after the grant did not die of having been idle.
  const atOnce = now - lease.grantedAt < staleWithin
  if (lease.reused && lease.idledFor > 0 && atOnce) learnIdle(state, entry.host, lease.idledFor, now, out)
  if (lease.isRetry) {
    state.failedRetries++
    health.retries.charge(settings.retryBudget, now)
  }
  if (entry.requestCount === 1 && entry.connection.bytesRead === 0) {
    diedUnused(state, entry, "the peer accepted the connection and closed it without an answer", now)
  }
}

const learnIdle = (state: PoolState, host: HostRecord, idle: number, now: number, out: Commands): void => {
  host.health.closedIdle(idle, now)
  tellCeiling(state, host, now, out)
}

/** What was learned is known some time after the closings that teach it; it is told at the next occasion. */
const tellCeiling = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  if (!state.observed) return
  const ceiling = host.health.idleCeiling?.news(now)
  if (ceiling === undefined) return
  out.push({ _tag: "Emit", event: PoolEvent.IdleCeilingLearned({ at: now, key: host.key, ceiling }) })
}

const diedUnused = (state: PoolState, entry: Entry, detail: string, now: number): void => {
  const { host } = entry
  entry.diedUnused = true
  state.connectFailures++
  const error = new ConnectError({ key: host.key, phase: "before-use", detail, local: false })
  host.health.failed(error, now, now - entry.createdAt)
  // Whoever warms the host up hears of it, and does not dial on and on.
  host.wanted = 0
}
