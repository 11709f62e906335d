/**
 * Whether any request waits for something that need not come. It is asked in tests and simulations, after every step.
 *
 * Part of the decision core: changes nothing; no I/O, no clock.
 */
import { notInHeap } from "./heap.js"
import { hopeOf } from "./hope.js"
import type { HostRecord, PoolState } from "./model.js"
import { hasOwnRoom } from "./places.js"

/**
 * The rule that no request waits for something that need not come: each has a dial under way, one whose time is set, a
 * connection that must come back, or no place to be opened on. Answers in words what breaks it.
 */
export const waitsInVain = (state: PoolState, hosts: Iterable<HostRecord>, now: number): string | undefined => {
  if (!state.serves) return undefined
  for (const host of hosts) {
    if (host.waiting === 0 || host.dials.size > 0 || isTimed(host)) continue
    if (hopeOf(host) === "Bound" || isShutOut(state, host, now)) continue
    return `${host.waiting} requests wait for ${host.key}, which is not dialled, and of whose ${host.entries.size} connections none must come back`
  }
  return undefined
}

/** Whether the time of its next dial is set. */
const isTimed = ({ redial }: HostRecord): boolean => redial !== undefined && redial.heapIndex !== notInHeap

/** Whether limits or a lack of descriptors leave the host no place, so that it has to wait for others to end. */
const isShutOut = (state: PoolState, host: HostRecord, now: number): boolean => {
  if (!hasOwnRoom(host)) return host.places >= host.settings.maxConnections && host.redial?.state !== "Waiting"
  if (host.heapIndex === notInHeap) return false
  if (state.opening >= state.settings.maxConnecting) return true
  const held = state.open + state.opening
  if (held >= state.settings.maxConnections && state.idle.size === 0) return true
  const dialAt = state.strain.dialAt(held)
  return dialAt === Infinity ? state.opening > 0 : dialAt > now
}
