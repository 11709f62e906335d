/**
 * Returning: a lease is settled, and its connection goes to the next request, to the idle ones, or to its end.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as Duration from "effect/Duration"
import type { Settlement } from "../Lease.js"
import * as PoolEvent from "../PoolEvent.js"
import { notInHeap } from "./heap.js"
import { unbind } from "./hope.js"
import { grant, takeFree } from "./leasing.js"
import { draw, type LeaseFacts } from "./lessons.js"
import type { Commands, Entry, HostRecord, PoolState, Waiter } from "./model.js"
import { dropSurplusDials, idleLimit, mustMakeRoom, relist, retire, review, serve } from "./places.js"
import { hasten } from "./redial.js"

/** The requests in line take what lies ready; for the moment at which a suspended pool is resumed, or drains. */
export const serveIdle = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  for (let waiter = host.waiters.head; waiter !== undefined; waiter = host.waiters.head) {
    const entry = takeFree(state, host, now, out)
    if (entry === undefined) break
    grant(state, waiter, entry, now, out)
  }
  hasten(state, host)
  dropSurplusDials(state, host, now, out)
  review(state, host)
}

/**
 * A connection without work finds some: the oldest request it may serve, else the idle list, else the end.
 *
 * `isNew`: just opened, so requests that take only a new connection take it too.
 */
export const place = (state: PoolState, entry: Entry, isNew: boolean, now: number, out: Commands): void => {
  const host = entry.host
  const waiter = nextFor(state, host, isNew)
  if (waiter !== undefined && (isNew || !mustMakeRoom(state, host, now))) {
    grant(state, waiter, entry, now, out)
    fill(state, entry, isNew, now, out)
  } else if (waiter !== undefined) retire(state, entry, "MadeRoom", now, out)
  else if (!state.takesRequests) retire(state, entry, "Drained", now, out)
  else if (!host.settings.pooling) retire(state, entry, "Unwanted", now, out)
  else if (idleLimit(entry, now) <= 0) {
    // The peer keeps no idle connection; one that goes straight to the next request never idles.
    retire(state, entry, "IdleTimeout", now, out)
  } else if (host.idleList.size >= host.settings.maxIdle) retire(state, entry, "MaxIdle", now, out)
  else park(state, entry, now, out)
  // A request that was served leaves its dial behind, and an idle connection takes the place its dial would have had.
  dropSurplusDials(state, host, now, out)
  review(state, host)
  // A place or the right to dial became free, or an idle connection that can make room: the next has its turn.
  serve(state, now, out)
}

/** A connection that carries many leases takes on requests while it has room for them. */
const fill = (state: PoolState, entry: Entry, isNew: boolean, now: number, out: Commands): void => {
  while (entry.roomy) {
    const waiter = nextFor(state, entry.host, isNew)
    if (waiter === undefined) return
    grant(state, waiter, entry, now, out)
  }
}

/** Who is next in line for a connection, which may have been opened just now. */
const nextFor = (state: PoolState, host: HostRecord, isNew: boolean): Waiter | undefined => {
  if (!state.serves) return undefined
  return isNew ? oldest(host) : host.waiters.head
}

const oldest = (host: HostRecord): Waiter | undefined => {
  const fresh = host.freshWaiters.head
  const other = host.waiters.head
  if (fresh === undefined || other === undefined) return fresh ?? other
  return fresh.ticket < other.ticket ? fresh : other
}

const park = (state: PoolState, entry: Entry, now: number, out: Commands): void => {
  entry.state = "Idle"
  entry.lastUsedAt = now
  entry.host.idleList.append(entry)
  state.idle.append(entry.idleLink)
  const checkAt = Math.min(entry.expiresAt, now + idleLimit(entry, now))
  // Only a nearer time must be known at once; a later one is found out when the old one comes due.
  if (entry.heapIndex === notInHeap || checkAt < entry.checkAt) {
    entry.checkAt = checkAt
    state.expiries.put(entry)
  }
  out.push({ _tag: "Park", entry })
  // An idle connection of its own host can make room for a request that takes only a new one.
  if (entry.host.freshWaiters.size > 0) review(state, entry.host)
}

/** A lease ends. */
export const settle = (
  state: PoolState,
  entry: Entry,
  settlement: Settlement,
  lease: LeaseFacts,
  now: number,
  out: Commands
): void => {
  if (entry.state === "Retired") return
  if (lease.bound) unbind(entry)
  draw(state, entry, settlement, lease, now, out)
  const reason = verdict(state, entry, settlement, now)
  entry.leases--
  if (reason !== undefined && (entry.leases === 0 || settlement._tag === "Broken")) {
    retire(state, entry, reason, now, out)
    return serve(state, now, out)
  }
  // What else the connection carries may end in peace, but nothing new is put on it.
  if (reason !== undefined) entry.condemned ??= reason
  else if (state.observed) {
    const event = PoolEvent.Returned({
      at: now,
      key: entry.host.key,
      connectionId: entry.connection.id,
      held: now - lease.grantedAt
    })
    out.push({ _tag: "Emit", event })
  }
  if (entry.leases === 0) {
    state.leased--
    entry.state = "Unplaced"
    relist(entry)
    return place(state, entry, false, now, out)
  }
  relist(entry)
  fill(state, entry, false, now, out)
  dropSurplusDials(state, entry.host, now, out)
  review(state, entry.host)
  serve(state, now, out)
}

/** Why the connection cannot be kept; undefined if it can. */
const verdict = (state: PoolState, entry: Entry, settlement: Settlement, now: number): string | undefined => {
  if (settlement._tag !== "Reusable") return settlement.reason
  if (settlement.idleFor !== undefined) entry.idleFor = Math.min(entry.idleFor, Duration.toMillis(settlement.idleFor))
  // A peer may repeat a constant: what counts is the least of (value at its time − requests since).
  entry.remaining = Math.min(entry.remaining - 1, settlement.remaining ?? Infinity)
  if (entry.condemned !== undefined) return entry.condemned
  // While it drains, a connection is kept for requests in line and for nothing else.
  if (!state.takesRequests && nextFor(state, entry.host, false) === undefined) return "Drained"
  if (!entry.host.settings.pooling) return "PoolingDisabled"
  if (!entry.connection.isOpen) return "PeerClosed"
  if (now >= entry.expiresAt) return "MaxLifetime"
  if (entry.requestCount >= entry.host.settings.maxRequests || entry.remaining <= 0) return "MaxRequests"
  return undefined
}
