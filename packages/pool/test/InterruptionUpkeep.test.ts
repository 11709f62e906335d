/**
 * What is no request, interrupted wherever it may wait: warm-ups, drains, dials; and how a scope's end gives back what
 * was acquired in it.
 *
 * | operation  | interrupted                                                                             |
 * | ---------- | --------------------------------------------------------------------------------------- |
 * | warm       | during its dial; in the turn in which that succeeds, fails; beside another warm-up      |
 * | drain      | while leases are out; in the turn in which the last one comes back; beside another drain |
 * | drainHost  | while leases are out                                                                    |
 * | the layer  | closed in a fiber that is interrupted, while leases are out                             |
 * | a dial     | given up by the pool, with things in its scope                                          |
 * | a scope    | closed by success, failure and interruption                                             |
 */

import { assert, describe, it } from "@effect/vitest"
import { type Connection, ConnectionPool, Connector, Lease, type PoolConfig } from "@hotaru/pool"
import { FakeNetwork, FakeSocket, Story } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { assertNothingLeft, leftovers } from "./support/interruption.js"
import { counts, fates } from "./support/peers.js"
import { a, ask, exchange, type Here, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

describe("A warm-up, interrupted", () => {
  const ends: Readonly<
    Record<string, readonly [turn: (here: Here) => void, after: (here: Here) => void, idle: number]>
  > = {
    "during its dial, which succeeds later": [() => {}, ({ network }) => void network.dials[0]?.succeed(), 1],
    "during its dial, which fails later": [() => {}, ({ network }) => network.dials[0]?.fail(), 0],
    "in the turn in which its dial succeeds": [({ network }) => void network.dials[0]?.succeed(), () => {}, 1],
    "in the turn in which its dial fails": [({ network }) => network.dials[0]?.fail(), () => {}, 0]
  }
  for (const [point, [turn, after, idle]] of Object.entries(ends)) {
    it.effect(`${point}: leaves ${idle === 1 ? "the connection" : "nothing"}`, () =>
      onPool({}, function* (here) {
        const { network, pool, story } = here
        const warming = yield* Effect.fork(pool.warm(a, 1))
        yield* network.settle
        assert.strictEqual((yield* counts(pool)).opening, 1)
        turn(here)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(warming)))
        after(here)
        yield* story.settle
        assert.deepStrictEqual(yield* counts(pool), { idle, active: 0, opening: 0, waiting: 0 })
        yield* assertNothingLeft(pool)
      })
    )
  }

  it.effect("beside another: the other has its connections", () =>
    onPool({}, function* ({ network, pool, story }) {
      const first = yield* Effect.fork(pool.warm(a, 2))
      const second = yield* story.start("second", pool.warm(a, 2))
      yield* Fiber.interrupt(first)
      for (const dial of network.dials) dial.succeed()
      yield* story.expectDone(second)
      assert.strictEqual((yield* counts(pool)).idle, 2)
      yield* assertNothingLeft(pool)
    })
  )
})

describe("A drain, interrupted", () => {
  const closed = ({ network, pool }: Here) =>
    Effect.gen(function* () {
      yield* network.settle
      assert.strictEqual(ask(pool, a).error?._tag, "PoolClosed")
      assert.strictEqual(network.open.length, 0)
    })

  it.effect("while a lease is out: the lease goes on, nothing new is granted, and closing the pool waits no more", () =>
    onPool({ drainTimeout: "10 seconds" }, function* (here) {
      const { network, pool } = here
      network.autoAccept()
      const asked = ask(pool, a)
      yield* network.settle
      const draining = yield* Effect.fork(pool.drain)
      yield* network.settle
      assert.isNull(draining.unsafePoll())
      yield* Fiber.interrupt(draining)
      exchange(asked.held, network)
      assert.strictEqual(network.open.length, 1)
      asked.held.settle(Lease.Reusable())
      yield* closed(here)
      assert.deepStrictEqual(fates(network), ["Drained"])
    })
  )

  it.effect("in the turn in which the last lease comes back", () =>
    onPool({ drainTimeout: "10 seconds" }, function* (here) {
      const { network, pool } = here
      network.autoAccept()
      const asked = ask(pool, a)
      yield* network.settle
      const draining = yield* Effect.fork(pool.drain)
      yield* network.settle
      asked.held.settle(Lease.Reusable())
      yield* Fiber.interrupt(draining)
      yield* closed(here)
    })
  )

  it.effect("beside another: the other ends when its time is over, and closes what is out", () =>
    onPool({ drainTimeout: "10 seconds" }, function* (here) {
      const { network, pool, story } = here
      network.autoAccept()
      const asked = ask(pool, a)
      yield* network.settle
      const first = yield* Effect.fork(pool.drain)
      const second = yield* story.start("second", pool.drain)
      yield* network.settle
      yield* Fiber.interrupt(first)
      yield* story.expectWaiting(second)
      yield* TestClock.adjust("10 seconds")
      yield* story.expectDone(second)
      assert.isFalse(asked.held.connection.isOpen)
      yield* closed(here)
    })
  )

  it.effect("of one host: its busy connection closes when it comes back, and a new one serves", () =>
    onPool({ drainTimeout: "10 seconds", maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      network.autoAccept()
      const asked = ask(pool, a)
      yield* network.settle
      const draining = yield* Effect.fork(pool.drainHost(a))
      yield* network.settle
      assert.isNull(draining.unsafePoll())
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(draining)))
      asked.held.settle(Lease.Reusable())
      yield* network.settle
      assert.deepStrictEqual(fates(network), ["Drained"])
      yield* assertNothingLeft(pool)
    })
  )

  it.effect("as the end of a scope whose fiber is interrupted: it is waited for until the lease is back", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const story = yield* Story.make
      network.autoAccept()
      let lease: Lease.Lease | undefined
      const program = Effect.scoped(
        Effect.gen(function* () {
          const own = yield* ConnectionPool.make({ lifetimeJitter: 0, drainTimeout: "1 minute" })
          lease = yield* own.lease(a)
          return yield* Effect.never
        })
      )
      const running = yield* Effect.fork(program)
      yield* network.settle
      const interrupting = yield* story.start("interrupting", Fiber.interrupt(running))
      yield* story.expectWaiting(interrupting)
      lease?.settle(Lease.Reusable())
      yield* story.expectDone(interrupting)
      assert.strictEqual(network.open.length, 0)
    }).pipe(Effect.provide(FakeNetwork.layer))
  )
})

describe("A dial that the pool gives up", () => {
  /** Opens something in its scope, as a proxy's tunnel would, and then hangs. */
  const halfOpen = (config: Partial<PoolConfig.PoolConfig>) => {
    const log: Array<string> = []
    const connector = {
      connect: () =>
        Effect.gen(function* () {
          yield* Effect.acquireRelease(
            Effect.sync(() => log.push("opened")),
            (_, exit) => Effect.sync(() => log.push(Exit.isInterrupted(exit) ? "closed by interruption" : "closed"))
          )
          return yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
        })
    }
    const pool = Effect.provideService(
      ConnectionPool.make({ lifetimeJitter: 0, drainTimeout: 0, ...config }),
      Connector.Connector,
      connector
    )
    return { log, pool }
  }
  const closedOnce = ["opened", "interrupted", "closed by interruption"]

  it.scoped("because its time is over: what was open in its scope is closed once", () =>
    Effect.gen(function* () {
      const { log, pool } = halfOpen({ connectionTimeout: "1 second" })
      const asking = yield* Effect.fork(Effect.flip((yield* pool).lease(a)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(asking))._tag, "ConnectTimeout")
      assert.deepStrictEqual(log, closedOnce)
    })
  )

  it.scoped("because the pool closes, whose last request was interrupted before", () =>
    Effect.gen(function* () {
      const { log, pool } = halfOpen({})
      const scope = yield* Scope.make()
      const own = yield* Scope.extend(pool, scope)
      const asking = yield* Effect.fork(own.use(a, () => Effect.void))
      yield* TestClock.adjust(0)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(asking)))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, closedOnce)
    })
  )

  for (const order of ["before", "after"] as const) {
    it.scoped(`in the very turn in which its connection opens, ${order} that: the connection is closed`, () =>
      Effect.gen(function* () {
        const socket = FakeSocket.make()
        let opens: (() => void) | undefined
        const connector: Connector.ConnectorShape = {
          connect: () =>
            Effect.zipRight(
              Effect.addFinalizer(() => Effect.sync(() => socket.connection.destroy("scope closed"))),
              Effect.async<Connection.Connection>((resume) => {
                opens = () => resume(Effect.succeed(socket.connection))
              })
            )
        }
        const pool = yield* Effect.provideService(
          ConnectionPool.make({ lifetimeJitter: 0, drainTimeout: 0, connectionTimeout: "1 second" }),
          Connector.Connector,
          connector
        )
        // Deadlines of one length expire in the order in which they were set.
        const sets = () => void pool.unsafe.deadlines.set(1000, () => opens?.())
        if (order === "after") sets()
        const asking = yield* Effect.fork(Effect.flip(pool.lease(a)))
        yield* Effect.yieldNow()
        if (order === "before") sets()
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(asking))._tag, "ConnectTimeout")
        const { activeConnections, openingConnections, pooledConnections } = yield* pool.stats
        assert.deepStrictEqual([activeConnections, openingConnections, pooledConnections], [0, 0, 0])
        assert.strictEqual(socket.destroyed, "scope closed")
      })
    )
  }
})

describe("A scope's end gives back what was acquired in it", () => {
  const exits = {
    success: Exit.void,
    failure: Exit.fail("failed"),
    interruption: Exit.interrupt(FiberId.none)
  }
  const states = { untouched: "UseFailed", written: "UseFailed", settled: "open", "settled as broken": "mine" } as const

  for (const [how, exit] of Object.entries(exits)) {
    for (const [state, fate] of Object.entries(states)) {
      const expected =
        how !== "success" ? fate : state === "untouched" ? "open" : state === "written" ? "Unsettled" : fate
      it.effect(`${state}, by ${how}: ${expected}`, () =>
        onOpenNetwork({}, function* ({ network, pool }) {
          const scope = yield* Scope.make()
          const connection = yield* Scope.extend(pool.acquire(a), scope)
          if (state === "written") connection.write("half a request")
          if (state === "settled") {
            connection.write("x")
            yield* pool.settle(connection, Lease.Reusable())
          }
          if (state === "settled as broken") yield* pool.settle(connection, Lease.Broken("mine"))
          yield* Scope.close(scope, exit)
          yield* network.settle
          assert.deepStrictEqual(
            fates(network).map((one) => one ?? "open"),
            [expected]
          )
          assert.deepStrictEqual(yield* leftovers(pool), [])
        })
      )
    }
  }

  it.effect("once: a connection that has gone on to another is not touched by the scope it was acquired in", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      network.autoAccept()
      const scope = yield* Scope.make()
      const connection = yield* Scope.extend(pool.acquire(a), scope)
      yield* pool.settle(connection, Lease.Reusable())
      const other = ask(pool, a)
      yield* network.settle
      yield* Scope.close(scope, exits.interruption)
      exchange(other.held, network)
      assert.isUndefined(socketOf(other.held, network).destroyed)
      other.held.settle(Lease.Reusable())
      yield* network.settle
      yield* assertNothingLeft(pool)
    })
  )
})
