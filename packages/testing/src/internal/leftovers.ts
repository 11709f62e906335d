/**
 * What a pool at rest must not hold.
 */
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import * as Effect from "effect/Effect"
import type { FakeNetworkShape } from "../FakeNetwork.js"

/**
 * How many limits in time are running. The pool does not tell; a test of this package fails if this is no longer where
 * it keeps them.
 */
const deadlinesOf = (pool: ConnectionPoolShape): number => Number(Reflect.get(pool.unsafe.deadlines, "size"))

export const leftoversOf = (
  pool: ConnectionPoolShape,
  network: FakeNetworkShape
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    yield* network.settle
    const stats = yield* pool.stats
    const found: Array<string> = [...network.violations]
    const none = (count: number, what: string) => {
      if (count !== 0) found.push(`${count} ${what}`)
    }
    none(stats.activeConnections, "on lease")
    none(stats.pendingAcquires, "in line")
    none(stats.openingConnections, "being dialled")
    none(network.dials.filter((dial) => dial.state === "pending").length, "dials pending")
    none(deadlinesOf(pool), "deadlines")
    if (network.open.length !== stats.pooledConnections)
      found.push(`${network.open.length} open, ${stats.pooledConnections} idle`)
    none(network.open.filter((socket) => !socket.parked).length, "open and not parked")
    none(network.open.filter((socket) => socket.paused).length, "open and paused")
    return found
  })
