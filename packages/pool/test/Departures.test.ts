/**
 * Whoever leaves frees a place, at once, and the next in line moves up: whatever the reason.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { a, ask, b, exchange, hostStatsOf, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

describe("Dead on arrival is dead now", () => {
  const ends = [
    ["FIN", "PeerClosed", "end"],
    ["RST", "PeerReset", "reset"],
    ["an error", "SocketError", "fail"]
  ] as const
  for (const [name, reason, how] of ends) {
    it.effect(`${name} on an idle connection retires it at once`, () =>
      onOpenNetwork({}, function* ({ network, pool }) {
        ping(yield* pool.lease(a))
        network.sockets[0]?.[how]()
        const stats = yield* pool.stats
        assert.deepStrictEqual(
          [stats.pooledConnections, stats.closed, stats.evictions, stats.hosts],
          [0, { [reason]: 1 }, 1, 0]
        )
        assert.strictEqual(network.sockets[0]?.destroyed, reason)
        assert.isFalse((yield* pool.lease(a)).reused)
      })
    )
  }

  it.effect("a byte on an idle connection retires it at once: nobody may take it for an answer", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      ping(yield* pool.lease(a))
      network.sockets[0]?.send("HTTP/1.1 408 Request Timeout\r\n")
      assert.deepStrictEqual(
        [network.sockets[0]?.destroyed, (yield* pool.stats).pooledConnections],
        ["UnexpectedBytes", 0]
      )
    })
  )

  it.effect("a connection that came back paused is read again: its end must not go unseen", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      const held = yield* pool.lease(a)
      held.connection.pause()
      ping(held)
      network.sockets[0]?.end()
      yield* story.settle
      assert.deepStrictEqual((yield* pool.stats).closed, { PeerClosed: 1 })
    })
  )

  it.effect("a connection that had ended before it came back goes to nobody", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      network.sockets[0]?.end()
      ping(held)
      yield* story.settle
      assert.notStrictEqual(waiter.held.connection, held.connection)
      assert.strictEqual(network.sockets[0]?.destroyed, "PeerClosed")
    })
  )

  it.effect("a connection that had ended unnoticed is passed over when it is asked for", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      ping(lease)
      // A peer's end that no receiver was told of.
      Object.assign(lease.connection, { isOpen: false })
      const next = yield* pool.lease(a)
      assert.notStrictEqual(next.connection, lease.connection)
      assert.deepStrictEqual([(yield* pool.stats).evictions, (yield* pool.stats).hosts, network.open.length], [1, 1, 1])
    })
  )

  it.effect("its host stays known to a request that finds its only connection stale, and keeps its limits", () =>
    onPool(
      { maxConnectionsPerHost: 1, idleTimeout: "1 second", cleanupInterval: "1 hour" },
      function* ({ network, pool, story }) {
        const first = ask(pool, a)
        yield* story.dialSucceeds(yield* story.expectDial())
        ping(first.held)
        yield* TestClock.adjust("2 seconds")
        const second = ask(pool, a)
        const third = ask(pool, a)
        const dial = yield* story.expectDial()
        yield* story.expectNoDial
        assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).pendingAcquires, 2)
        yield* story.dialSucceeds(dial)
        ping(second.held)
        assert.isDefined(third.held)
        assert.strictEqual(network.maxOpen(a), 1)
        yield* pool.drain
      }
    )
  )
})

describe("Every departure frees its place for a request that waits at the limit (nodejs/undici#5144)", () => {
  const departures: ReadonlyArray<readonly [string, (lease: Lease.Lease) => void]> = [
    ["a failure", (lease) => lease.settle(Lease.Broken("ReadFailed"))],
    ["having done its work", (lease) => lease.settle(Lease.Spent("Close"))],
    ["the last request it takes", (lease) => lease.settle(Lease.Reusable({ remaining: 0 }))],
    ["no idle time left", (lease) => lease.settle(Lease.Reusable({ idleFor: Duration.zero }))]
  ]
  for (const [name, leave] of departures) {
    for (const [scope, config] of [
      ["host", { maxConnectionsPerHost: 1 }],
      ["total", { maxConnections: 1 }]
    ] as const) {
      it.effect(`${name}, at the ${scope}'s limit`, () =>
        onOpenNetwork(config, function* ({ network, pool, story }) {
          const held = yield* pool.lease(a)
          const [first, second] = [ask(pool, a), ask(pool, scope === "host" ? a : b)]
          leave(held)
          yield* story.settle
          leave(first.held)
          yield* story.settle
          assert.isDefined(second.held)
          assert.strictEqual(network.maxOpen(), 1)
        })
      )
    }
  }

  it.effect("an end that comes while the connection is idle, another host waiting for its place", () =>
    onPool({ maxConnections: 1, maxConnecting: 1 }, function* ({ pool, story }) {
      const first = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(a))
      const waiter = ask(pool, b)
      assert.isTrue(waiter.waiting)
      socket.end()
      first.held.settle(Lease.Broken("PeerClosed"))
      yield* story.dialSucceeds(yield* story.expectDial(b))
      assert.isDefined(waiter.held)
    })
  )

  it.effect("an interruption of its holder", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      yield* story.start(
        "holder",
        pool.use(a, () => Effect.never)
      )
      const waiter = yield* story.start("waiter", pool.lease(a))
      yield* story.expectWaiting(waiter)
      yield* story.interrupt("holder")
      yield* story.expectDone(waiter)
    })
  )

  it.effect("the end of its life, found when it comes back", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxLifetime: "10 seconds" }, function* ({ network, pool, story }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("11 seconds")
      ping(held)
      yield* story.settle
      assert.notStrictEqual(waiter.held.connection, held.connection)
      assert.strictEqual(network.sockets[0]?.destroyed, "MaxLifetime")
    })
  )

  it.effect("eviction while requests wait: its busy connections come back and new ones are opened", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2 }, function* ({ network, pool, story }) {
      const held = [yield* pool.lease(a), yield* pool.lease(a)]
      const waiters = [ask(pool, a), ask(pool, a)]
      yield* pool.evict(a)
      for (const lease of held) ping(lease)
      yield* story.settle
      assert.isTrue(waiters.every((one) => one.lease !== undefined))
      assert.deepStrictEqual([network.maxOpen(), (yield* pool.stats).closed], [2, { Evicted: 2 }])
    })
  )

  it.effect("a failed dial at the total frees its place for another host", () =>
    onPool({ maxConnections: 1 }, function* ({ pool, story }) {
      const first = ask(pool, a)
      const second = ask(pool, b)
      yield* story.dialFails(yield* story.expectDial(a))
      assert.strictEqual(first.error?._tag, "ConnectError")
      yield* story.dialSucceeds(yield* story.expectDial(b))
      assert.isDefined(second.held)
    })
  )

  it.effect("a dial that times out frees its place for another host", () =>
    onPool({ maxConnections: 1, connectionTimeout: "1 second" }, function* ({ pool, story }) {
      const first = ask(pool, a)
      const second = ask(pool, b)
      const dial = yield* story.expectDial(a)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(first.error?._tag, "ConnectTimeout")
      yield* story.expectDialInterrupted(dial)
      yield* story.dialSucceeds(yield* story.expectDial(b))
      assert.isDefined(second.held)
    })
  )
})

describe("An empty host is forgotten", () => {
  it.effect(
    "ten thousand hosts, visited once each: no key stays, and the total was never exceeded (nodejs/undici#4424)",
    () =>
      onOpenNetwork({ maxConnections: 100 }, function* ({ network, pool }) {
        for (let i = 0; i < 10_000; i++) {
          const lease = yield* pool.lease(keyOf(`host${i}.test`))
          exchange(lease, network)
          ping(lease)
        }
        assert.strictEqual(network.maxOpen(), 100)
        const full = yield* pool.stats
        assert.deepStrictEqual([full.hosts, full.pooledConnections, full.closed], [100, 100, { MadeRoom: 9_900 }])
        yield* TestClock.adjust("3 minutes")
        const stats = yield* pool.stats
        assert.deepStrictEqual(
          [stats.hosts, stats.pooledConnections, stats.openingConnections, stats.pendingAcquires],
          [0, 0, 0, 0]
        )
        assert.isTrue(HashMap.isEmpty(yield* pool.hostStats))
        assert.strictEqual(network.open.length, 0)
      }),
    60_000
  )

  it.effect("so is one whose only request was refused, cancelled or timed out", () =>
    onPool({ acquireTimeout: "1 second", maxIdlePerHost: 0 }, function* ({ pool, story }) {
      const hosts = Effect.map(pool.stats, (stats) => stats.hosts)
      ask(pool, a)
      yield* story.dialFails(yield* story.expectDial())
      assert.strictEqual(yield* hosts, 0)
      const leaver = ask(pool, a)
      leaver.cancel()
      assert.strictEqual(yield* hosts, 0)
      ask(pool, a)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* hosts, 0)
      yield* pool.drain
      assert.strictEqual(ask(pool, a).error?._tag, "PoolClosed")
      assert.strictEqual(yield* hosts, 0)
    })
  )

  it.effect("a key object that outlives its host finds the host anew", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      for (let i = 0; i < 3; i++) (yield* pool.lease(a)).settle(Lease.Broken("test"))
      const held = yield* pool.lease(a)
      // An equal key, another object.
      assert.isTrue(ask(pool, keyOf("a.test")).waiting)
      ping(held)
      assert.strictEqual(network.maxOpen(), 1)
    })
  )
})
