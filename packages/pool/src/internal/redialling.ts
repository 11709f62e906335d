/**
 * Dials that are tried again: requests that keep their places after a failed dial wait for the next one as well, which
 * begins when its time has come or a newcomer asks.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import type { Commands, Dial, HostRecord, PoolState } from "./model.js"
import { review, serve } from "./places.js"
import { hasten, Redial } from "./redial.js"

/** A dial to the host has failed; `review` follows. A newcomer that was not in line when it began gets one of its own. */
export const postpone = (state: PoolState, dial: Dial, now: number): void => {
  const { host } = dial
  host.redial ??= new Redial(host)
  host.redial.failed(dial.number, state.dialled, now)
  if (host.latestArrival >= dial.nextArrival) hasten(state, host)
}

/** The last dial to the host has opened a connection; `review` follows. */
export const relax = (state: PoolState, host: HostRecord): void => {
  if (host.redial === undefined) return
  state.redials.remove(host.redial)
  host.redial = undefined
}

/** Begins the dials whose time has come. */
export const wake = (state: PoolState, now: number, out: Commands): void => {
  for (let redial = state.redials.top; redial !== undefined && redial.at <= now; redial = state.redials.top) {
    hasten(state, redial.host)
    review(state, redial.host)
  }
  serve(state, now, out)
}

/** When `wake` has something to do; infinite if nothing waits for it. */
export const nextWake = (state: PoolState, now: number): number => {
  const host = state.wanting.top
  const isAwaited = state.waiting > 0 || (host !== undefined && host.warmUps > 0)
  const probe = host === undefined || !isAwaited ? Infinity : state.strain.dialAt(state.open + state.opening)
  // One that is past was used, or something else than a lack of descriptors keeps the host waiting.
  return Math.min(state.redials.top?.at ?? Infinity, probe > now ? probe : Infinity)
}
