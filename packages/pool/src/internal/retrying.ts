/**
 * Requests that are sent again because their reused connection was dead.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as PoolEvent from "../PoolEvent.js"
import type { Commands, Entry, HostRecord, PoolState } from "./model.js"

/**
 * Whether the request on this connection may be sent again.
 *
 * Also while the pool drains. A request in line at the drain's start may be handed a connection that its server has just
 * closed. To send it again is as safe then as ever, ends with the drain's time like everything else, and loses nothing.
 */
export const allow = (state: PoolState, entry: Entry, now: number, out: Commands): boolean => {
  if (state.phase === "Closed") return false
  const { health, key, settings } = entry.host
  if (health.retries.allows(settings.retryBudget, now)) return true
  state.retriesRefused++
  if (state.observed) {
    const event = PoolEvent.RetryRefused({ at: now, key, connectionId: entry.connection.id })
    out.push({ _tag: "Emit", event })
  }
  return false
}

/** A request comes back into line for a fresh connection. `connectionId`: of the dead one. */
export const retried = (state: PoolState, host: HostRecord, connectionId: number, now: number, out: Commands): void => {
  state.staleRetries++
  if (state.observed) out.push({ _tag: "Emit", event: PoolEvent.Retried({ at: now, key: host.key, connectionId }) })
}
