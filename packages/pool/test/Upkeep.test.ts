/**
 * Age, idleness, the periodic cleanup, and what is asked for by hand: clear, evict, warm.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import { a, ask, b, hostStatsOf, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())
const never = "1000 days"

describe("Age", () => {
  it.effect("counts from the opening: however often a connection comes back, its life ends in time", () =>
    onOpenNetwork({ maxLifetime: "60 seconds", cleanupInterval: never }, function* ({ network, pool }) {
      for (let i = 0; i < 6; i++) {
        ping(yield* pool.lease(a))
        yield* TestClock.adjust("9900 millis")
      }
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        [undefined]
      )
      yield* TestClock.adjust("600 millis")
      ping(yield* pool.lease(a))
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["MaxLifetime", undefined]
      )
    })
  )

  it.effect("a connection whose life ends on lease is closed when it comes back, not before", () =>
    onOpenNetwork({ maxLifetime: "60 seconds", cleanupInterval: "1 second" }, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      ping(yield* pool.lease(b))
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(lease.connection.isOpen)
      ping(lease)
      assert.strictEqual(network.sockets[0]?.destroyed, "MaxLifetime")
    })
  )

  it.effect("a lease tells the connection's age, idleness and how long it was waited for", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const first = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("3 seconds")
      ping(first)
      yield* TestClock.adjust("1 second")
      ping(waiter.held)
      yield* TestClock.adjust("2 seconds")
      const third = yield* pool.lease(a)
      const numbers = (lease: Lease.Lease) =>
        [lease.age, lease.idle, lease.waited].map((duration) => Duration.toMillis(duration))
      assert.deepStrictEqual([first, waiter.held, third].map(numbers), [
        [0, 0, 0],
        [3000, 0, 3000],
        [6000, 2000, 0]
      ])
      assert.deepStrictEqual(
        [first, waiter.held, third].map((lease) => [lease.reused, lease.requestCount]),
        [
          [false, 0],
          [true, 1],
          [true, 2]
        ]
      )
    })
  )

  it.effect(
    "each lifetime is shortened by its own share of the jitter, and never by more than the share (golang/go#23427)",
    () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const pool = yield* ConnectionPool.make({
          maxLifetime: "100 seconds",
          lifetimeJitter: 0.1,
          cleanupInterval: "1 second",
          idleTimeout: never,
          maxIdlePerHost: 100
        })
        network.autoAccept()
        const leases: Array<Lease.Lease> = []
        for (let i = 0; i < 50; i++) leases.push(yield* pool.lease(a))
        for (const lease of leases) ping(lease)
        yield* TestClock.adjust("89 seconds")
        assert.strictEqual(network.open.length, 50)
        const left: Array<number> = []
        for (let i = 0; i < 11; i++) {
          yield* TestClock.adjust("1 second")
          left.push(network.open.length)
        }
        assert.isAbove(new Set(left).size, 5, `they end at different times: ${left}`)
        assert.strictEqual(left[left.length - 1], 0)
      }).pipe(Effect.scoped, Effect.withRandom(Random.make("jitter")), Effect.provide(FakeNetwork.layer))
  )

  it.effect("with a jitter of nothing all lifetimes are whole", () =>
    onOpenNetwork(
      { maxLifetime: "100 seconds", idleTimeout: never, cleanupInterval: "1 second" },
      function* ({ network, pool }) {
        ping(yield* pool.lease(a))
        yield* TestClock.adjust("99 seconds")
        assert.strictEqual(network.open.length, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(network.sockets[0]?.destroyed, "MaxLifetime")
      }
    )
  )
})

describe("The periodic cleanup", () => {
  it.effect("an idle connection is open as long as it may be, and closed by the next round", () =>
    onOpenNetwork({ idleTimeout: "30 seconds" }, function* ({ network, pool }) {
      ping(yield* pool.lease(a))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(network.open.length, 1)
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual([network.open.length, network.sockets[0]?.destroyed], [0, "IdleTimeout"])
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("runs every thirty seconds unless told otherwise, from when the first connection became idle", () =>
    onOpenNetwork({ idleTimeout: "1 second" }, function* ({ network, pool }) {
      yield* TestClock.adjust("17 seconds")
      ping(yield* pool.lease(a))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(network.open.length, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(network.open.length, 0)
    })
  )

  it.effect("being used resets idleness", () =>
    onOpenNetwork({ idleTimeout: "30 seconds", cleanupInterval: "1 second" }, function* ({ network, pool }) {
      for (let i = 0; i < 5; i++) {
        ping(yield* pool.lease(a))
        yield* TestClock.adjust("20 seconds")
      }
      assert.strictEqual(network.sockets.length, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(network.sockets[0]?.destroyed, "IdleTimeout")
    })
  )

  it.effect("sleeps without a timer while nothing is idle", () =>
    onOpenNetwork({ acquireTimeout: "1 day" }, function* ({ pool, story }) {
      const sleeps = Effect.map(TestClock.sleeps(), Chunk.size)
      yield* story.settle
      const before = yield* sleeps
      const lease = yield* pool.lease(a)
      yield* story.settle
      // The connect timeout's alarm is left to ring for nothing; nothing else sleeps.
      assert.isAtMost((yield* sleeps) - before, 1)
      ping(lease)
      yield* story.settle
      assert.isAtLeast((yield* sleeps) - before, 1)
      yield* TestClock.adjust("1 hour")
      yield* story.settle
      assert.strictEqual((yield* sleeps) - before, 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* sleeps) - before, 0)
    })
  )

  it.effect("wakes a waiter of another host when what it closes frees a place", () =>
    onOpenNetwork(
      { maxConnections: 2, idleTimeout: "10 seconds", cleanupInterval: "1 second" },
      function* ({ network, pool, story }) {
        // Both places are taken, one by a connection that cannot make room because it is gone before anybody asks.
        ping(yield* pool.lease(a))
        yield* pool.lease(b)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* pool.stats).pooledConnections, 0)
        const next = ask(pool, a)
        yield* story.settle
        assert.isDefined(next.held)
        assert.strictEqual(network.maxOpen(), 2)
      }
    )
  )

  it.effect("a pool made where nothing may be interrupted still closes, and still gives dials up", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      yield* Effect.uninterruptible(
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.make({ drainTimeout: 0, maxIdlePerHost: 0 })
            const asked = ask(pool, a)
            const dial = yield* network.nextDial
            asked.cancel()
            yield* network.settle
            assert.isTrue(dial.interrupted)
          })
        )
      )
    }).pipe(Effect.provide(FakeNetwork.layer))
  )
})

describe("Clear", () => {
  it.effect("closes every idle connection, of every host, and no busy one", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const [one, two, three] = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(b)]
      ping(one)
      ping(three)
      assert.strictEqual(yield* pool.clear, 2)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["Cleared", undefined, "Cleared"]
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.hosts, stats.activeConnections, stats.evictions], [1, 1, 0])
      ping(two)
      assert.strictEqual((yield* pool.stats).pooledConnections, 1)
      assert.strictEqual(yield* pool.clear, 1)
      assert.strictEqual(yield* pool.clear, 0)
    })
  )
})

describe("Evict", () => {
  it.effect("closes a host's idle connections now and its busy ones when they come back", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const [one, two, other] = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(b)]
      ping(one)
      ping(other)
      assert.strictEqual(yield* pool.evict(a), 1)
      assert.isTrue(two.connection.isOpen)
      ping(two)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["Evicted", "Evicted", undefined]
      )
      ping(yield* pool.lease(a))
      assert.strictEqual((yield* pool.stats).pooledConnections, 2)
    })
  )

  it.effect("a host nobody knows has nothing to close", () =>
    onOpenNetwork({}, function* ({ pool }) {
      assert.strictEqual(yield* pool.evict(a), 0)
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("a busy connection that was evicted goes to no waiter", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* pool.evict(a)
      ping(held)
      yield* story.settle
      assert.notStrictEqual(waiter.held.connection, held.connection)
    })
  )
})

describe("Warm", () => {
  it.effect("opens connections until the host has so many, and waits for them", () =>
    onPool({}, function* ({ pool, story }) {
      const warming = yield* story.start("warm", pool.warm(a, 2))
      const [one, two] = [yield* story.expectDial(a), yield* story.expectDial(a)]
      yield* story.expectNoDial
      yield* story.dialSucceeds(one)
      yield* story.expectWaiting(warming)
      yield* story.dialSucceeds(two)
      yield* story.expectDone(warming)
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.pooledConnections, stats.hits, stats.misses], [2, 0, 0])
      yield* pool.warm(a, 2)
      yield* story.expectNoDial
    })
  )

  it.effect("goes as far as the host's limits do", () =>
    onOpenNetwork({ maxConnectionsPerHost: 3, maxIdlePerHost: 2 }, function* ({ network, pool }) {
      yield* pool.warm(a, 100)
      assert.strictEqual(network.open.length, 2)
      const lease = yield* pool.lease(a)
      yield* pool.warm(a, 100)
      assert.strictEqual(network.open.length, 3)
      ping(lease)
    })
  )

  it.effect("does not hang at the total limit, takes no place from anybody, and leaves nothing behind", () =>
    onOpenNetwork({ maxConnections: 2 }, function* ({ network, pool }) {
      ping(yield* pool.lease(a))
      yield* pool.lease(b)
      yield* pool.warm(keyOf("fresh.test"), 5)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        [undefined, undefined]
      )
      assert.strictEqual((yield* pool.stats).hosts, 2)
    })
  )

  it.effect("does not hang when the total is reached while it waits for its turn to dial", () =>
    onPool({ maxConnections: 1, maxConnecting: 1 }, function* ({ pool, story }) {
      ask(pool, a)
      const dial = yield* story.expectDial(a)
      const warming = yield* story.start("warm", pool.warm(b, 2))
      yield* story.expectWaiting(warming)
      yield* story.dialSucceeds(dial)
      yield* story.expectDone(warming)
      assert.isTrue(Option.isNone(yield* hostStatsOf(pool, b)))
    })
  )

  it.effect("fails with the dial's error", () =>
    onPool({}, function* ({ pool, story }) {
      const warming = yield* story.start("warm", pool.warm(a, 2))
      const [one, two] = [yield* story.expectDial(), yield* story.expectDial()]
      yield* story.dialFails(one, { code: "ECONNREFUSED" })
      const error = yield* story.expectFailed(warming, "ConnectError")
      assert.include(error.message, "ECONNREFUSED")
      yield* story.dialFails(two)
      yield* story.expectNoDial
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("a server that drops connections it has not seen used is not dialled on and on", () =>
    onPool({}, function* ({ network, pool, story }) {
      const warming = yield* story.start("warm", pool.warm(a, 3))
      for (let i = 0; i < 20; i++) {
        yield* story.settle
        const dial = network.dials.find((each) => each.state === "pending")
        if (dial === undefined) break
        const socket = yield* story.dialSucceeds(dial)
        socket.end()
      }
      const error = yield* story.expectFailed(warming, "ConnectError")
      assert.include(error.message, "before-use")
      assert.isAtMost(network.dials.length, 3)
    })
  )

  it.effect("without pooling there is nothing to warm", () =>
    onOpenNetwork({ enablePooling: false }, function* ({ network, pool }) {
      yield* pool.warm(a, 3)
      assert.deepStrictEqual([network.dials.length, (yield* pool.stats).hosts], [0, 0])
    })
  )

  it.effect("what it opened serves requests that come meanwhile", () =>
    onPool({}, function* ({ network, pool, story }) {
      const warming = yield* story.start("warm", pool.warm(a, 2))
      const asked = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial())
      assert.strictEqual(asked.held.connection, socket.connection)
      yield* story.dialSucceeds(yield* story.expectDial())
      yield* story.expectDone(warming)
      assert.strictEqual(network.dials.length, 2)
    })
  )

  it.effect("interrupted, it leaves nothing waiting", () =>
    onPool({}, function* ({ pool, story }) {
      yield* story.start("warm", pool.warm(a, 1))
      const dial = yield* story.expectDial()
      yield* story.interrupt("warm")
      yield* story.dialSucceeds(dial)
      assert.strictEqual((yield* pool.stats).pooledConnections, 1)
    })
  )

  it.effect("a draining pool warms nothing up", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      yield* pool.drain
      const warming = yield* story.start("warm", pool.warm(a, 1))
      yield* story.expectFailed(warming, "PoolClosed")
    })
  )
})

describe("minIdlePerHost", () => {
  it.effect("a host that was asked for keeps so many idle, beside those on lease (nodejs/undici#317)", () =>
    onOpenNetwork({ minIdlePerHost: 2, maxIdlePerHost: 3, cleanupInterval: "1 second" }, function* ({ network, pool }) {
      for (let i = 0; i < 4; i++) yield* pool.lease(a)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([(yield* pool.stats).pooledConnections, network.open.length], [2, 6])
    })
  )
})

describe("A rule of the user's own that gives no answer", () => {
  it.effect("keeps neither the cleanup nor its other questions from going on, and no connection from staying", () => {
    const asked: Array<string> = []
    return onOpenNetwork(
      {
        cleanupInterval: "10 seconds",
        idleTimeout: "25 seconds",
        shouldEvict: ({ key }) => {
          asked.push(key.host)
          return key.host === a.host ? Effect.never : Effect.succeed(true)
        }
      },
      function* ({ pool }) {
        ping(yield* pool.lease(a))
        ping(yield* pool.lease(b))
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(asked, [a.host])
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(asked, [a.host, b.host])
        assert.deepStrictEqual((yield* pool.stats).closed, { Evicted: 1 })
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual((yield* pool.stats).closed, { Evicted: 1, IdleTimeout: 1 })
      }
    )
  })
})

describe("The live clock", () => {
  it.live("cleans up, and a pool that is closed leaves nothing running", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.autoAccept()
      const exit = yield* Effect.exit(
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* ConnectionPool.make({ idleTimeout: "1 millis", cleanupInterval: "5 millis" })
            ping(yield* pool.lease(a))
            yield* network.sockets[0]?.awaitDestroyed ?? Effect.die("no socket")
            assert.strictEqual(network.sockets[0]?.destroyed, "IdleTimeout")
          })
        )
      )
      assert.isTrue(Exit.isSuccess(exit), String(exit))
    }).pipe(Effect.provide(FakeNetwork.layer))
  )
})
