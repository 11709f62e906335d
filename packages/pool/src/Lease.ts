/**
 * The right to use a pooled connection until it is settled.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type { AnySpan } from "effect/Tracer"
import type { Connection } from "./Connection.js"
import type { ConnectionKey } from "./ConnectionKey.js"
import type { AcquireError } from "./PoolError.js"

/**
 * How a lease ends.
 *
 * - `Reusable`: the exchange is complete and its framing is proved. `idleFor` is how long the peer says it keeps the
 *   connection (already less a margin), `remaining` how many more requests it says it takes; they only ever lower the
 *   pool's own limits.
 * - `Spent`: nothing went wrong, but the connection carries nothing more.
 * - `Broken`: something went wrong, or the lease ended before the exchange did. `silent`: the request was out, and for so
 *   long that it means something the peer answered not a byte; if nobody else has heard of that peer either, the
 *   connections idle since before are distrusted.
 *
 * @since 0.1.0
 * @category models
 */
export type Settlement = Data.TaggedEnum<{
  Reusable: { readonly idleFor?: Duration.Duration | undefined; readonly remaining?: number | undefined }
  Spent: { readonly reason: string }
  Broken: { readonly reason: string; readonly silent?: boolean | undefined }
}>

const constructors = Data.taggedEnum<Settlement>()

/**
 * `Reusable(hints?)`: the exchange is complete, and the connection may carry another.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Reusable: (hints?: {
  readonly idleFor?: Duration.Duration | undefined
  readonly remaining?: number | undefined
}) => Settlement = (hints) => (hints === undefined ? reusable : constructors.Reusable(hints))

const reusable: Settlement = constructors.Reusable({})

/**
 * `Spent(reason)`: the connection did its work and takes no more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Spent = (reason: string): Settlement => constructors.Spent({ reason })

/**
 * `Broken(reason)`: the connection must not be used again.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Broken = (reason: string, options?: { readonly silent?: boolean | undefined }): Settlement =>
  constructors.Broken({ reason, ...options })

/**
 * A lease. Whoever holds it settles it, whatever happens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lease {
  readonly key: ConnectionKey
  readonly connection: Connection
  /** Whether the connection came from the idle list or straight from another lease. */
  readonly reused: boolean
  /** Since the connection was opened, at the grant. */
  readonly age: Duration.Duration
  /** How long it had been idle at the grant; zero for a new one and for one handed over. */
  readonly idle: Duration.Duration
  /** How long this lease was waited for. */
  readonly waited: Duration.Duration
  /** How many leases the connection carried before this one. */
  readonly requestCount: number
  /**
   * Whether the event loop has not polled since the connection's last byte was read. Nothing may be written while
   * this is true: wait for `connection.turn`, then look at `connection.isOpen`.
   */
  readonly resting: boolean
  readonly settled: boolean
  /** Bytes of an answer have come: the peer is alive. Call it with each piece; it costs an increment. */
  heard(): void
  /**
   * Whether the request on this lease may be sent again on a fresh connection: the pool has not closed, and the
   * host's retry budget is not used up. A refusal for want of budget is counted, so ask only if it would be sent again.
   */
  allowRetry(): boolean
  /**
   * Offers what the lease is spent on to the pool: an answer that no reader has begun to read. When it has been on offer
   * for a second and requests wait for which there is no place, or its host drains, `reclaim` is called with the reason,
   * at most once, the longest on offer first; it must see to it that the lease is settled soon. While the pool itself
   * drains, after 100 milliseconds. `undefined` withdraws the offer.
   */
  offer(reclaim: Reclaim | undefined): void
  /**
   * Says whether the lease may last for ever, as that of an event stream or of an upgraded connection may, or is bound
   * to end by itself before long. After a failed dial requests wait on only for leases that are bound to end, and
   * `AcquireTimeout` counts the others as streaming. A lease begins as its request said (`LeaseRequest.bounded`).
   */
  mayLast(mayLast: boolean): void
  /**
   * Ends the lease, synchronously. Only the first call counts. A connection on which bytes came while its holder had
   * set no receiver is closed, whatever is said here: nobody knows what they were.
   */
  settle(settlement: Settlement): void
}

/**
 * Why the pool takes a lease back: requests wait for its connection, its host drains (`drainHost`), or the pool does.
 *
 * @since 0.1.0
 * @category models
 */
export type ReclaimReason = "Waiting" | "HostDraining" | "PoolDraining"

/**
 * How a lease on offer is taken back.
 *
 * @since 0.1.0
 * @category models
 */
export type Reclaim = (reason: ReclaimReason) => void

/**
 * A request in line, as a value: it is granted a lease, refused, or cancelled, exactly once. Both methods are called
 * synchronously, from within whatever made the decision, and must not throw.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeaseRequest {
  /**
   * Whether its lease is bound to end by itself before long, as that of an exchange with limits in time is, until
   * `Lease.mayLast` says otherwise. False by default: how long a connection is held is its holder's business, and no
   * other request relies on its coming back.
   */
  readonly bounded?: boolean | undefined
  onLease(lease: Lease): void
  onRefused(error: AcquireError): void
  /** What the lease is for, in a few words and without secrets: `GET /report`. Asked only if it is reported as leaked. */
  describe?(): string
}

/**
 * What may be said of a request for a lease.
 *
 * @since 0.1.0
 * @category models
 */
export interface LeaseRequestOptions {
  /**
   * An earlier lease of the same request, which this one replaces: the request keeps its place in line and its
   * deadline.
   */
  readonly replaces?: Lease | undefined
  /**
   * Only a connection opened after this call will do, and the request counts as a retry (`staleRetries`, a `Retried`
   * event) unless the pool has closed. False by default.
   */
  readonly fresh?: boolean | undefined
  /** Milliseconds; overrides `acquireTimeout` for this request. */
  readonly timeout?: number | undefined
  /** On whose behalf; named if the lease is reported as leaked. */
  readonly span?: AnySpan | undefined
}

/**
 * A request that may still be cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export interface PendingLease {
  /** Leaves the line. Answers false if it was granted or refused before. */
  cancel(): boolean
}
