/**
 * Dials come to their end: opened or failed.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { Connection } from "../Connection.js"
import { ConnectError, type DialError, type EgressDenial } from "../PoolError.js"
import * as PoolEvent from "../PoolEvent.js"
import { graceFor, hopeOf } from "./hope.js"
import { dismiss } from "./leasing.js"
import type { LinkedList } from "./list.js"
import type { Commands, Dial, HostRecord, PoolState, Waiter } from "./model.js"
import { Entry } from "./model.js"
import { joinPeer } from "./peers.js"
import { endDial, forgetIfEmpty, retire, review, serve } from "./places.js"
import { postpone, relax } from "./redialling.js"
import { place } from "./returning.js"
import { Strain, scarcityOf } from "./strain.js"

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
  relax(state, host)
  state.strain.opened(dial.number, state.open + state.opening)
  host.strain?.opened(dial.number, host.places)
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
 * Whose error is it? While another dial is under way, or a connection of the host must come back, nobody's: the requests
 * keep their places. Otherwise it is the error of all who were in line when the dial began; where the host holds
 * connections that need not come back, once they have waited for a moment. Requests that take only a new connection
 * cannot wait for one that is open: their only hope is another dial.
 *
 * For those who keep their places one dial at a time is tried again, after ever longer waits; a newcomer starts the
 * next at once. Dialling on would be a storm of dials.
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
  noteScarcity(state, dial, error, now)
  // A suspended pool keeps its line: what failed may be what it was suspended for.
  if (state.phase !== "Suspended" && host.dials.size === 0) {
    const hope = hopeOf(host)
    const atLeast = hope === "Perhaps" ? graceFor : 0
    dismissThose(state, host.freshWaiters, dial, 0, error, now, out)
    if (hope !== "Bound") dismissThose(state, host.waiters, dial, atLeast, error, now, out)
  }
  postpone(state, dial, now)
  review(state, host)
  forgetIfEmpty(state, host, out)
  serve(state, now, out)
}

/** What our own side has run out of limits the next dials. */
const noteScarcity = (state: PoolState, dial: Dial, error: DialError, now: number): void => {
  const { host, number } = dial
  const scarcity = scarcityOf(error)
  if (scarcity === "Process") state.strain.failed(number, state.dialled, state.open + state.opening, now)
  if (scarcity === "Host") {
    host.strain ??= new Strain()
    host.strain.failed(number, state.dialled, host.places, now)
  }
}

/** Refuses those of a line who were in it when the dial began and have waited for at least so long. */
const dismissThose = (
  state: PoolState,
  line: LinkedList<Waiter>,
  dial: Dial,
  atLeast: number,
  error: DialError,
  now: number,
  out: Commands
): void => {
  for (let waiter = line.head; waiter !== undefined; ) {
    const { next } = waiter
    if (waiter.arrival < dial.nextArrival && now - waiter.since >= atLeast) dismiss(state, waiter, error, now, out)
    waiter = next
  }
}
