/**
 * How long the next dial to a host waits after one that failed.
 *
 * Part of the decision core: time comes in as a value.
 */
import { type HeapElement, notInHeap } from "./heap.js"
import type { HostRecord, PoolState } from "./model.js"

/** Waits between dials that requests in line wait for: doubled with each failure, within these. Milliseconds. */
export const leastWait = 100
export const longestWait = 1000

/**
 * What a host has between a dial that failed and the next that opens a connection. Until then one dial at a time.
 *
 * - `Due`: it may begin.
 * - `Waiting`: it begins when its time has come or a newcomer asks.
 */
type RedialState = "Due" | "Waiting"

/** The host's place among those that wait for their next dial. */
export class Redial implements HeapElement {
  heapIndex = notInHeap
  state: RedialState = "Waiting"
  /** When the next dial may begin. */
  at = 0
  private wait = 0
  private latest = 0

  constructor(readonly host: HostRecord) {}

  /** A dial failed. One that had begun before the last failure tells nothing new. */
  failed(dial: number, begun: number, now: number): void {
    this.state = "Waiting"
    if (dial <= this.latest) return
    this.wait = Math.min(Math.max(this.wait * 2, leastWait), longestWait)
    this.at = now + this.wait
    this.latest = begun
  }

  /** The next dial would fail before then. */
  waitUntil(at: number): void {
    this.state = "Waiting"
    this.at = at
  }
}

/** The next dial to the host need not wait any longer; `review` follows. */
export const hasten = (state: PoolState, host: HostRecord): void => {
  if (host.redial?.state !== "Waiting") return
  host.redial.state = "Due"
  state.redials.remove(host.redial)
}
