/**
 * The nine behaviours that the system this project re-creates tests for, by their names there.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, Lease, PooledConnection } from "@hotaru/pool"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as TestClock from "effect/TestClock"
import { a, onOpenNetwork } from "./support/stories.js"

const parts = { host: "example.com", port: 443, useTls: true }

describe("The seed's own tests", () => {
  it("connection key equality: same parts, same key; any other part, another key", () => {
    const key = ConnectionKey.make(parts)
    assert.isTrue(Equal.equals(key, ConnectionKey.make(parts)))
    assert.isFalse(Equal.equals(key, ConnectionKey.make({ ...parts, host: "example.org" })))
    assert.isFalse(Equal.equals(key, ConnectionKey.make({ ...parts, port: 80 })))
    assert.isFalse(Equal.equals(key, ConnectionKey.make({ ...parts, useTls: false })))
  })

  it("connection key hash: equal keys hash alike", () => {
    assert.strictEqual(Hash.hash(ConnectionKey.make(parts)), Hash.hash(ConnectionKey.make(parts)))
    assert.notStrictEqual(Hash.hash(ConnectionKey.make(parts)), Hash.hash(ConnectionKey.make({ ...parts, port: 80 })))
  })

  it.effect("get from an empty pool: a miss, and a connection is opened", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      assert.isFalse(lease.reused)
      assert.strictEqual(network.dials.length, 1)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.hits, stats.misses, stats.created], [0, 1, 1])
    })
  )

  it("pooled connection is healthy: while it is open, young enough and not idle for too long", () => {
    const limits = { maxLifetime: 300_000, idleTimeout: 90_000 }
    const healthy = (createdAt: number, lastUsedAt: number, now: number, isOpen = true) =>
      PooledConnection.isHealthy({ createdAt, lastUsedAt, connection: { isOpen } }, limits, now)
    assert.isTrue(healthy(0, 0, 0))
    assert.isTrue(healthy(0, 200_000, 250_000))
    assert.isFalse(healthy(0, 0, 90_001))
    assert.isFalse(healthy(0, 300_000, 300_001))
    assert.isFalse(healthy(0, 0, 0, false))
  })

  it.effect("put, then get: the same connection again, and a hit", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const first = yield* pool.lease(a)
      first.settle(Lease.Reusable())
      const second = yield* pool.lease(a)
      assert.strictEqual(second.connection, first.connection)
      assert.isTrue(second.reused)
      assert.strictEqual(network.dials.length, 1)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.hits, stats.misses], [1, 1])
    })
  )

  it.effect("statistics: hits, misses, evictions and pooled connections are counted", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      one.settle(Lease.Reusable())
      two.settle(Lease.Reusable())
      const again = yield* pool.lease(a)
      again.settle(Lease.Reusable())
      yield* TestClock.adjust("90 seconds")
      yield* pool.cleanup
      const stats = yield* pool.stats
      assert.deepStrictEqual(
        [stats.hits, stats.misses, stats.evictions, stats.pooledConnections, stats.hitRate],
        [1, 2, 2, 0, 1 / 3]
      )
    })
  )

  it.effect("the idle maximum: what comes back beyond it is closed", () =>
    onOpenNetwork({ maxIdlePerHost: 2 }, function* ({ network, pool }) {
      const leases = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(a)]
      for (const lease of leases) lease.settle(Lease.Reusable())
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.pooledConnections, stats.closed], [2, { MaxIdle: 1 }])
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        [undefined, undefined, "MaxIdle"]
      )
    })
  )

  it.effect("cleanup: closes what is stale, keeps what is not, and says how many", () =>
    onOpenNetwork({ idleTimeout: "90 seconds", cleanupInterval: "1 hour" }, function* ({ network, pool }) {
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      one.settle(Lease.Reusable())
      yield* TestClock.adjust("60 seconds")
      two.settle(Lease.Reusable())
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* pool.cleanup, 1)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["IdleTimeout", undefined]
      )
      assert.strictEqual(yield* pool.cleanup, 0)
    })
  )

  it.effect("stale eviction: a stale connection is not handed out but closed and replaced", () =>
    onOpenNetwork({ idleTimeout: "90 seconds", cleanupInterval: "1 hour" }, function* ({ network, pool }) {
      const first = yield* pool.lease(a)
      first.settle(Lease.Reusable())
      yield* TestClock.adjust("91 seconds")
      const second = yield* pool.lease(a)
      assert.notStrictEqual(second.connection, first.connection)
      assert.isFalse(second.reused)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["IdleTimeout", undefined]
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.evictions, stats.misses, stats.hosts], [1, 2, 1])
    })
  )
})
