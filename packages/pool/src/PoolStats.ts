/**
 * What the pool counts. One snapshot is of one moment.
 *
 * @since 0.1.0
 */

/**
 * The numbers of the whole pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolStats {
  /** Leases granted on a connection that had been leased before. */
  readonly hits: number
  /** Leases granted on a connection for the first time. `hits + misses` is the number of leases granted. */
  readonly misses: number
  /** Idle connections closed because they were stale: too old, idle too long, or ended by the peer. */
  readonly evictions: number
  /** Connections idle now. */
  readonly pooledConnections: number
  /** Connections on lease now. */
  readonly activeConnections: number
  /** Dials under way now. */
  readonly openingConnections: number
  /** Requests in line now. */
  readonly pendingAcquires: number
  /** Hosts known now. */
  readonly hosts: number
  /** Connections opened. */
  readonly created: number
  /** Dials that failed, connections that died before they had carried anything among them. */
  readonly connectFailures: number
  /**
   * Dials of which an egress policy denied an address, whether or not others were left to be dialled; but for those that
   * were given up or ran out of time.
   */
  readonly egressDenied: number
  /** Connections closed, by reason; reasons beyond the first 64 are counted together as `Other`. */
  readonly closed: Readonly<Record<string, number>>
  /** Requests refused with `AcquireTimeout`. */
  readonly acquireTimeouts: number
  /** Requests refused with `PendingLimitReached`. */
  readonly pendingLimitReached: number
  /** Requests sent again because their reused connection turned out dead. */
  readonly staleRetries: number
  /** Of those, the ones whose fresh connection died without an answer too; they use up the host's retry budget. */
  readonly failedRetries: number
  /** Requests not sent again because the host's retry budget was used up. */
  readonly retriesRefused: number
  /** Idle connections closed because their peer had fallen silent elsewhere. */
  readonly distrusted: number
  /** Leases taken back from answers that nobody read, because requests waited. */
  readonly reclaimed: number
  /** Whether the pool is suspended. */
  readonly suspended: boolean
  /** `hits / (hits + misses)`; 0 while nothing was leased. */
  readonly hitRate: number
}

/**
 * One host's share.
 *
 * @since 0.1.0
 * @category models
 */
export interface HostStats {
  readonly pooledConnections: number
  readonly activeConnections: number
  readonly openingConnections: number
  readonly pendingAcquires: number
  readonly hits: number
  readonly misses: number
  /** Whether the last dial failed through the peer's fault; then one dial at a time. */
  readonly failing: boolean
  /** Milliseconds an idle connection is reused for, as learned from the peer's closings; undefined while nothing was learned. */
  readonly idleCeiling: number | undefined
}
