/**
 * Dials come to their end: opened or failed.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { Connection } from "../Connection.js"
import { ConnectError, type DialError, type EgressDenial } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import { dismiss } from "./leasing.js"
import type { LinkedList } from "./list.js"
import type { Commands, Dial, HostRecord, PoolState, Waiter } from "./model.js"
import { Entry } from "./model.js"
import { joinPeer } from "./peers.js"
import { endDial, forgetIfEmpty, retire, review, serve } from "./places.js"
import { place } from "./returning.js"

/**
 * A dial has opened a connection. `jitter`, from 0 to 1, says how much of the lifetime's random share is taken off.
 * Answers the connection's record.
 */
export const opened = (
  state: PoolState,
  dial: Dial,
  connection: Connection,
  jitter: number,
  now: number,
  out: Commands
): Entry => {
  const host = dial.host
  endDial(state, dial)
  const { lifetimeJitter, maxLifetime } = host.settings
  const { remoteAddress } = connection.facts
  const peer = joinPeer(host, remoteAddress)
  const entry = new Entry(connection, host, peer, now, now + maxLifetime * (1 - lifetimeJitter * jitter))
  host.entries.add(entry)
  state.open++
  state.created++
  state.expiries.put(entry)
  if (state.observed) {
    const event = PoolEvent.Opened({
      at: now,
      key: host.key,
      connectionId: connection.id,
      took: now - dial.startedAt,
      remoteAddress
    })
    out.push({ _tag: "Emit", event })
  }
  deny(state, dial, connection.facts.denials, true, now, out)
  if (!connection.isOpen) {
    entry.diedUnused = true
    retire(state, entry, "PeerClosed", now, out)
    state.connectFailures++
    const detail = "the peer accepted the connection and closed it at once"
    unavailable(
      state,
      host,
      dial,
      new ConnectError({ key: host.key, phase: "before-use", detail, local: false }),
      now,
      out
    )
    return entry
  }
  host.health.opened()
  if (host.entries.size >= host.wanted) host.wanted = 0
  review(state, host)
  place(state, entry, true, now, out)
  return entry
}

/** A dial has failed. */
export const failed = (state: PoolState, dial: Dial, error: DialError, now: number, out: Commands): void => {
  endDial(state, dial)
  state.connectFailures++
  if (state.observed) {
    out.push({
      _tag: "Emit",
      event: PoolEvent.OpenFailed({ at: now, key: dial.host.key, took: now - dial.startedAt, error })
    })
  }
  if (error._tag !== "ConnectTimeout") deny(state, dial, error.denials, error._tag === "ConnectError", now, out)
  unavailable(state, dial.host, dial, error, now, out)
}

/** A policy let some addresses of a dial, or all, not be dialled. */
const deny = (
  state: PoolState,
  dial: Dial,
  denials: ReadonlyArray<EgressDenial> | undefined,
  dialled: boolean,
  now: number,
  out: Commands
): void => {
  if (denials === undefined || denials.length === 0) return
  state.egressDenied++
  if (state.observed) {
    const event = PoolEvent.EgressDenied({ at: now, key: dial.host.key, denials, dialled })
    out.push({ _tag: "Emit", event })
  }
}

/**
 * Whose error is it? While the host has another connection, open or opening, nobody's: the requests keep their places.
 * Otherwise it is the error of all who were in line when the dial began. Requests that take only a new connection
 * cannot wait for one that is open: their only hope is another dial.
 *
 * No new dial is started for those who keep their places: a connection they can wait for exists, and dialling on would
 * be a storm of dials. A newcomer or a departure starts the next.
 */
const unavailable = (
  state: PoolState,
  host: HostRecord,
  dial: Dial,
  error: DialError,
  now: number,
  out: Commands
): void => {
  host.health.failed(error, now)
  host.wanted = 0
  // A suspended pool keeps its line: what failed may be what it was suspended for.
  if (state.phase !== "Suspended") {
    if (host.dials.size === 0) dismissThose(state, host.freshWaiters, dial, error, now, out)
    if (host.places === 0) dismissThose(state, host.waiters, dial, error, now, out)
  }
  review(state, host)
  if (host.places > 0 && (host.dials.size > 0 || host.freshWaiters.size === 0)) state.wanting.remove(host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
}

/** Refuses those of a line who were in it when the dial began. */
const dismissThose = (
  state: PoolState,
  line: LinkedList<Waiter>,
  dial: Dial,
  error: DialError,
  now: number,
  out: Commands
): void => {
  for (let waiter = line.head; waiter !== undefined; ) {
    const { next } = waiter
    if (waiter.arrival < dial.nextArrival) dismiss(state, waiter, error, now, out)
    waiter = next
  }
}
