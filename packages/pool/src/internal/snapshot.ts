/**
 * Statistics: all numbers of one moment.
 */
import type { HostStats, PoolStats } from "../PoolStats.js"
import type { HostRecord, PoolState } from "./model.js"

/** All numbers of one moment. */
export const stats = (state: PoolState, hosts: number): PoolStats => {
  const leases = state.hits + state.misses
  return {
    hits: state.hits,
    misses: state.misses,
    evictions: state.evictions,
    pooledConnections: state.idle.size,
    activeConnections: state.leased,
    openingConnections: state.opening,
    pendingAcquires: state.waiting,
    hosts,
    created: state.created,
    connectFailures: state.connectFailures,
    egressDenied: state.egressDenied,
    closed: Object.fromEntries(state.closed),
    acquireTimeouts: state.acquireTimeouts,
    pendingLimitReached: state.pendingLimitReached,
    staleRetries: state.staleRetries,
    failedRetries: state.failedRetries,
    retriesRefused: state.retriesRefused,
    distrusted: state.distrusted,
    reclaimed: state.reclaimed,
    suspended: state.phase === "Suspended",
    hitRate: leases === 0 ? 0 : state.hits / leases
  }
}

export const hostStats = (host: HostRecord, now: number): HostStats => ({
  pooledConnections: host.idle,
  activeConnections: host.active,
  openingConnections: host.opening,
  pendingAcquires: host.waiting,
  hits: host.hits,
  misses: host.misses,
  failing: host.health.failing,
  idleCeiling: finite(host.health.idleCeilingAt(now))
})

const finite = (millis: number): number | undefined => (millis === Infinity ? undefined : millis)
