/** What can go wrong on the way, and where. */
import * as Data from "effect/Data"

/**
 * A fault of one connection, as its client meets it. Times are in milliseconds.
 *
 * - `Delay`: everything that follows in this direction comes so much later.
 * - `Throttle`: from here on at most `bytes` are handed on, then nothing for `millis`, and so on.
 * - `Corrupt`: the bits of `mask` are flipped in each of the next `bytes` bytes.
 * - `Inject`: the client is told something that the server has never said.
 * - `Cut`: both sides are ended with FIN; nothing more is handed on.
 * - `HalfClose`: the client gets FIN and no more bytes; what it sends is handed on all the same.
 * - `Reset`: both sides get RST.
 * - `Blackhole`: nothing is read, nothing is said; after `millis` it is closed, seen or not.
 */
export type Fault = Data.TaggedEnum<{
  Delay: { readonly millis: number }
  Throttle: { readonly bytes: number; readonly millis: number }
  Corrupt: { readonly bytes: number; readonly mask: number }
  Inject: { readonly text: string }
  Cut: {}
  HalfClose: {}
  Reset: {}
  Blackhole: { readonly millis: number }
}>

export const Fault = Data.taggedEnum<Fault>()

export type Direction = "request" | "response"

/**
 * A fault and its place: `at` bytes of a direction have been handed on, and the next one is here. At 0 it strikes when
 * the first byte has come and before anything of it was handed on.
 */
export interface Step {
  readonly direction: Direction
  readonly at: number
  readonly fault: Fault
}

/** Which faults a connection meets; the connections of a proxy count from 1, in the order in which they were accepted. */
export interface Script {
  /** Strikes as soon as the connection is accepted. */
  readonly accepted?: Fault
  /** In order, for each direction. */
  readonly steps: ReadonlyArray<Step>
}

export const harmless: Script = { steps: [] }
