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
  /** Dials that failed. */
  readonly connectFailures: number
  /** Connections closed, by reason; reasons beyond the first 64 are counted together as `Other`. */
  readonly closed: Readonly<Record<string, number>>
  /** Requests refused with `AcquireTimeout`. */
  readonly acquireTimeouts: number
  /** Requests refused with `PendingLimitReached`. */
  readonly pendingLimitReached: number
  /** Requests sent again because their reused connection turned out dead. */
  readonly staleRetries: number
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
}
