/**
 * Rules of one's own for ending connections.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ConnectionFacts } from "./Connection.js"
import type { ConnectionKey } from "./ConnectionKey.js"

/**
 * What is known of an open connection at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionInfo {
  readonly key: ConnectionKey
  readonly connectionId: number
  /** Its addresses among them. */
  readonly facts: ConnectionFacts
  /** Since it was opened. */
  readonly age: Duration.Duration
  /** Since it was last returned; zero while it is on lease. */
  readonly idle: Duration.Duration
  /** Leases it has carried, the present one included. */
  readonly requests: number
  readonly leased: boolean
}

/**
 * Whether a connection is to end. It is asked about every open connection in rounds with `cleanupInterval` between them,
 * one connection after the other. An idle connection ends at once, one on lease when it is returned; its reason is
 * `Evicted`.
 *
 * A defect in it is logged, and the connection stays. So is an answer that does not come within `cleanupInterval`; the
 * host's other connections are then asked about in the next round.
 *
 * @since 0.1.0
 * @category models
 */
export type ShouldEvict = (connection: ConnectionInfo) => Effect.Effect<boolean>
