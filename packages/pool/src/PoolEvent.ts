/**
 * What happens in a pool, as it happens. Times (`at`) are milliseconds of the pool's clock, which
 * begins with the wall clock and goes on by the monotonic one; durations are milliseconds.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { AnySpan } from "effect/Tracer"
import type { ConnectionKey } from "./ConnectionKey.js"
import type { AcquireError, AcquireTimeout, EgressDenial } from "./PoolError.js"

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
  /** A request found no free connection and stands in line. */
  Queued: { readonly at: number; readonly key: ConnectionKey; readonly waiting: number }
  /** A request left the line: it was cancelled or interrupted. */
  WaiterLeft: { readonly at: number; readonly key: ConnectionKey; readonly waited: number }
  /** A request has waited as long as it may. */
  WaiterTimedOut: {
    readonly at: number
    readonly key: ConnectionKey
    readonly waited: number
    readonly error: AcquireTimeout
  }
  /** A dial began. */
  OpenStarted: { readonly at: number; readonly key: ConnectionKey }
  /** A dial was given up: nobody waits for it, and its connection would have no place. */
  OpenAbandoned: { readonly at: number; readonly key: ConnectionKey; readonly took: number }
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
  /**
   * An egress policy denied addresses of a host. `dialled`: there were others, which were dialled; otherwise the dial
   * fails with `EgressDenied`.
   */
  EgressDenied: {
    readonly at: number
    readonly key: ConnectionKey
    readonly denials: ReadonlyArray<EgressDenial>
    readonly dialled: boolean
  }
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
    /** Whether the peer ended it before it had carried an answer, which counts as a dial that failed (`connectFailures`). */
    readonly unused: boolean
  }
  /** A request is sent again on a fresh connection, because its reused one was dead. */
  Retried: { readonly at: number; readonly key: ConnectionKey; readonly connectionId: number }
  /** A request whose reused connection was dead is not sent again: the host's retry budget is used up. */
  RetryRefused: { readonly at: number; readonly key: ConnectionKey; readonly connectionId: number }
  /** A request was refused before it had a connection. `WaiterTimedOut` is told apart. */
  Refused: { readonly at: number; readonly key: ConnectionKey; readonly error: AcquireError; readonly waited: number }
  /** A connection has been on lease for longer than `leakThreshold`. */
  Leaked: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly held: number
    /** On whose behalf the lease was taken, if that is known; the spans around it are its parents. */
    readonly span: AnySpan | undefined
    /** What it was taken for, if its holder says so: `GET /report`. */
    readonly purpose?: string
    /** Where it was taken: the program's own frames, and where its spans were opened. */
    readonly stack: string | undefined
  }
  /** A connection reported as leaked came back after all. */
  LeakReturned: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly held: number
  }
  /** An answer that nobody read is given up, because requests wait for its connection. `unread`: for how long. */
  Reclaimed: {
    readonly at: number
    readonly key: ConnectionKey
    readonly connectionId: number
    readonly unread: number
  }
  /** A peer has fallen silent: its connections that were idle since before are closed. */
  Distrusted: {
    readonly at: number
    readonly key: ConnectionKey
    readonly remoteAddress: string | undefined
    readonly count: number
  }
  /** It was learned how long the peer keeps idle connections; they are reused for `ceiling` from now on. */
  IdleCeilingLearned: { readonly at: number; readonly key: ConnectionKey; readonly ceiling: number }
  /** One host's connections of before are gone. `aborted`: those closed while on lease, because the drain's time was over. */
  HostDrained: { readonly at: number; readonly key: ConnectionKey; readonly took: number; readonly aborted: number }
  /** Requests stay in line until the pool is resumed. */
  Suspended: { readonly at: number }
  Resumed: { readonly at: number }
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
  Distrusted,
  DrainStarted,
  Drained,
  EgressDenied,
  HostDrained,
  IdleCeilingLearned,
  LeakReturned,
  Leaked,
  Missed,
  OpenAbandoned,
  OpenFailed,
  OpenStarted,
  Opened,
  Queued,
  Reclaimed,
  Refused,
  Resumed,
  Retired,
  Retried,
  RetryRefused,
  Returned,
  Suspended,
  WaiterLeft,
  WaiterTimedOut
} = Data.taggedEnum<PoolEvent>()
