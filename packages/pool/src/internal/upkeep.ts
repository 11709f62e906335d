/**
 * Upkeep: what is stale, cleared, evicted, warmed up, or to be drained.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import { PoolClosed } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import { cheaply } from "./cheapError.js"
import { notInHeap } from "./heap.js"
import { dismiss } from "./leasing.js"
import { drawFromIdle } from "./lessons.js"
import type { Commands, Entry, HostRecord, PoolReason, PoolState } from "./model.js"
import {
  abandonDial,
  dropSurplusDials,
  evictIdle,
  forgetIfEmpty,
  idleLimit,
  relist,
  retire,
  review,
  serve,
  staleness
} from "./places.js"
import { hasten } from "./redial.js"
import { serveIdle } from "./returning.js"

/**
 * Closes idle connections that are past their time; answers how many. It looks only at connections whose noted time
 * has come, and puts those that have been used since back with their new time, so it pays for what it closes.
 */
export const cleanup = (state: PoolState, now: number, out: Commands): number => {
  let closed = 0
  for (let entry = state.expiries.top; entry !== undefined && entry.checkAt <= now; entry = state.expiries.top) {
    const reason = entry.state === "Idle" ? staleness(entry, now) : undefined
    if (reason !== undefined) {
      evictIdle(state, entry, reason, now, out)
      closed++
    } else {
      const idleSince = entry.state === "Idle" ? entry.lastUsedAt : now
      const due = Math.min(entry.expiresAt, idleSince + idleLimit(entry, now))
      // A leased connection past its lifetime is retired when it is returned; until then there is nothing to check.
      entry.checkAt = due > now ? due : now + entry.host.settings.idleTimeout
      state.expiries.put(entry)
    }
  }
  serve(state, now, out)
  return closed
}

/**
 * The machine has slept, or its clock was set ahead: connections have aged by so much more than time has passed. They keep
 * their order.
 */
export const age = (hosts: Iterable<HostRecord>, millis: number): void => {
  for (const { entries } of hosts) {
    for (const entry of entries) {
      entry.createdAt -= millis
      entry.lastUsedAt -= millis
      entry.expiresAt -= millis
      entry.checkAt -= millis
    }
  }
}

/** An idle connection ended, or carried bytes that nobody asked for. */
export const lost = (state: PoolState, entry: Entry, reason: PoolReason, now: number, out: Commands): void => {
  if (entry.state !== "Idle") return
  drawFromIdle(state, entry, reason, now, out)
  evictIdle(state, entry, reason, now, out)
  serve(state, now, out)
}

/** Closes every idle connection; answers how many. */
export const clear = (state: PoolState, reason: PoolReason, now: number, out: Commands): number => {
  const closed = state.idle.size
  for (let link = state.idle.head; link !== undefined; link = state.idle.head) {
    evictIdle(state, link.entry, reason, now, out)
  }
  serve(state, now, out)
  return closed
}

/**
 * Closes a host's idle connections now, and its busy ones when they are returned; answers how many were closed now.
 */
export const evict = (state: PoolState, host: HostRecord, reason: PoolReason, now: number, out: Commands): number => {
  let closed = 0
  host.wanted = 0
  for (const entry of [...host.entries]) if (end(state, entry, reason, now, out)) closed++
  review(state, host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
  return closed
}

/** Closes a connection now if it is idle, else when it is returned; answers whether it was closed now. */
export const evictOne = (state: PoolState, entry: Entry, now: number, out: Commands): boolean => {
  const closed = end(state, entry, "Evicted", now, out)
  serve(state, now, out)
  return closed
}

const end = (state: PoolState, entry: Entry, reason: PoolReason, now: number, out: Commands): boolean => {
  if (entry.state === "Idle") {
    evictIdle(state, entry, reason, now, out)
    return true
  }
  condemn(entry, reason)
  return false
}

/** A connection on lease ends when it is returned. */
export const condemn = (entry: Entry, reason: PoolReason): void => {
  if (entry.state !== "Leased") return
  entry.condemned ??= reason
  relist(entry)
}

/** The host should have `n` connections, open or opening; answers how many of them its own limits allow. */
export const warm = (state: PoolState, host: HostRecord, n: number, now: number, out: Commands): number => {
  const { maxConnections, maxIdle, pooling } = host.settings
  host.askedAt = now
  host.neglected = false
  // Those on lease now take no place among the idle ones.
  const target = pooling && state.takesRequests ? Math.min(n, maxConnections, host.active + maxIdle) : 0
  want(state, host, target, now, out)
  return target
}

const want = (state: PoolState, host: HostRecord, target: number, now: number, out: Commands): void => {
  host.wanted = target > host.entries.size ? Math.max(host.wanted, target) : host.wanted
  hasten(state, host)
  review(state, host)
  serve(state, now, out)
  forgetIfEmpty(state, host, out)
}

/** A host without a connection that nobody has asked for in so long need not have idle ones any more. Milliseconds. */
export const neglectedAfter = 5 * 60_000

/** Sees to it that hosts have the idle connections they should always have, where a dial for nobody may begin. */
export const replenish = (state: PoolState, now: number, out: Commands): void => {
  for (let lack = state.lacking.top; lack !== undefined; lack = state.lacking.top) {
    const { host } = lack
    if (host.health.unwaitedDialAt > now) return
    if (host.places === 0 && host.waiting === 0 && now - host.askedAt >= neglectedAfter) {
      host.neglected = true
      state.lacking.remove(lack)
      forgetIfEmpty(state, host, out)
      continue
    }
    const { maxConnections, maxIdle, minIdle } = host.settings
    // Requests in line take theirs first.
    want(state, host, Math.min(host.active + host.waiting + Math.min(minIdle, maxIdle), maxConnections), now, out)
    if (lack.heapIndex === notInHeap) continue
    // The limits leave no place for them.
    host.health.postpone(now)
    state.lacking.put(lack)
  }
}

/** When `replenish` has something to do; infinite if nothing is lacking. */
export const nextReplenishing = (state: PoolState): number => state.lacking.top?.host.health.unwaitedDialAt ?? Infinity

/** Nobody waits for a warm-up any more: no further dials begin for it. */
export const endWarmUp = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  host.wanted = 0
  dropSurplusDials(state, host, now, out)
  review(state, host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
}

/**
 * No newcomers from here on. Requests in line keep their places and are served, by connections that come back and by
 * dials; what no request waits for ends now: idle connections, dials, warm-ups. A suspension ends, too: what stands in
 * line has no other time left.
 */
export const startDrain = (state: PoolState, hosts: Iterable<HostRecord>, now: number, out: Commands): void => {
  if (!state.takesRequests) return
  state.phase = "Draining"
  if (state.observed) out.push({ _tag: "Emit", event: PoolEvent.DrainStarted({ at: now }) })
  for (const host of hosts) {
    host.wanted = 0
    // Only in a suspended pool do requests wait beside idle connections.
    serveIdle(state, host, now, out)
    forgetIfEmpty(state, host, out)
  }
  clear(state, "Drained", now, out)
}

/** What the end of a drain cut short. */
export interface CutShort {
  /** Connections still on lease. */
  readonly aborted: number
  /** Requests still in line. */
  readonly refused: number
}

/** The drain is over: requests still in line are refused, and what is still on lease is closed. */
export const close = (state: PoolState, hosts: Iterable<HostRecord>, now: number, out: Commands): CutShort => {
  const { drainTimeout } = state.settings
  const refused = state.waiting
  let aborted = 0
  state.phase = "Closed"
  for (const host of hosts) {
    for (const line of [host.freshWaiters, host.waiters]) {
      for (let waiter = line.head; waiter !== undefined; waiter = line.head) {
        const waited = Math.round(now - waiter.since)
        const make = () => new PoolClosed({ key: host.key, during: "line", drainTimeout, waited })
        dismiss(state, waiter, cheaply(make), now, out)
      }
    }
    for (const dial of [...host.dials]) abandonDial(state, dial, now, out)
    for (const entry of [...host.entries]) {
      retire(state, entry, "DrainTimeout", now, out)
      aborted++
    }
    review(state, host)
    forgetIfEmpty(state, host, out)
  }
  return { aborted, refused }
}

/** The drain of one host is over: what is left of its connections of before is closed. */
export const closeThose = (
  state: PoolState,
  host: HostRecord,
  left: Iterable<Entry>,
  startedAt: number,
  now: number,
  out: Commands
): void => {
  let aborted = 0
  for (const entry of left) {
    retire(state, entry, "DrainTimeout", now, out)
    aborted++
  }
  // A pool that has closed meanwhile has nothing to add.
  if (state.observed && state.phase !== "Closed") {
    const event = PoolEvent.HostDrained({ at: now, key: host.key, took: now - startedAt, aborted })
    out.push({ _tag: "Emit", event })
  }
  serve(state, now, out)
}
