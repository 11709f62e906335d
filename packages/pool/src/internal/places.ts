/**
 * Places: who may open a connection, who must give one up, and what follows when one becomes free.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as PoolEvent from "../PoolEvent.js"
import { unbindAll } from "./hope.js"
import type { Commands, Entry, HostRecord, IdleLink, PoolReason, PoolState } from "./model.js"
import { Dial } from "./model.js"
import { leavePeer } from "./peers.js"
import { hasten, Redial } from "./redial.js"
import { longestProbe } from "./strain.js"

/** Dials the host needs beyond those under way, which serve whoever is first in line. */
const unmet = (host: HostRecord): number => Math.max(host.waiting - host.dials.size, host.wanted - host.places)

/**
 * Whether the host's own limits leave it a place. A request that takes only a new connection may have an idle one of
 * its own host closed to get it.
 */
export const hasOwnRoom = (host: HostRecord): boolean =>
  mayDial(host) &&
  (host.places < host.settings.maxConnections || (host.freshWaiters.size > 0 && host.idleList.size > 0))

/** Whether another dial to the host may begin beside those under way: after a failure one at a time, in its time. */
const mayDial = (host: HostRecord): boolean => {
  if (host.redial?.state === "Waiting") return false
  const isCareful = host.health.failing || host.redial !== undefined
  return host.dials.size < (isCareful ? 1 : host.settings.maxConnecting)
}

/** Puts the host among those that want a connection, or takes it out, as its numbers say now. */
export const review = (state: PoolState, host: HostRecord): void => {
  if (state.serves && unmet(host) > 0 && hasOwnRoom(host)) state.wanting.put(host)
  else state.wanting.remove(host)
  if (host.redial?.state === "Waiting") noteRedial(state, host, host.redial)
  if (host.settings.minIdle > 0) noteLack(state, host)
}

/** Sees to it that the host's next dial begins in its time while requests wait for it, and only then. */
const noteRedial = (state: PoolState, host: HostRecord, redial: Redial): void => {
  if (state.serves && host.waiting > 0 && host.dials.size === 0) state.redials.put(redial)
  else state.redials.remove(redial)
}

/** Puts the host among those that lack idle connections, or takes it out. */
const noteLack = (state: PoolState, host: HostRecord): void => {
  const { maxConnections, maxIdle, minIdle, pooling } = host.settings
  const lacks = host.idle + host.opening - host.waiting < Math.min(minIdle, maxIdle) && host.places < maxConnections
  const isKnown = !host.forgotten && !host.neglected
  if (state.phase === "Open" && pooling && lacks && isKnown) state.lacking.put(host.lack)
  else state.lacking.remove(host.lack)
}

/**
 * Starts dials for the hosts that want one, fairest first, while the limits of the whole pool allow it. At the total
 * limit the connection that has been idle longest makes room.
 */
export const serve = (state: PoolState, now: number, out: Commands): void => {
  for (let host = state.wanting.top; host !== undefined; host = state.wanting.top) {
    if (state.opening >= state.settings.maxConnecting) return
    if (unmet(host) <= 0 || !hasOwnRoom(host)) {
      state.wanting.remove(host)
      continue
    }
    const full = state.open + state.opening >= state.settings.maxConnections
    if (full && host.waiting <= host.dials.size) {
      // A place is given up for a request, never to warm another host up: what is open or opening is all it gets.
      host.wanted = host.dials.size > 0 ? Math.min(host.wanted, host.places) : 0
      state.wanting.remove(host)
      forgetIfEmpty(state, host, out)
      continue
    }
    const makesRoom = full || host.places >= host.settings.maxConnections
    if (full && state.idle.size === 0 && host.places < host.settings.maxConnections) return
    // Nothing is closed for a dial that descriptors are lacking for.
    if (state.strain.dialAt(state.open + state.opening - (makesRoom ? 1 : 0)) > now) return
    if (isStrained(state, host, now)) continue
    if (host.places >= host.settings.maxConnections) {
      retire(state, host.idleList.head as Entry, "MadeRoom", now, out)
    } else if (full) {
      retire(state, (state.idle.head as IdleLink).entry, "MadeRoom", now, out)
    }
    startDial(state, host, now, out)
  }
}

/** Whether the host's next dial has to wait until a local port may be free; it is tried in its time then. */
const isStrained = (state: PoolState, host: HostRecord, now: number): boolean => {
  const places = Math.min(host.places, host.settings.maxConnections - 1)
  const dialAt = host.strain === undefined ? now : host.strain.dialAt(places)
  if (dialAt <= now) return false
  host.redial ??= new Redial(host)
  host.redial.waitUntil(Math.min(dialAt, now + longestProbe))
  review(state, host)
  return true
}

const startDial = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  const dial = new Dial(host, ++state.dialled, now, state.nextArrival)
  host.dials.add(dial)
  state.opening++
  review(state, host)
  out.push({ _tag: "Dial", dial })
  if (state.observed) out.push({ _tag: "Emit", event: PoolEvent.OpenStarted({ at: now, key: host.key }) })
}

/** Gives a dial up. */
export const abandonDial = (state: PoolState, dial: Dial, now: number, out: Commands): void => {
  endDial(state, dial)
  out.push({ _tag: "AbortDial", dial })
  if (!state.observed) return
  const event = PoolEvent.OpenAbandoned({ at: now, key: dial.host.key, took: now - dial.startedAt })
  out.push({ _tag: "Emit", event })
}

/** Takes a dial off the books. Its place is free from now on. */
export const endDial = (state: PoolState, dial: Dial): void => {
  dial.ended = true
  dial.host.dials.delete(dial)
  state.opening--
}

/**
 * Gives up dials that nobody waits for and whose connection could not be kept.
 *
 * A dial whose request has left goes on as long as its connection would have a use or a place among the idle ones. A
 * pool that drains keeps none idle.
 */
export const dropSurplusDials = (state: PoolState, host: HostRecord, now: number, out: Commands): void => {
  const keep =
    host.settings.pooling && state.takesRequests ? Math.max(host.settings.maxIdle - host.idleList.size, 0) : 0
  const surplus = host.dials.size - host.waiting - keep
  if (surplus <= 0) return
  // The youngest have come the least far.
  for (const dial of [...host.dials].slice(-surplus)) abandonDial(state, dial, now, out)
}

/** Takes an idle connection out of both lists. The caller decides what becomes of it. */
export const unlist = (state: PoolState, entry: Entry): void => {
  entry.host.idleList.remove(entry)
  state.idle.remove(entry.idleLink)
}

/** Puts a leased connection among those with room for another lease, or takes it out, as it is now. */
export const relist = (entry: Entry): void => {
  const roomy =
    entry.state === "Leased" &&
    entry.condemned === undefined &&
    entry.leases < entry.capacity &&
    entry.leases < entry.remaining &&
    entry.requestCount < entry.host.settings.maxRequests
  if (roomy === entry.roomy) return
  entry.roomy = roomy
  if (roomy) entry.host.roomy.append(entry)
  else entry.host.roomy.remove(entry)
}

/** Ends a connection's life. Its place is free; who gets it is decided by `serve`. */
export const retire = (state: PoolState, entry: Entry, reason: string, now: number, out: Commands): void => {
  discard(state, entry, reason, now, out)
  forgetIfEmpty(state, entry.host, out)
}

/** {@link retire}, on behalf of somebody who is about to need the host: it stays known even if it is empty now. */
export const discard = (state: PoolState, entry: Entry, reason: string, now: number, out: Commands): void => {
  if (entry.state === "Retired")
    throw new Error(`a retired connection was retired again: ${reason}, connection ${entry.connection.id}`)
  const host = entry.host
  if (entry.state === "Idle") unlist(state, entry)
  else if (entry.state === "Leased") {
    state.leased--
  }
  entry.state = "Retired"
  relist(entry)
  unbindAll(entry)
  host.entries.delete(entry)
  // With its last connection a host loses what its requests may have waited for instead of a dial.
  if (host.entries.size === 0) hasten(state, host)
  leavePeer(entry)
  state.expiries.remove(entry)
  state.open--
  countClosed(state, reason)
  out.push({ _tag: "Destroy", entry, reason })
  if (state.observed) {
    out.push({
      _tag: "Emit",
      event: PoolEvent.Retired({
        at: now,
        key: host.key,
        connectionId: entry.connection.id,
        reason,
        age: now - entry.createdAt,
        requests: entry.requestCount,
        unused: entry.diedUnused
      })
    })
  }
  review(state, host)
}

/** Reasons counted by name; whoever settles leases may bring reasons of its own, and a count must not grow for ever. */
export const maxReasons = 64

const countClosed = (state: PoolState, reason: string): void => {
  const name = state.closed.has(reason) || state.closed.size < maxReasons ? reason : "Other"
  state.closed.set(name, (state.closed.get(name) ?? 0) + 1)
}

/** Why an idle connection may not be used any more; undefined if it may. */
export const staleness = (entry: Entry, now: number): PoolReason | undefined => {
  if (!entry.connection.isOpen) return "PeerClosed"
  if (now >= entry.expiresAt) return "MaxLifetime"
  return now - entry.lastUsedAt >= idleLimit(entry, now) ? "IdleTimeout" : undefined
}

/** How long it may be idle: the pool's limit, the peer's hint, or what was learned of the peer, whichever is least. */
export const idleLimit = (entry: Entry, now: number): number =>
  Math.min(entry.idleFor, entry.host.health.idleCeilingAt(now))

/** Reasons for which an idle connection is stale, so that closing it is an eviction. */
const staleReasons: ReadonlySet<PoolReason> = new Set([
  "IdleTimeout",
  "MaxLifetime",
  "PeerClosed",
  "PeerReset",
  "SocketError",
  "UnexpectedBytes",
  "Distrusted"
])

/** Ends the life of an idle connection that is of no more use. */
export const evictIdle = (state: PoolState, entry: Entry, reason: PoolReason, now: number, out: Commands): void => {
  if (staleReasons.has(reason)) state.evictions++
  retire(state, entry, reason, now, out)
}

/** {@link evictIdle}, on behalf of a request that looks for a connection. */
export const passOver = (state: PoolState, entry: Entry, reason: PoolReason, now: number, out: Commands): void => {
  state.evictions++
  discard(state, entry, reason, now, out)
}

/** A host without connections, dials and requests is not kept. */
export const forgetIfEmpty = (state: PoolState, host: HostRecord, out: Commands): void => {
  if (host.forgotten || host.entries.size > 0 || host.dials.size > 0 || host.waiting > 0) return
  // A host that is to have idle connections stays known, or nobody would ever see to it.
  if (state.takesRequests && (host.wanted > 0 || (host.settings.minIdle > 0 && !host.neglected))) return
  host.forgotten = true
  state.wanting.remove(host)
  state.lacking.remove(host.lack)
  if (host.redial !== undefined) state.redials.remove(host.redial)
  out.push({ _tag: "Forget", host })
}

/**
 * Whether a connection that came back must be given up although a request of its own host could use it, so that a place
 * becomes free: for a host without any connection that has been waiting for longer, once the total is used up; or for
 * an older request of its own host that takes only a new connection and has no dial coming.
 */
export const mustMakeRoom = (state: PoolState, host: HostRecord, now: number): boolean => {
  if (state.opening >= state.settings.maxConnecting) return false
  if (state.strain.dialAt(state.open + state.opening - 1) > now) return false
  const waiting = host.waiters.head?.ticket ?? Infinity
  const fresh = host.freshWaiters.head?.ticket ?? Infinity
  const totalBinds = state.open + state.opening >= state.settings.maxConnections
  const placeIsMissing = totalBinds || host.places >= host.settings.maxConnections
  if (fresh < waiting && host.freshWaiters.size > host.dials.size && placeIsMissing && mayDial(host)) return true
  const first = state.wanting.top
  return first !== undefined && first.places === 0 && first.oldestTicket < waiting && totalBinds
}
