/**
 * What passes between a body, its source and its readers.
 *
 * @internal
 */
import type { AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { Deadlines } from "@hotaru/pool/Deadlines"
import type { Reclaim, ReclaimReason } from "@hotaru/pool/Lease"
import type * as ExchangeError from "../ExchangeError.js"

/** What a body asks of its exchange. None of it does anything once the exchange has settled. */
export interface BodySource {
  readonly deadlines: Deadlines
  readonly contexts: AsyncContextsShape
  /** How far the exchange got. */
  progress(): ExchangeError.Progress
  /** Nobody has begun to read: the pool may take the connection back for others. `undefined`: somebody has. */
  offer(reclaim: Reclaim | undefined): void
  pauseReading(): void
  resumeReading(): void
  /**
   * Nobody will read the rest.
   * @param rest bytes still to come, where that is known; infinite if they are not worth reading.
   */
  onAbandoned(rest: number | undefined, interrupted: boolean): void
  /** No piece came within `bodyTimeout`. */
  onStalled(): void
}

/** What the next reader is told of a body whose connection the pool has taken back. */
export const reclaimed: Readonly<Record<ReclaimReason, string>> = {
  Waiting: "requests were waiting for its connection",
  HostDraining: "its host was being drained, and no reader had begun to read it",
  PoolDraining: "the pool was closing, and no reader had begun to read it"
}

/** How a body is being used. A collected body is kept and can be read again; a streamed one is handed over and gone. */
export type Use = "Unread" | "Collected" | "Streamed" | "Pulled"

/** Somebody who waits for the whole body. */
export interface Collector {
  readonly limit: number
  readonly limitName: string
  /** Whether the bytes are to be its own. */
  readonly copy: boolean
  readonly resume: (result: Uint8Array | ExchangeError.ExchangeError) => void
}

export const end = Symbol.for("@hotaru/client/bodyEnd")

/** All pieces that lie ready, the end, or why there are no more. */
export type Taken = ReadonlyArray<Uint8Array> | typeof end | ExchangeError.ExchangeError

/** Both, one after the other. */
export const inTurn = (first: () => void, second: () => void) => () => {
  first()
  second()
}
