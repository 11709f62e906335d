/**
 * Leasing: a request comes into line, is granted, refused or leaves.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { AcquireError, PoolNumbers } from "../PoolError.js"
import { AcquireTimeout, PendingLimitReached, PoolClosed } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import { cheaply } from "./cheapError.js"
import { bind } from "./hope.js"
import type { Commands, Dial, Entry, HostRecord, PoolState, Waiter } from "./model.js"
import {
  abandonDial,
  dropSurplusDials,
  forgetIfEmpty,
  passOver,
  relist,
  review,
  serve,
  staleness,
  unlist
} from "./places.js"
import { hasten } from "./redial.js"

const numbersOf = (state: PoolState, host: HostRecord, now: number): PoolNumbers => ({
  active: host.active,
  streaming: host.streams?.size ?? 0,
  longestStream: Math.round(now - (host.streams?.head?.since ?? now)),
  idle: host.idle,
  opening: host.opening,
  waiting: host.waiting,
  limit: host.settings.maxConnections,
  limiting: limiting(state, host),
  suspended: state.phase === "Suspended"
})

/** Which limit on connections is used up, so that raising it would help. */
const limiting = (state: PoolState, host: HostRecord): PoolNumbers["limiting"] => {
  if (host.entries.size >= host.settings.maxConnections) return "maxConnectionsPerHost"
  return state.open >= state.settings.maxConnections ? "maxConnections" : undefined
}

/**
 * Requests in line for which there is a place: free now, or taken by a dial under way. They wait for no other request to
 * end, and do not count against `maxPendingPerHost`.
 */
const placed = (state: PoolState, host: HostRecord): number => {
  const { dials, entries, settings } = host
  if (!state.serves) return dials.size
  const own = settings.maxConnections - entries.size
  // Dials of other hosts have their places; an idle connection gives its own up.
  const ofAll = state.settings.maxConnections - state.open - (state.opening - dials.size) + state.idle.size
  return Math.max(dials.size, Math.min(own, ofAll))
}

/**
 * A request comes into line; if a connection is free and nobody stands before it, it is granted at once. `isNew`: it
 * does not replace an earlier one, whose place it would keep.
 *
 * A pool that drains refuses newcomers. A request that was in the pool when the drain began and whose connection turned
 * out to be dead is none: it keeps its place, until the pool has closed.
 */
export const request = (state: PoolState, waiter: Waiter, isNew: boolean, now: number, out: Commands): void => {
  const host = waiter.host
  host.askedAt = now
  host.neglected = false
  if (isNew ? !state.takesRequests : state.phase === "Closed") {
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
  if (state.serves && !waiter.fresh && (first === undefined || waiter.ticket < first.ticket)) {
    const entry = takeFree(state, host, now, out)
    if (entry !== undefined) return grant(state, waiter, entry, now, out)
  }
  enqueue(state, waiter)
  serve(state, now, out)
  // A request that keeps its place is never one too many.
  if (isNew && waiter.waiting && host.waiting - placed(state, host) > host.settings.maxPending) {
    leaveLine(state, waiter)
    refuse(state, waiter, pendingLimitReached(state, host, now), now, out)
    forgetIfEmpty(state, host, out)
  } else if (state.observed && waiter.waiting) {
    out.push({ _tag: "Emit", event: PoolEvent.Queued({ at: now, key: host.key, waiting: host.waiting }) })
  }
}

const pendingLimitReached = (state: PoolState, host: HostRecord, now: number): PendingLimitReached => {
  state.pendingLimitReached++
  const { maxPending } = host.settings
  const numbers = numbersOf(state, host, now)
  return cheaply(() => new PendingLimitReached({ key: host.key, maxPending, placed: placed(state, host), numbers }))
}

/** Whether a new request could neither be served nor stand in line, as can be seen at a glance: a busy host's own limits are reached. */
export const isHopeless = (state: PoolState, host: HostRecord): boolean =>
  state.takesRequests &&
  host.waiting - host.dials.size >= host.settings.maxPending &&
  host.places >= host.settings.maxConnections &&
  host.idleList.size === 0 &&
  host.roomy.size === 0

/** Refuses a request that {@link isHopeless} before it has come into line. */
export const refuseAtOnce = (state: PoolState, host: HostRecord, now: number, out: Commands): PendingLimitReached => {
  host.askedAt = now
  host.neglected = false
  const error = pendingLimitReached(state, host, now)
  if (state.observed) {
    out.push({ _tag: "Emit", event: PoolEvent.Refused({ at: now, key: host.key, waited: 0, error }) })
  }
  return error
}

/** The freest fit connection: one with room, else an idle one in the configured order; unfit ones are closed on the way. */
export const takeFree = (state: PoolState, host: HostRecord, now: number, out: Commands): Entry | undefined => {
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

/**
 * Whether a request would be granted at once, and its connection be fit to be written on, as far as can be seen without
 * looking at the clock. Changes nothing.
 */
export const seemsReady = (state: PoolState, host: HostRecord): boolean => {
  if (state.phase !== "Open" || host.waiters.head !== undefined) return false
  const { idleOrder } = host.settings
  const entry = host.roomy.head ?? (idleOrder === "fifo" ? host.idleList.head : host.idleList.tail)
  if (entry === undefined) return false
  return entry.connection.isOpen && !entry.resting
}

const enqueue = (state: PoolState, waiter: Waiter): void => {
  const line = waiter.fresh ? waiter.host.freshWaiters : waiter.host.waiters
  line.insert(waiter, (other) => other.ticket > waiter.ticket)
  waiter.waiting = true
  waiter.arrival = state.nextArrival++
  waiter.host.latestArrival = waiter.arrival
  hasten(state, waiter.host)
  state.waiting++
  state.crowded.add(waiter.host)
  review(state, waiter.host)
}

const leaveLine = (state: PoolState, waiter: Waiter): void => {
  const line = waiter.fresh ? waiter.host.freshWaiters : waiter.host.waiters
  line.remove(waiter)
  waiter.waiting = false
  state.waiting--
  if (waiter.host.waiting === 0) state.crowded.delete(waiter.host)
  review(state, waiter.host)
}

/** Gives the connection to the request. */
export const grant = (state: PoolState, waiter: Waiter, entry: Entry, now: number, out: Commands): void => {
  const host = entry.host
  const wasIdle = entry.state === "Idle"
  const idle = wasIdle ? now - entry.lastUsedAt : 0
  const usedBefore = entry.requestCount > 0
  // A connection opened for the pool and parked is a miss the first time it is taken, yet it may have died meanwhile.
  const reused = usedBefore || wasIdle
  const waited = now - waiter.since
  if (waiter.waiting) leaveLine(state, waiter)
  if (wasIdle) unlist(state, entry)
  if (host.settings.minIdle > 0) review(state, host)
  if (entry.state !== "Leased") state.leased++
  entry.state = "Leased"
  entry.leases++
  entry.requestCount++
  if (waiter.request.bounded === true) bind(entry)
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
    const told = { at: now, key: waiter.host.key, waited: now - waiter.since }
    const event =
      error._tag === "AcquireTimeout"
        ? PoolEvent.WaiterTimedOut({ ...told, error })
        : PoolEvent.Refused({ ...told, error })
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
  const { host } = waiter
  leaveLine(state, waiter)
  if (state.observed) {
    const event = PoolEvent.WaiterLeft({ at: now, key: host.key, waited: now - waiter.since })
    out.push({ _tag: "Emit", event })
  }
  left(state, host, now, out)
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
    numbers: numbersOf(state, host, now),
    lastFailure: host.health.lastFailure
  })
  dismiss(state, waiter, error, now, out)
  left(state, host, now, out)
}

/**
 * A request has left its line. A dial that no request waits for goes on, as its connection may serve the next; but not
 * while it has no address: a look-up may never end, and those that hang keep others from beginning.
 *
 * `unresolved`: the host's dials that have no address yet, the oldest first.
 */
export const giveUpUnresolved = (
  state: PoolState,
  host: HostRecord,
  unresolved: ReadonlyArray<Dial>,
  now: number,
  out: Commands
): void => {
  const { maxIdle, minIdle } = host.settings
  const needed = Math.max(host.waiting, host.wanted - host.entries.size, Math.min(minIdle, maxIdle) - host.idle)
  const surplus = host.dials.size - needed
  if (surplus <= 0) return
  for (const dial of unresolved.slice(-surplus)) abandonDial(state, dial, now, out)
  left(state, host, now, out)
}

/** What follows when somebody has left a line: dials may be too many, the next host may have its turn. */
const left = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  dropSurplusDials(state, host, now, out)
  review(state, host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
}
