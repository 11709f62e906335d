/**
 * Drain: newcomers refused, requests in line served, idle connections closed now, busy ones awaited, all of it for a
 * bounded time. By hand and by the layer's end.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease, PoolError } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { Interpreter } from "../src/internal/interpreter.js"
import { until } from "../src/internal/waiting.js"
import { a, ask, b, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

describe("Drain, asked for", () => {
  it.effect("idle connections close at once, busy ones are awaited, and closed as they come back", () =>
    onOpenNetwork({ drainTimeout: "10 seconds" }, function* ({ network, pool, story }) {
      const [idle, busy] = [yield* pool.lease(a), yield* pool.lease(b)]
      ping(idle)
      const draining = yield* story.start("drain", pool.drain)
      yield* story.expectWaiting(draining)
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["Drained", undefined]
      )
      ping(busy)
      yield* story.expectDone(draining)
      assert.strictEqual(network.sockets[1]?.destroyed, "Drained")
      assert.deepStrictEqual([(yield* pool.stats).hosts, (yield* pool.stats).closed], [0, { Drained: 2 }])
    })
  )

  it.effect("what is still busy when the time is over is closed, and its holder is told (Effect-TS/effect#6485)", () =>
    onOpenNetwork({ drainTimeout: "10 seconds" }, function* ({ network, pool, story }) {
      const told: Array<unknown> = []
      const waitsForBytes = pool.use(a, (connection) =>
        Effect.async<never, unknown>((resume) => {
          connection.receiver = {
            onBytes: () => {},
            onEnd: () => {},
            onDrain: () => {},
            onError: (cause) => {
              told.push(cause)
              resume(Effect.fail(cause))
            }
          }
        })
      )
      const holder = yield* story.start("holder", waitsForBytes)
      const draining = yield* story.start("drain", pool.drain)
      yield* TestClock.adjust("9999 millis")
      yield* story.expectWaiting(draining, holder)
      yield* TestClock.adjust("1 millis")
      yield* story.expectDone(draining)
      const error = yield* story.expectFailed(holder, "PoolClosed")
      assert.deepStrictEqual([told, network.sockets[0]?.destroyed], [[error], "DrainTimeout"])
      assert.deepStrictEqual(
        [(yield* pool.stats).activeConnections, (yield* pool.stats).closed],
        [0, { DrainTimeout: 1 }]
      )
    })
  )

  it.effect("a holder whose connection had ended already is not told twice", () =>
    onOpenNetwork({ drainTimeout: "1 second" }, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      const told: Array<string> = []
      lease.connection.receiver = {
        onBytes: () => {},
        onDrain: () => {},
        onEnd: () => told.push("end"),
        onError: () => told.push("error")
      }
      network.sockets[0]?.end()
      const draining = yield* story.start("drain", pool.drain)
      yield* TestClock.adjust("1 second")
      yield* story.expectDone(draining)
      assert.deepStrictEqual(told, ["end"])
    })
  )

  it.effect("those in line and those who dial keep their places and are served, those who come later are refused", () =>
    onPool({ maxConnectionsPerHost: 1, drainTimeout: "1 second" }, function* ({ network, pool, story }) {
      const busy = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      const [waiter, dialling] = [ask(pool, a), ask(pool, b)]
      const dial = yield* story.expectDial(b)
      yield* story.start("drain", pool.drain)
      const late = ask(pool, a)
      assert.instanceOf(late.error, PoolError.PoolClosed)
      assert.include(late.error?.message, "Provide the pool's layer around everything that uses it")
      assert.isTrue(late.error?.safeToRetry)
      yield* story.dialSucceeds(dial)
      ping(dialling.held)
      // Its connection goes to the next in line; with no other in line it is closed.
      ping(busy.held)
      yield* story.expectWaiting("drain")
      assert.strictEqual(waiter.held.connection, busy.held.connection)
      ping(waiter.held)
      yield* story.expectDone("drain")
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["Drained", "Drained"]
      )
    })
  )

  it.effect("with nothing open it ends at once, and again as often as it is asked for", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      for (const name of ["first", "second"]) yield* story.expectDone(yield* story.start(name, pool.drain))
      yield* story.expectFailed(yield* story.start("late", pool.lease(a)), "PoolClosed")
    })
  )

  it.effect("two at once both wait, and both end", () =>
    onOpenNetwork({ drainTimeout: "10 seconds" }, function* ({ pool, story }) {
      const busy = yield* pool.lease(a)
      yield* story.start("first", pool.drain)
      yield* story.start("second", pool.drain)
      yield* story.expectWaiting("first", "second")
      ping(busy)
      yield* story.expectDone("first")
      yield* story.expectDone("second")
    })
  )

  it.effect("interrupted, the pool stays closed to new requests and a second drain does the rest", () =>
    onOpenNetwork({ drainTimeout: "10 seconds" }, function* ({ network, pool, story }) {
      yield* pool.lease(a)
      yield* story.start("first", pool.drain)
      yield* story.interrupt("first")
      assert.strictEqual(ask(pool, b).error?._tag, "PoolClosed")
      yield* story.start("second", pool.drain)
      yield* TestClock.adjust("10 seconds")
      yield* story.expectDone("second")
      assert.strictEqual(network.open.length, 0)
    })
  )

  it.effect("without a limit it waits for as long as it takes", () =>
    onOpenNetwork({ drainTimeout: Duration.infinity }, function* ({ pool, story }) {
      const busy = yield* pool.lease(a)
      yield* story.start("drain", pool.drain)
      yield* TestClock.adjust("30 days")
      yield* story.expectWaiting("drain")
      ping(busy)
      yield* story.expectDone("drain")
    })
  )

  it.effect("what comes to pass between looking and listening is not missed", () =>
    Effect.gen(function* () {
      let looked = 0
      // The fiber yields after the first look, and what it waits for happens then; no watcher is ever told of it.
      const pool = { watch: () => () => {} } as unknown as Interpreter
      yield* until<void, never>(pool, (): Effect.Effect<void> | undefined => (looked++ === 0 ? undefined : Effect.void))
      assert.strictEqual(looked, 2)
    })
  )
})

describe("Drain, by the end of the layer", () => {
  const ends = [
    ["success", (scope: Scope.CloseableScope) => Scope.close(scope, Exit.void)],
    ["failure", (scope: Scope.CloseableScope) => Scope.close(scope, Exit.fail("no"))],
    [
      "interruption",
      (scope: Scope.CloseableScope) => Effect.flatMap(Effect.fiberId, (id) => Scope.close(scope, Exit.interrupt(id)))
    ]
  ] as const
  const clocks = [
    ["under TestClock", it.effect],
    ["live", it.live]
  ] as const

  for (const [clock, test] of clocks) {
    for (const [name, close] of ends) {
      test(`a scope closed by ${name}, ${clock}: waiters are served, idle closes, busy ones have their time, nothing hangs`, () =>
        Effect.gen(function* () {
          const network = yield* FakeNetwork.FakeNetwork
          network.autoAccept()
          const scope = yield* Scope.make()
          const pool = yield* Scope.extend(
            ConnectionPool.make({ maxConnectionsPerHost: 2, drainTimeout: "500 millis" }),
            scope
          )
          const [idle, busy] = [yield* pool.lease(b), yield* pool.lease(a)]
          yield* pool.lease(a)
          const waiter = yield* Effect.fork(pool.lease(a))
          yield* network.settle
          ping(idle)
          const closing = yield* Effect.fork(close(scope))
          yield* network.settle
          assert.strictEqual(network.sockets[0]?.destroyed, "Drained")
          ping(busy)
          const served = yield* Fiber.join(waiter)
          assert.strictEqual(served.connection, busy.connection)
          ping(served)
          assert.strictEqual(network.sockets[1]?.destroyed, "Drained")
          // Nobody advances a test's clock: the deadline is in real time.
          yield* Fiber.join(closing)
          assert.deepStrictEqual([network.sockets[2]?.destroyed, network.open.length], ["DrainTimeout", 0])
        }).pipe(Effect.provide(FakeNetwork.layer)))
    }
  }

  it.effect("busy connections that come back end it, long before its deadline", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.autoAccept()
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(ConnectionPool.make({ drainTimeout: "1 hour" }), scope)
      const busy = yield* pool.lease(a)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* network.settle
      assert.isNull(closing.unsafePoll())
      ping(busy)
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.effect("after a drain by hand there is nothing left to wait for", () =>
    Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      yield* pool.drain
    }).pipe(Effect.provide(FakeNetwork.poolLayer({ drainTimeout: "1 hour" })))
  )

  it.effect("a program's own scoped leases end before the pool does", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* ConnectionPool.ConnectionPool
          const network = yield* FakeNetwork.FakeNetwork
          network.autoAccept()
          const started = yield* Deferred.make<void>()
          yield* Effect.forkScoped(
            pool.use(a, () => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never))
          )
          yield* Deferred.await(started)
        })
      ).pipe(Effect.provide(FakeNetwork.poolLayer({ drainTimeout: "1 hour" })))
    })
  )

  it.live("a ManagedRuntime disposed of closes everything, dials under way too", () =>
    Effect.gen(function* () {
      const runtime = ManagedRuntime.make(FakeNetwork.poolLayer())
      const network = yield* Effect.promise(() => runtime.runPromise(FakeNetwork.FakeNetwork))
      const pool = yield* Effect.promise(() => runtime.runPromise(ConnectionPool.ConnectionPool))
      ask(pool, a)
      ;(yield* network.nextDial).succeed()
      ask(pool, b)
      yield* network.nextDial
      yield* Effect.promise(() => runtime.dispose())
      assert.deepStrictEqual(
        [network.open.length, network.dials.map((dial) => dial.state)],
        [0, ["succeeded", "interrupted"]]
      )
    })
  )

  it.effect("the events tell it: what began, what was closed, and how many were cut off", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.autoAccept()
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(ConnectionPool.make({ drainTimeout: 0 }), scope)
      const events = yield* pool.subscribe
      yield* pool.lease(a)
      ping(yield* pool.lease(b))
      yield* Scope.close(scope, Exit.void)
      const told = Array.from(yield* Queue.takeAll(events)).slice(9)
      assert.deepStrictEqual(
        told.map((event) => event._tag),
        ["DrainStarted", "Retired", "Retired", "Drained"]
      )
      assert.deepInclude(told[3], { aborted: 1 })
    }).pipe(Effect.scoped, Effect.provide(FakeNetwork.layer))
  )

  it.effect("a layer that is built twice is two pools, one that is shared is one", () =>
    Effect.gen(function* () {
      const pools = (layer: Layer.Layer<ConnectionPool.ConnectionPool>, other = layer) =>
        Effect.scoped(
          Effect.gen(function* () {
            const memo = yield* Layer.makeMemoMap
            const scope = yield* Effect.scope
            const one = yield* Layer.buildWithMemoMap(layer, memo, scope)
            const two = yield* Layer.buildWithMemoMap(other, memo, scope)
            return (
              one.unsafeMap.get(ConnectionPool.ConnectionPool.key) ===
              two.unsafeMap.get(ConnectionPool.ConnectionPool.key)
            )
          })
        )
      const make = () => ConnectionPool.layer().pipe(Layer.provide(FakeNetwork.layer))
      assert.isTrue(yield* pools(make()))
      assert.isFalse(yield* pools(make(), make()))
    })
  )
})
