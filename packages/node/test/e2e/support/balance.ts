import { assert } from "@effect/vitest"
import type { ConnectionPool, PoolStats } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

const isQuiet = (stats: PoolStats.PoolStats): boolean =>
  stats.activeConnections === 0 && stats.openingConnections === 0 && stats.pendingAcquires === 0

/** Waits until nothing is on lease, being opened or in line: abandoned bodies may be drained for a moment. */
export const settled = (pool: ConnectionPool.ConnectionPoolShape): Effect.Effect<PoolStats.PoolStats> =>
  Effect.gen(function* () {
    const events = yield* pool.subscribe
    let stats = yield* pool.stats
    // Whatever changes these numbers is an event.
    while (!isQuiet(stats)) {
      yield* Queue.take(events)
      stats = yield* pool.stats
    }
    return stats
  }).pipe(
    Effect.scoped,
    Effect.timeout("5 seconds"),
    Effect.catchTag("TimeoutException", () =>
      Effect.flatMap(pool.stats, (stats) => Effect.dieMessage(`not settled after 5 seconds: ${JSON.stringify(stats)}`))
    )
  )

/** Every connection that was opened is idle or was closed, with a reason. */
export const assertBalanced = (stats: PoolStats.PoolStats): void => {
  const closed = Object.values(stats.closed).reduce((sum, n) => sum + n, 0)
  assert.strictEqual(stats.activeConnections, 0, "on lease")
  assert.strictEqual(stats.openingConnections, 0, "being opened")
  assert.strictEqual(stats.pendingAcquires, 0, "in line")
  assert.strictEqual(stats.created, closed + stats.pooledConnections, "opened = closed + idle")
}
