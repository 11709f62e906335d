import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease, type PoolConfig, PoolError } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { a, ask, b, c, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

describe("Limits on connections", () => {
  it.effect("a host never has more connections than its limit, and the others wait", () =>
    onOpenNetwork({ maxConnectionsPerHost: 3 }, function* ({ network, pool, story }) {
      const asked = Array.from({ length: 20 }, () => ask(pool, a))
      yield* story.settle
      const granted = () => asked.filter((one) => one.lease !== undefined)
      assert.deepStrictEqual([granted().length, network.maxOpen(a)], [3, 3])
      while (granted().some((one) => !one.held.settled)) {
        for (const one of granted()) one.held.settle(Lease.Reusable())
        yield* story.settle
      }
      assert.deepStrictEqual([granted().length, network.maxOpen(a), network.dials.length], [20, 3, 3])
    })
  )

  it.effect("dials count: a host with a connection and a dial under way at a limit of two does not dial again", () =>
    onPool({ maxConnectionsPerHost: 2 }, function* ({ network, pool, story }) {
      ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      ask(pool, a)
      yield* story.expectDial(a)
      ask(pool, a)
      yield* story.expectNoDial
      assert.strictEqual((yield* pool.stats).pendingAcquires, 2)
      assert.strictEqual(network.dials.length, 2)
    })
  )

  it.effect("all hosts together never have more than the total, whatever happens (hyperium/hyper#2236)", () =>
    onOpenNetwork({ maxConnections: 4, maxConnectionsPerHost: 3 }, function* ({ network, pool, story }) {
      const keys = [a, b, c, keyOf("d.test")]
      const asked = Array.from({ length: 40 }, (_, i) => ask(pool, keys[i % keys.length] as typeof a))
      yield* story.settle
      for (let round = 0; round < 40; round++) {
        for (const [i, one] of asked.entries()) {
          if (one.lease?.settled === false) one.lease.settle(i % 3 === 0 ? Lease.Broken("test") : Lease.Reusable())
        }
        yield* story.settle
      }
      assert.isTrue(
        asked.every((one) => one.lease !== undefined),
        "all were served"
      )
      assert.strictEqual(network.maxOpen(), 4)
    })
  )

  it.effect("at the total, the connection that has been idle longest makes room, and says so", () =>
    onOpenNetwork({ maxConnections: 2, cleanupInterval: "1 hour" }, function* ({ network, pool }) {
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(b)]
      two.settle(Lease.Reusable())
      yield* TestClock.adjust("1 second")
      one.settle(Lease.Reusable())
      yield* pool.lease(c)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        [undefined, "MadeRoom", undefined]
      )
      assert.deepStrictEqual((yield* pool.stats).closed, { MadeRoom: 1 })
      assert.strictEqual((yield* pool.stats).evictions, 0)
    })
  )
})

describe("Limits on the line", () => {
  it.effect("the request after the last that may wait fails at once, with the numbers", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 2 }, function* ({ pool }) {
      yield* pool.lease(a)
      const [first, second, third] = [ask(pool, a), ask(pool, a), ask(pool, a)]
      assert.isTrue(first.waiting && second.waiting)
      assert.instanceOf(third.error, PoolError.PendingLimitReached)
      assert.strictEqual(
        third.error?.message,
        "2 requests are already waiting for a connection to http://a.test:80 (maxPendingPerHost): 1 active, 0 idle, 0 opening, 2 waiting, limit 1"
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.pendingLimitReached, stats.pendingAcquires], [1, 2])
      assert.isTrue(ask(pool, b).waiting, "another host has a line of its own")
    })
  )

  it.effect("a refusal captures no stack, whatever the limit on stacks is", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 0 }, function* ({ pool }) {
      yield* pool.lease(a)
      const limit = Error.stackTraceLimit
      const { error } = ask(pool, a)
      assert.notMatch(error?.stack ?? "", /\n\s+at /)
      assert.strictEqual(Error.stackTraceLimit, limit)
    })
  )

  it.effect("who will be served by a dial under way does not count: a burst onto a new host waits", () =>
    onPool({ maxPendingPerHost: 0, maxConnectionsPerHost: 4 }, function* ({ pool, story }) {
      const burst = Array.from({ length: 5 }, () => ask(pool, a))
      assert.deepStrictEqual(
        burst.map((one) => one.waiting),
        [true, true, true, true, false]
      )
      yield* story.settle
      assert.strictEqual((yield* pool.stats).openingConnections, 4)
    })
  )

  it.effect("a request that replaces an earlier one keeps its place even in a full line", () =>
    onPool({ maxPendingPerHost: 0, maxConnectionsPerHost: 2 }, function* ({ pool, story }) {
      const old = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial())
      old.held.settle(Lease.Reusable())
      // The only place left is taken by a request that needs a new connection.
      ask(pool, a, { fresh: true })
      const newest = ask(pool, a)
      assert.strictEqual(newest.held.connection, socket.connection)
      newest.held.settle(Lease.Broken("PeerClosed"))
      const again = ask(pool, a, { replaces: newest.held })
      assert.isTrue(again.waiting, again.error?.message)
      ask(pool, a)
      assert.instanceOf(ask(pool, a).error, PoolError.PendingLimitReached)
    })
  )

  it.effect(
    "1,152 requests at once to a new host are all in line or have a place, where 128 are open and 1,024 wait",
    () =>
      onOpenNetwork({ maxConnectionsPerHost: 128, maxPendingPerHost: 1024 }, function* ({ pool, story }) {
        const burst = Array.from({ length: 1152 }, () => ask(pool, a))
        const oneMore = ask(pool, a)
        assert.strictEqual(
          oneMore.error?.message,
          "1024 requests are already waiting for a connection to http://a.test:80 (maxPendingPerHost), and 128 more for which there is a place: 0 active, 0 idle, 16 opening, 1152 waiting, limit 128"
        )
        yield* story.settle
        let served = 0
        for (let next = burst.find((one) => one.lease?.settled === false); next !== undefined; ) {
          next.held.settle(Lease.Reusable())
          served++
          yield* story.settle
          next = burst.find((one) => one.lease?.settled === false)
        }
        assert.deepStrictEqual([served, burst.filter((one) => one.error !== undefined).length], [1152, 0])
      })
  )

  it.effect(
    "places of the whole pool count as the host's own do, also those that idle connections elsewhere give up",
    () =>
      onOpenNetwork({ maxConnections: 3, maxPendingPerHost: 0 }, function* ({ pool, story }) {
        const busy = yield* pool.lease(b)
        ;(yield* pool.lease(b)).settle(Lease.Reusable())
        const asked = [ask(pool, a), ask(pool, a), ask(pool, a)]
        assert.deepStrictEqual(
          asked.map((one) => one.error?._tag),
          [undefined, undefined, "PendingLimitReached"]
        )
        yield* story.settle
        assert.isTrue(asked[0]?.lease !== undefined && asked[1]?.lease !== undefined)
        busy.settle(Lease.Reusable())
      })
  )

  it.effect("65,536 may wait where nothing else is said", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      yield* pool.lease(a)
      const asked = Array.from({ length: 65_537 }, () => ask(pool, a))
      assert.deepStrictEqual([asked[65_535]?.waiting, asked[65_536]?.error?._tag], [true, "PendingLimitReached"])
    })
  )
})

describe("The acquire timeout", () => {
  it.effect("a request that waited for so long fails, with the numbers", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, acquireTimeout: "100 millis" }, function* ({ pool, story }) {
      yield* pool.lease(a)
      const waiter = yield* story.start("waiter", pool.lease(a))
      yield* TestClock.adjust("99 millis")
      yield* story.expectWaiting(waiter)
      yield* TestClock.adjust("1 millis")
      const error = yield* story.expectFailed(waiter, "AcquireTimeout")
      assert.strictEqual(
        error.message,
        "No connection to http://a.test:80 became free within 100 ms (acquireTimeout): 1 active, 0 idle, 0 opening, 1 waiting, limit 1"
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.acquireTimeouts, stats.pendingAcquires], [1, 0])
    })
  )

  it.effect("the message names the last dial's failure", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2, acquireTimeout: "1 second" }, function* ({ network, pool, story }) {
      yield* pool.lease(a)
      network.park()
      const waiter = yield* story.start("waiter", pool.lease(a))
      yield* story.expectDial()
      yield* story.dialFails(yield* story.expectDial(), {
        code: "ECONNREFUSED",
        detail: "connection refused",
        address: "192.0.2.9"
      })
      yield* story.expectWaiting(waiter)
      yield* TestClock.adjust("1 second")
      const error = yield* story.expectFailed(waiter, "AcquireTimeout")
      assert.match(
        error.message,
        /limit 2; the last dial failed: Could not connect to http:\/\/a.test:80 at 192.0.2.9 \(tcp\): connection refused$/
      )
      assert.strictEqual((error as PoolError.AcquireTimeout).lastFailure?._tag, "ConnectError")
    })
  )

  it.effect("each request has its own, and one may ask for less", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, acquireTimeout: "10 seconds" }, function* ({ pool }) {
      yield* pool.lease(a)
      const [usual, hurried] = [ask(pool, a), ask(pool, a, { timeout: 50 })]
      yield* TestClock.adjust("5 seconds")
      const later = ask(pool, a)
      assert.deepStrictEqual([usual.error, hurried.error?._tag], [undefined, "AcquireTimeout"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([usual.error?._tag, later.error], ["AcquireTimeout", undefined])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(later.error?._tag, "AcquireTimeout")
    })
  )

  it.effect("a request served in the very moment its time is over is served", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, acquireTimeout: "1 second" }, function* ({ pool }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("999 millis")
      held.settle(Lease.Reusable())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([waiter.answers, waiter.error], [1, undefined])
    })
  )

  it.effect("a caller that cannot be interrupted is refused all the same", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, acquireTimeout: "1 second" }, function* ({ pool, story }) {
      yield* pool.lease(a)
      const waiter = yield* story.start("waiter", Effect.uninterruptible(pool.lease(a)))
      yield* TestClock.adjust("1 second")
      yield* story.expectFailed(waiter, "AcquireTimeout")
    })
  )

  it.effect("Infinity is no limit, and needs no timer", () =>
    onOpenNetwork(
      { maxConnectionsPerHost: 1, acquireTimeout: Duration.infinity, maxLifetime: Duration.infinity },
      function* ({ pool }) {
        const held = yield* pool.lease(a)
        const waiter = ask(pool, a)
        yield* TestClock.adjust("365 days")
        assert.isTrue(waiter.waiting)
        held.settle(Lease.Reusable())
        assert.strictEqual(waiter.held.connection, held.connection)
        assert.strictEqual(Duration.toDays(waiter.held.waited), 365)
      }
    )
  )
})

describe("Limits on dials", () => {
  it.effect("no more dials under way to one host than maxConnectingPerHost; the next begins when one ends", () =>
    onPool({ maxConnectingPerHost: 2 }, function* ({ network, pool, story }) {
      const asked = Array.from({ length: 5 }, () => ask(pool, a))
      const [one] = [yield* story.expectDial(), yield* story.expectDial()]
      yield* story.expectNoDial
      yield* story.dialSucceeds(one)
      yield* story.expectDial()
      yield* story.expectNoDial
      assert.strictEqual(asked.filter((each) => each.lease !== undefined).length, 1)
      assert.strictEqual(network.dials.length, 3)
    })
  )

  it.effect(
    "no more dials under way in all than maxConnecting; a slot that becomes free goes to another host too",
    () =>
      onPool({ maxConnecting: 2 }, function* ({ pool, story }) {
        ask(pool, a)
        ask(pool, b)
        ask(pool, c)
        const first = yield* story.expectDial(a)
        yield* story.expectDial(b)
        yield* story.expectNoDial
        yield* story.dialFails(first)
        yield* story.expectDial(c)
      })
  )

  it.effect("a cancelled request gives its dial's slot to another host when its connection could not be kept", () =>
    onPool({ maxConnecting: 1, maxIdlePerHost: 0 }, function* ({ pool, story }) {
      const leaving = ask(pool, a)
      const staying = ask(pool, b)
      const dial = yield* story.expectDial(a)
      assert.isTrue(leaving.cancel())
      yield* story.expectDialInterrupted(dial)
      yield* story.dialSucceeds(yield* story.expectDial(b))
      assert.isDefined(staying.held)
    })
  )
})

describe("Limits on a connection's use", () => {
  it.effect("after maxRequestsPerConnection leases a connection is closed", () =>
    onOpenNetwork({ maxRequestsPerConnection: 3 }, function* ({ network, pool }) {
      for (let i = 0; i < 4; i++) (yield* pool.lease(a)).settle(Lease.Reusable())
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["MaxRequests", undefined]
      )
      assert.deepStrictEqual((yield* pool.stats).closed, { MaxRequests: 1 })
    })
  )

  it.effect("the peer's count is believed: the least of what it said, less what was sent since", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const leaseAndSettle = (remaining: number | undefined) =>
        Effect.map(pool.lease(a), (lease) => {
          lease.settle(Lease.Reusable({ remaining }))
          return network.sockets[0]?.destroyed
        })
      assert.isUndefined(yield* leaseAndSettle(2))
      // A server that repeats a constant must not make the connection immortal.
      assert.isUndefined(yield* leaseAndSettle(100))
      assert.strictEqual(yield* leaseAndSettle(100), "MaxRequests")
    })
  )

  it.effect("a peer that takes no more requests is taken at its word at once", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      lease.settle(Lease.Reusable({ remaining: 0 }))
      assert.strictEqual(network.sockets[0]?.destroyed, "MaxRequests")
    })
  )

  it.effect("the peer's idle time lowers ours, and never raises it", () =>
    onOpenNetwork({ idleTimeout: "60 seconds", cleanupInterval: "1 second" }, function* ({ network, pool }) {
      const [short, long] = [yield* pool.lease(a), yield* pool.lease(a)]
      short.settle(Lease.Reusable({ idleFor: Duration.seconds(4) }))
      long.settle(Lease.Reusable({ idleFor: Duration.seconds(400) }))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        [undefined, undefined]
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["IdleTimeout", undefined]
      )
      yield* TestClock.adjust("55 seconds")
      assert.isUndefined(network.sockets[1]?.destroyed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(network.sockets[1]?.destroyed, "IdleTimeout")
    })
  )

  it.effect("a peer that keeps a connection for no time at all gets it back at once", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      lease.settle(Lease.Reusable({ idleFor: Duration.zero }))
      assert.strictEqual(network.sockets[0]?.destroyed, "IdleTimeout")
    })
  )
})

describe("A peer that keeps no idle connection", () => {
  it.effect("has its connection handed from request to request while some wait", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      const requests = [ask(pool, a), ask(pool, a), ask(pool, a)]
      yield* network.settle
      for (const request of requests) {
        request.held.settle(Lease.Reusable({ idleFor: Duration.zero }))
        yield* network.settle
      }
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["IdleTimeout"]
      )
      assert.strictEqual((yield* pool.stats).hits, 2)
    })
  )
})

describe("Without pooling", () => {
  it.effect("each request has a fresh connection, closed after it", () =>
    onOpenNetwork({ enablePooling: false }, function* ({ network, pool }) {
      for (let i = 0; i < 3; i++) (yield* pool.lease(a)).settle(Lease.Reusable())
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["PoolingDisabled", "PoolingDisabled", "PoolingDisabled"]
      )
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.hits, stats.misses, stats.hosts], [0, 3, 0])
    })
  )

  it.effect("a connection that comes back while others wait is not handed on: they get fresh ones", () =>
    onOpenNetwork({ enablePooling: false, maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const first = yield* pool.lease(a)
      const second = ask(pool, a)
      first.settle(Lease.Reusable())
      yield* story.settle
      assert.notStrictEqual(second.held.connection, first.connection)
      assert.isFalse(second.held.reused)
      assert.deepStrictEqual([network.sockets[0]?.destroyed, network.maxOpen()], ["PoolingDisabled", 1])
    })
  )

  it.effect("a connection that could carry many leases carries one", () =>
    onPool({ enablePooling: false, maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const [first, second] = [ask(pool, a), ask(pool, a)]
      yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 3 })
      assert.isDefined(first.held)
      assert.isTrue(second.waiting)
    })
  )

  it.effect("a dial whose request has left is given up", () =>
    onPool({ enablePooling: false }, function* ({ pool, story }) {
      const asked = ask(pool, a)
      const dial = yield* story.expectDial()
      asked.cancel()
      yield* story.expectDialInterrupted(dial)
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )
})

describe("Overrides for single hosts", () => {
  it.effect("hold for the hosts they name, and for no other", () =>
    onOpenNetwork(
      {
        maxConnectionsPerHost: 2,
        perHost: (key) =>
          key.host === "a.test" ? { maxConnectionsPerHost: 1, maxIdlePerHost: undefined as never } : undefined
      },
      function* ({ network, pool, story }) {
        for (const key of [a, b]) for (let i = 0; i < 3; i++) ask(pool, key)
        yield* story.settle
        assert.deepStrictEqual([network.maxOpen(a), network.maxOpen(b)], [1, 2])
      }
    )
  )

  it.effect("that make no sense are a defect naming field and value, when the host is first asked for", () =>
    onPool({ perHost: () => ({ maxIdlePerHost: -1 }) }, function* ({ pool }) {
      const exit = yield* Effect.exit(pool.lease(a))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.include(
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
        "maxIdlePerHost must be a whole number of at least 0, or Infinity, not -1"
      )
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )
})

describe("Options that make no sense", () => {
  const bad: ReadonlyArray<readonly [Record<string, unknown>, string]> = [
    [{ maxIdlePerHost: -1 }, "maxIdlePerHost must be a whole number of at least 0, or Infinity, not -1"],
    [{ maxConnectionsPerHost: 0 }, "maxConnectionsPerHost must be a whole number of at least 1, or Infinity, not 0"],
    [{ maxConnections: 1.5 }, "maxConnections must be a whole number of at least 1, or Infinity, not 1.5"],
    [{ maxConnecting: 0 }, "maxConnecting must be a whole number of at least 1, or Infinity, not 0"],
    [{ maxConnectingPerHost: NaN }, "maxConnectingPerHost must be a whole number of at least 1, or Infinity, not NaN"],
    [{ maxPendingPerHost: "7" }, "maxPendingPerHost must be a whole number of at least 0, or Infinity, not 7"],
    [
      { maxRequestsPerConnection: 0 },
      "maxRequestsPerConnection must be a whole number of at least 1, or Infinity, not 0"
    ],
    [{ minIdlePerHost: -Infinity }, "minIdlePerHost must be a whole number of at least 0, or Infinity, not -Infinity"],
    [{ lifetimeJitter: 1.1 }, "lifetimeJitter must be a number from 0 to 1, not 1.1"],
    [{ lifetimeJitter: NaN }, "lifetimeJitter must be a number from 0 to 1, not NaN"],
    [{ enablePooling: "yes" }, "enablePooling must be true or false, not yes"],
    [{ idleOrder: "random" }, 'idleOrder must be "fifo" or "lifo", not random'],
    [{ maxLifetime: 0 }, "maxLifetime must be a duration above zero, not 0"],
    [
      { idleTimeout: "90s" },
      'idleTimeout must be a duration such as "90 seconds" or a number of milliseconds, not 90s'
    ],
    [{ connectionTimeout: -1 }, "connectionTimeout must be a duration, not -1"],
    [{ acquireTimeout: 0 }, "acquireTimeout must be a duration above zero, not 0"],
    [{ cleanupInterval: 0 }, "cleanupInterval must be a duration above zero, not 0"],
    [{ leakThreshold: 0 }, "leakThreshold must be a duration above zero, not 0"],
    [
      { drainTimeout: "soon" },
      'drainTimeout must be a duration such as "90 seconds" or a number of milliseconds, not soon'
    ],
    [{ drainTimeout: -5 }, "drainTimeout must be a duration, not -5"],
    [{ drainTimeout: "-5 seconds" }, "drainTimeout must be a duration, not -5 seconds"],
    [{ drainTimeout: NaN }, "drainTimeout must be a duration, not NaN"],
    [{ maxIdelPerHost: 3 }, "unknown option maxIdelPerHost; did you mean maxIdlePerHost?"],
    [{ toString: 3 }, "unknown option toString; the options are maxIdlePerHost, "],
    [{ perHost: 3 }, "perHost must be a function of the key, not 3"]
  ]
  for (const [options, message] of bad) {
    it.effect(`${JSON.stringify(options)}: ${message}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(
          Effect.scoped(Layer.build(FakeNetwork.poolLayer(options as Partial<PoolConfig.PoolConfig>)))
        )
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.include((defect as Error).message, message)
      })
    )
  }

  it.effect("an explicit undefined is a field not given", () =>
    Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      assert.strictEqual(pool.config.maxIdlePerHost, 32)
    }).pipe(Effect.provide(FakeNetwork.poolLayer({ maxIdlePerHost: undefined } as never)))
  )
})
