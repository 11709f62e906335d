/**
 * Leasing: a request comes into line, is granted, refused or leaves; a lease is settled.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as Duration from "effect/Duration"
import type { Settlement } from "../Lease.js"
import type { AcquireError, PoolNumbers } from "../PoolError.js"
import { AcquireTimeout, PendingLimitReached, PoolClosed } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import { cheaply } from "./cheapError.js"
import { notInHeap } from "./heap.js"
import type { Commands, Entry, HostRecord, PoolState, Waiter } from "./model.js"
import {
  dropSurplusDials,
  forgetIfEmpty,
  mustMakeRoom,
  passOver,
  relist,
  retire,
  review,
  serve,
  staleness,
  unlist
} from "./places.js"

export const numbersOf = (host: HostRecord): PoolNumbers => ({
  active: host.active,
  idle: host.idle,
  opening: host.opening,
  waiting: host.waiting,
  limit: host.settings.maxConnections
})

/**
 * A request comes into line; if a connection is free and nobody stands before it, it is granted at once. `isNew`: it
 * does not replace an earlier one, whose place it would keep.
 */
export const request = (state: PoolState, waiter: Waiter, isNew: boolean, now: number, out: Commands): void => {
  const host = waiter.host
  if (state.phase !== "Open") {
    refuse(
      state,
      waiter,
      cheaply(() => new PoolClosed({ key: host.key })),
      now,
      out
    )
    return forgetIfEmpty(state, host, out)
  }
  const first = host.waiters.head
  if (!waiter.fresh && (first === undefined || waiter.ticket < first.ticket)) {
    const entry = takeFree(state, host, now, out)
    if (entry !== undefined) return grant(state, waiter, entry, now, out)
  }
  enqueue(state, waiter)
  serve(state, now, out)
  // Those who will be served by a dial under way do not count as waiting; a request that keeps its place never does.
  if (isNew && waiter.waiting && host.waiting - host.dials.size > host.settings.maxPending) {
    leaveLine(state, waiter)
    state.pendingLimitReached++
    const error = cheaply(
      () => new PendingLimitReached({ key: host.key, maxPending: host.settings.maxPending, numbers: numbersOf(host) })
    )
    refuse(state, waiter, error, now, out)
    forgetIfEmpty(state, host, out)
  }
}

/** The freest fit connection: one with room, else an idle one in the configured order; unfit ones are closed on the way. */
const takeFree = (state: PoolState, host: HostRecord, now: number, out: Commands): Entry | undefined => {
  for (let entry = host.roomy.head; entry !== undefined; entry = host.roomy.head) {
    if (entry.connection.isOpen && now < entry.expiresAt) return entry
    entry.condemned = entry.connection.isOpen ? "MaxLifetime" : "PeerClosed"
    relist(entry)
  }
  for (;;) {
    const entry = host.settings.idleOrder === "fifo" ? host.idleList.head : host.idleList.tail
    if (entry === undefined) return undefined
    const reason = staleness(entry, now)
    if (reason === undefined) return entry
    passOver(state, entry, reason, now, out)
  }
}

const enqueue = (state: PoolState, waiter: Waiter): void => {
  const line = waiter.fresh ? waiter.host.freshWaiters : waiter.host.waiters
  line.insert(waiter, (other) => other.ticket > waiter.ticket)
  waiter.waiting = true
  waiter.arrival = state.nextArrival++
  state.waiting++
  review(state, waiter.host)
}

const leaveLine = (state: PoolState, waiter: Waiter): void => {
  const line = waiter.fresh ? waiter.host.freshWaiters : waiter.host.waiters
  line.remove(waiter)
  waiter.waiting = false
  state.waiting--
  review(state, waiter.host)
}

/** Gives the connection to the request. */
const grant = (state: PoolState, waiter: Waiter, entry: Entry, now: number, out: Commands): void => {
  const host = entry.host
  const wasIdle = entry.state === "Idle"
  const idle = wasIdle ? now - entry.lastUsedAt : 0
  const usedBefore = entry.requestCount > 0
  // A connection opened for the pool and parked is a miss the first time it is taken, yet it may have died meanwhile.
  const reused = usedBefore || wasIdle
  const waited = now - waiter.since
  if (waiter.waiting) leaveLine(state, waiter)
  if (wasIdle) unlist(state, entry)
  if (entry.state !== "Leased") state.leased++
  entry.state = "Leased"
  entry.leases++
  entry.requestCount++
  relist(entry)
  if (usedBefore) {
    state.hits++
    host.hits++
  } else {
    state.misses++
    host.misses++
  }
  out.push({ _tag: "Grant", waiter, entry, reused, idle, waited, age: now - entry.createdAt })
  if (state.observed) {
    const event = PoolEvent.Acquired({
      at: now,
      key: host.key,
      connectionId: entry.connection.id,
      reused,
      waited,
      idle
    })
    out.push({ _tag: "Emit", event })
  }
}

const refuse = (state: PoolState, waiter: Waiter, error: AcquireError, now: number, out: Commands): void => {
  out.push({ _tag: "Refuse", waiter, error })
  if (state.observed) {
    const event = PoolEvent.Refused({ at: now, key: waiter.host.key, error, waited: now - waiter.since })
    out.push({ _tag: "Emit", event })
  }
}

/** A request in line is refused. */
export const dismiss = (state: PoolState, waiter: Waiter, error: AcquireError, now: number, out: Commands): void => {
  leaveLine(state, waiter)
  refuse(state, waiter, error, now, out)
}

/** A request leaves the line of its own accord. Answers false if it is no longer in it. */
export const cancel = (state: PoolState, waiter: Waiter, now: number, out: Commands): boolean => {
  if (!waiter.waiting) return false
  leaveLine(state, waiter)
  left(state, waiter.host, now, out)
  return true
}

/** A request has waited as long as it may. */
export const expire = (state: PoolState, waiter: Waiter, now: number, out: Commands): void => {
  if (!waiter.waiting) return
  const host = waiter.host
  state.acquireTimeouts++
  const error = new AcquireTimeout({
    key: host.key,
    waited: Math.round(now - waiter.since),
    numbers: numbersOf(host),
    lastFailure: host.lastFailure
  })
  dismiss(state, waiter, error, now, out)
  left(state, host, now, out)
}

/** What follows when somebody has left a line: dials may be too many, the next host may have its turn. */
const left = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  dropSurplusDials(state, host, out)
  review(state, host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
}

/**
 * A connection without work finds some: the oldest request it may serve, else the idle list, else the end.
 *
 * `isNew`: just opened, so requests that take only a new connection take it too.
 */
export const place = (state: PoolState, entry: Entry, isNew: boolean, now: number, out: Commands): void => {
  const host = entry.host
  const waiter = isNew ? oldest(host) : host.waiters.head
  if (waiter !== undefined && (isNew || !mustMakeRoom(state, host))) {
    grant(state, waiter, entry, now, out)
    fill(state, entry, isNew, now, out)
  } else if (waiter !== undefined) retire(state, entry, "MadeRoom", now, out)
  else if (!host.settings.pooling) retire(state, entry, "Unwanted", now, out)
  else if (entry.idleFor <= 0) {
    // The peer keeps no idle connection; one that goes straight to the next request never idles.
    retire(state, entry, "IdleTimeout", now, out)
  } else if (host.idleList.size >= host.settings.maxIdle) retire(state, entry, "MaxIdle", now, out)
  else park(state, entry, now, out)
  // A request that was served leaves its dial behind, and an idle connection takes the place its dial would have had.
  dropSurplusDials(state, host, out)
  review(state, host)
  // A place or the right to dial became free, or an idle connection that can make room: the next has its turn.
  serve(state, now, out)
}

/** A connection that carries many leases takes on requests while it has room for them. */
const fill = (state: PoolState, entry: Entry, isNew: boolean, now: number, out: Commands): void => {
  while (entry.roomy) {
    const waiter = isNew ? oldest(entry.host) : entry.host.waiters.head
    if (waiter === undefined) return
    grant(state, waiter, entry, now, out)
  }
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
  const checkAt = Math.min(entry.expiresAt, now + entry.idleFor)
  // Only a nearer time must be known at once; a later one is found out when the old one comes due.
  if (entry.heapIndex === notInHeap || checkAt < entry.checkAt) {
    entry.checkAt = checkAt
    state.expiries.put(entry)
  }
  out.push({ _tag: "Park", entry })
  // An idle connection of its own host can make room for a request that takes only a new one.
  if (entry.host.freshWaiters.size > 0) review(state, entry.host)
}

/** A lease ends. `held` is how long it lasted. */
export const settle = (
  state: PoolState,
  entry: Entry,
  settlement: Settlement,
  held: number,
  now: number,
  out: Commands
): void => {
  if (entry.state === "Retired") return
  const reason = verdict(state, entry, settlement, now)
  entry.leases--
  if (reason !== undefined && (entry.leases === 0 || settlement._tag === "Broken")) {
    retire(state, entry, reason, now, out)
    return serve(state, now, out)
  }
  // What else the connection carries may end in peace, but nothing new is put on it.
  if (reason !== undefined) entry.condemned ??= reason
  else if (state.observed) {
    const event = PoolEvent.Returned({ at: now, key: entry.host.key, connectionId: entry.connection.id, held })
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
  dropSurplusDials(state, entry.host, out)
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
  if (state.phase !== "Open") return "Drained"
  if (!entry.host.settings.pooling) return "PoolingDisabled"
  if (!entry.connection.isOpen) return "PeerClosed"
  if (now >= entry.expiresAt) return "MaxLifetime"
  if (entry.requestCount >= entry.host.settings.maxRequests || entry.remaining <= 0) return "MaxRequests"
  return undefined
}
