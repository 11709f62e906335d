/**
 * The nine behaviours of the tests of the system that this one re-creates, on real sockets. Time is the test's: what is
 * waited for is the sockets alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { NodeConnectionPool } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, Lease, type PoolConfig } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as HashMap from "effect/HashMap"
import * as TestClock from "effect/TestClock"
import { type LoopbackServer, serve } from "../peers/support/LoopbackServer.js"

const withPool = <A, E>(
  options: Partial<PoolConfig.PoolConfig>,
  story: (
    pool: ConnectionPool.ConnectionPoolShape,
    server: LoopbackServer,
    key: ConnectionKey.ConnectionKey
  ) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const server = yield* serve((_, reply) => reply.send({}))
    const key = ConnectionKey.make({ host: "127.0.0.1", port: server.port, useTls: false })
    yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => story(pool, server, key)).pipe(
      Effect.provide(NodeConnectionPool.layer({ lifetimeJitter: 0, ...options }))
    )
    yield* server.until(() => server.open === 0)
  })

const put = (lease: Lease.Lease) => Effect.sync(() => lease.settle(Lease.Reusable()))

describe("the original's behaviours on real sockets", () => {
  it("1. keys are equal when host, port and TLS are", () => {
    const key = (host: string, port: number, useTls: boolean) => ConnectionKey.make({ host, port, useTls })
    assert.isTrue(Equal.equals(key("example.com", 443, true), key("EXAMPLE.com", 443, true)))
    assert.isFalse(Equal.equals(key("example.com", 443, true), key("example.com", 443, false)))
    assert.isFalse(Equal.equals(key("example.com", 443, true), key("example.com", 444, true)))
    assert.isFalse(Equal.equals(key("example.com", 443, true), key("example.org", 443, true)))
  })

  it("2. equal keys have equal hashes and find each other's entries", () => {
    const one = ConnectionKey.make({ host: "example.com", port: 80, useTls: false })
    const other = ConnectionKey.make({ host: "example.com", port: 80, useTls: false })
    assert.strictEqual(Hash.hash(one), Hash.hash(other))
    const map = HashMap.make([one, "value"])
    assert.isTrue(HashMap.has(map, other))
    assert.isFalse(HashMap.has(map, ConnectionKey.make({ host: "example.com", port: 80, useTls: true })))
  })

  it.scoped("3. an empty pool has nothing to give and opens a connection", () =>
    withPool({}, (pool, server, key) =>
      Effect.gen(function* () {
        const lease = yield* pool.lease(key)
        assert.isFalse(lease.reused)
        const stats = yield* pool.stats
        assert.deepInclude(stats, { hits: 0, misses: 1, created: 1, pooledConnections: 0, activeConnections: 1 })
        yield* server.until(() => server.open === 1)
        yield* put(lease)
      })
    )
  )

  it.scoped("4a. a connection past its lifetime is not healthy, however busy it was", () =>
    withPool({ maxLifetime: "5 minutes", idleTimeout: "90 seconds" }, (pool, server, key) =>
      Effect.gen(function* () {
        const first = yield* pool.lease(key)
        const { id } = first.connection
        yield* put(first)
        for (let minute = 1; minute <= 4; minute++) {
          yield* TestClock.adjust("1 minute")
          const lease = yield* pool.lease(key)
          assert.strictEqual(lease.connection.id, id, `after ${minute} minutes`)
          yield* put(lease)
        }
        yield* TestClock.adjust("61 seconds")
        const late = yield* pool.lease(key)
        assert.notStrictEqual(late.connection.id, id)
        assert.isFalse(late.reused)
        yield* put(late)
        yield* server.until(() => server.connections[0]?.isOpen === false)
      })
    )
  )

  it.scoped("4b. a connection idle for too long is not healthy, however young", () =>
    withPool({ idleTimeout: "90 seconds", cleanupInterval: "1 hour" }, (pool, _, key) =>
      Effect.gen(function* () {
        const first = yield* pool.lease(key)
        const { id } = first.connection
        yield* put(first)
        yield* TestClock.adjust("89 seconds")
        const second = yield* pool.lease(key)
        assert.strictEqual(second.connection.id, id)
        yield* put(second)
        yield* TestClock.adjust("91 seconds")
        const third = yield* pool.lease(key)
        assert.notStrictEqual(third.connection.id, id)
        yield* put(third)
      })
    )
  )

  it.scoped("5. what is put back is what the next one gets, the oldest first", () =>
    withPool({}, (pool, _, key) =>
      Effect.gen(function* () {
        const a = yield* pool.lease(key)
        const b = yield* pool.lease(key)
        assert.notStrictEqual(a.connection.id, b.connection.id)
        yield* put(a)
        yield* put(b)
        const next = yield* pool.lease(key)
        assert.isTrue(next.reused)
        assert.strictEqual(next.connection.id, a.connection.id)
        const after = yield* pool.lease(key)
        assert.strictEqual(after.connection.id, b.connection.id)
        yield* put(next)
        yield* put(after)
      })
    )
  )

  it.scoped("6. hits, misses and pooled connections are counted", () =>
    withPool({}, (pool, _, key) =>
      Effect.gen(function* () {
        for (let i = 0; i < 4; i++) yield* Effect.flatMap(pool.lease(key), put)
        const stats = yield* pool.stats
        assert.deepInclude(stats, { hits: 3, misses: 1, evictions: 0, pooledConnections: 1, activeConnections: 0 })
        assert.strictEqual(stats.hitRate, 0.75)
      })
    )
  )

  it.scoped("7. no more than maxIdlePerHost are kept", () =>
    withPool({ maxIdlePerHost: 2 }, (pool, server, key) =>
      Effect.gen(function* () {
        const leases = yield* Effect.all(Array.from({ length: 5 }, () => pool.lease(key)))
        yield* server.until(() => server.open === 5)
        for (const lease of leases) yield* put(lease)
        assert.strictEqual((yield* pool.stats).pooledConnections, 2)
        yield* server.until(() => server.open === 2)
      })
    )
  )

  it.scoped("8. cleanup closes what is stale, every 30 seconds by itself", () =>
    withPool({ idleTimeout: "10 seconds" }, (pool, server, key) =>
      Effect.gen(function* () {
        yield* Effect.flatMap(pool.lease(key), put)
        assert.strictEqual(yield* pool.cleanup, 0)
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual(yield* pool.cleanup, 1)
        yield* server.until(() => server.open === 0)
        yield* Effect.flatMap(pool.lease(key), put)
        yield* TestClock.adjust("41 seconds")
        yield* server.until(() => server.open === 0)
        assert.strictEqual((yield* pool.stats).pooledConnections, 0)
      })
    )
  )

  it.scoped("9. a stale connection is evicted, counted, and replaced", () =>
    withPool({ idleTimeout: "10 seconds", cleanupInterval: "1 hour" }, (pool, server, key) =>
      Effect.gen(function* () {
        yield* Effect.flatMap(pool.lease(key), put)
        yield* TestClock.adjust("11 seconds")
        const lease = yield* pool.lease(key)
        assert.isFalse(lease.reused)
        yield* put(lease)
        assert.deepInclude(yield* pool.stats, { evictions: 1, created: 2, pooledConnections: 1 })
        // A connection that the server closes is stale, too, at once.
        server.connections[1]?.socket.end()
        yield* Effect.repeat(
          Effect.flatMap(lease.connection.turn, () => pool.stats),
          {
            until: (stats) => stats.pooledConnections === 0
          }
        )
        assert.strictEqual((yield* pool.stats).evictions, 2)
      })
    )
  )
})
