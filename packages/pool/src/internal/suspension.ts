/**
 * A pool that holds its breath: requests stay in line, nothing is granted and nothing dialled.
 *
 * Part of the decision core: changes records and appends commands; no I/O, no clock.
 */
import * as PoolEvent from "../PoolEvent.js"
import type { Commands, HostRecord, PoolState } from "./model.js"
import { review, serve } from "./places.js"
import { serveIdle } from "./returning.js"

export const suspend = (state: PoolState, hosts: Iterable<HostRecord>, now: number, out: Commands): void => {
  if (state.phase !== "Open") return
  state.phase = "Suspended"
  for (const host of hosts) review(state, host)
  if (state.observed) out.push({ _tag: "Emit", event: PoolEvent.Suspended({ at: now }) })
}

export const resume = (state: PoolState, hosts: Iterable<HostRecord>, now: number, out: Commands): void => {
  if (state.phase !== "Suspended") return
  state.phase = "Open"
  if (state.observed) out.push({ _tag: "Emit", event: PoolEvent.Resumed({ at: now }) })
  for (const host of hosts) serveIdle(state, host, now, out)
  serve(state, now, out)
}
