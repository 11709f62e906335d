/**
 * Ends the idle connections of a peer that has fallen silent.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as PoolEvent from "../PoolEvent.js"
import type { Commands, HostRecord, PoolState } from "./model.js"
import type { Peer } from "./peers.js"
import { evictIdle, serve } from "./places.js"

/**
 * To be called a turn after the silence was noticed (`since`): if anything was heard meanwhile the peer lives.
 */
export const distrust = (
  state: PoolState,
  host: HostRecord,
  peer: Peer,
  heardBefore: number,
  since: number,
  now: number,
  out: Commands
): void => {
  if (peer.heard !== heardBefore) return
  let count = 0
  for (const entry of [...host.entries]) {
    if (entry.peer !== peer || entry.state !== "Idle" || entry.lastUsedAt > since) continue
    evictIdle(state, entry, "Distrusted", now, out)
    count++
  }
  state.distrusted += count
  if (count > 0 && state.observed) {
    const event = PoolEvent.Distrusted({ at: now, key: host.key, remoteAddress: peer.address, count })
    out.push({ _tag: "Emit", event })
  }
  serve(state, now, out)
}
