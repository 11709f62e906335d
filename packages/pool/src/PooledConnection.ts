/**
 * A connection with what the pool knows about it.
 *
 * @since 0.1.0
 */
import type { Connection } from "./Connection.js"

/**
 * Times are milliseconds of the pool's clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface PooledConnection {
  readonly connection: Connection
  /** When it was opened. Being returned never changes it. */
  readonly createdAt: number
  /** When it was last returned, or opened. */
  readonly lastUsedAt: number
  /** Leases it has carried, the present one included. */
  readonly requestCount: number
}

/**
 * Whether a connection may be used: open, younger than `maxLifetime`, idle for less than `idleTimeout`
 * (milliseconds). Age counts from the opening; returning a connection resets its idleness alone.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isHealthy = (
  self: Pick<PooledConnection, "createdAt" | "lastUsedAt"> & { readonly connection: { readonly isOpen: boolean } },
  limits: { readonly maxLifetime: number; readonly idleTimeout: number },
  now: number
): boolean =>
  self.connection.isOpen && now - self.createdAt < limits.maxLifetime && now - self.lastUsedAt < limits.idleTimeout
