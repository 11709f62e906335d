/**
 * What happens in a pool, as it happens. Times (`at`) are milliseconds of the pool's clock; durations are milliseconds.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { ConnectionKey } from "./ConnectionKey.js"
import type { AcquireError } from "./PoolError.js"

/**
 * One thing that happened.
 *
 * @since 0.1.0
 * @category models
 */
export type PoolEvent = Data.TaggedEnum<{
  /** A lease was granted. */
  Acquired: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly reused: boolean
    readonly waited: number
    readonly idle: number
  }
  /** A connection was opened. */
  Opened: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly took: number
    readonly remoteAddress: string | undefined
  }
  /** A dial failed. */
  OpenFailed: { readonly at: number; readonly key: ConnectionKey; readonly took: number; readonly error: AcquireError }
  /** A connection came back and is kept. */
  Returned: { readonly at: number; readonly key: ConnectionKey; readonly connectionId: number; readonly held: number }
  /** A connection's life ended. */
  Retired: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly reason: string
    readonly age: number
    readonly requests: number
  }
  /** A request is sent again on a fresh connection, because its reused one was dead. */
  Retried: { readonly at: number; readonly key: ConnectionKey; readonly connectionId: number }
  /** A request was refused before it had a connection. */
  Refused: { readonly at: number; readonly key: ConnectionKey; readonly error: AcquireError; readonly waited: number }
  /** A connection has been on lease for longer than `leakThreshold`. */
  Leaked: { readonly at: number; readonly key: ConnectionKey; readonly connectionId: number; readonly held: number }
  /** The pool takes no new requests. */
  DrainStarted: { readonly at: number }
  /** Nothing is open any more. `aborted`: connections closed while on lease, because the drain's time was over. */
  Drained: { readonly at: number; readonly took: number; readonly aborted: number }
  /** This listener was too slow: `count` events before the next one were dropped. */
  Missed: { readonly count: number }
}>

/**
 * Constructors and matchers of {@link PoolEvent}: `PoolEvent.Opened({ ... })`, `$is`, `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const {
  $is,
  $match,
  Acquired,
  DrainStarted,
  Drained,
  Leaked,
  Missed,
  OpenFailed,
  Opened,
  Refused,
  Retired,
  Retried,
  Returned
} = Data.taggedEnum<PoolEvent>()
