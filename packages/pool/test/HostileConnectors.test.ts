/**
 * Connectors that break their contract, options that change after the build: the books balance and nothing hangs.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Connector, Lease, PoolError } from "@hotaru/pool"
import { FakeSocket } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/TestClock"
import { counts } from "./support/peers.js"
import { Asked, a, ask, expectConsistent, keyOf } from "./support/stories.js"

type Pool = ConnectionPool.ConnectionPoolShape

const quiet = Effect.repeatN(Effect.yieldNow(), 50)

const onConnector = (
  connect: Connector.ConnectorShape["connect"],
  tell: (pool: Pool) => Generator<any, void, any>,
  config: Parameters<typeof ConnectionPool.make>[0] = {}
): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const pool = yield* ConnectionPool.make({ drainTimeout: 0, ...config })
    yield* Effect.gen(() => tell(pool)) as Effect.Effect<void, unknown>
    yield* quiet
    yield* expectConsistent(pool)
  }).pipe(Effect.scoped, Effect.provideService(Connector.Connector, { connect }))

describe("A connector", () => {
  it.effect("that opens what is closed: a failed dial, and no place is lost", () =>
    onConnector(
      () =>
        Effect.sync(() => {
          const { connection } = FakeSocket.make()
          connection.destroy("dead")
          return connection
        }),
      function* (pool) {
        const error = yield* Effect.flip(pool.lease(a))
        assert.instanceOf(error, PoolError.ConnectError)
        assert.deepStrictEqual([error.phase, (yield* pool.stats).hosts], ["before-use", 0])
      }
    )
  )

  for (const [name, connect] of [
    ["dies", () => Effect.die("boom")],
    [
      "throws",
      () => {
        throw new Error("boom")
      }
    ],
    ["interrupts itself", () => Effect.interrupt]
  ] as ReadonlyArray<readonly [string, Connector.ConnectorShape["connect"]]>) {
    it.effect(`that ${name}: a typed error, local, and the next dial is as if nothing had been`, () =>
      onConnector(connect, function* (pool) {
        for (let times = 0; times < 3; times++) {
          const error = yield* Effect.flip(pool.lease(a))
          assert.instanceOf(error, PoolError.ConnectError)
          assert.isTrue(error.local)
        }
        assert.deepStrictEqual(
          [yield* counts(pool), (yield* pool.stats).hosts],
          [{ idle: 0, active: 0, opening: 0, waiting: 0 }, 0]
        )
      })
    )
  }

  it.effect("that opens a connection that the pool has already: a failed dial, and nobody shares it", () => {
    const { connection } = FakeSocket.make()
    return onConnector(
      () => Effect.succeed(connection),
      function* (pool) {
        const one = yield* pool.lease(a)
        const two = ask(pool, a)
        const other = yield* Effect.flip(pool.lease(keyOf("b.test")))
        assert.instanceOf(other, PoolError.ConnectError)
        assert.isTrue(other.local && two.waiting)
        one.settle(Lease.Reusable())
        assert.strictEqual(two.held.connection, connection)
        assert.deepInclude(yield* pool.stats, { created: 1, connectFailures: 2, activeConnections: 1 })
        two.held.settle(Lease.Broken("done"))
      }
    )
  })

  it.effect("that never answers: the dial is given up at its limit", () =>
    onConnector(
      () => Effect.never,
      function* (pool) {
        const asked = ask(pool, a)
        yield* quiet
        yield* TestClock.adjust("31 seconds")
        assert.oneOf(asked.error?._tag, ["ConnectTimeout", "AcquireTimeout"])
        yield* quiet
        assert.deepStrictEqual(
          [yield* counts(pool), (yield* pool.stats).hosts],
          [{ idle: 0, active: 0, opening: 0, waiting: 0 }, 0]
        )
      }
    )
  )

  it.effect("that succeeds after it was given up: what it opened is closed", () => {
    const { connection, ...socket } = FakeSocket.make()
    let open: (() => void) | undefined
    return onConnector(
      () =>
        Effect.uninterruptible(
          Effect.acquireRelease(
            Effect.async<typeof connection>((resume) => {
              open = () => resume(Effect.succeed(connection))
            }),
            (opened) => Effect.sync(() => opened.destroy("scope closed"))
          )
        ),
      function* (pool) {
        const asked = ask(pool, a)
        yield* quiet
        yield* TestClock.adjust("2 seconds")
        assert.instanceOf(asked.error, PoolError.ConnectTimeout)
        open?.()
        yield* quiet
        assert.isFalse(connection.isOpen)
        assert.deepStrictEqual([(yield* pool.stats).created, (yield* pool.stats).hosts], [0, 0])
        void socket
      },
      { connectionTimeout: "1 second" }
    )
  })
})

describe("Options", () => {
  for (const [field, values] of [
    ["maxConnections", [0, -1, 1.5, Number.NaN, -Infinity, "8", null]],
    ["maxIdlePerHost", [-1, 0.5, Number.NaN, "many"]],
    ["maxPendingPerHost", [-1, 0.5, Number.NaN]],
    ["idleTimeout", [0, -1, Number.NaN, "soon", "-1 seconds", null, {}]],
    ["acquireTimeout", [0, -5, Number.NaN, "0 seconds"]],
    ["lifetimeJitter", [-0.1, 1.1, Number.NaN, Infinity, "0.1"]],
    ["enablePooling", [1, "true", null]],
    ["idleOrder", ["FIFO", 0, null]],
    ["perHost", [null, {}, "a.test"]],
    ["shouldEvict", [null, true, {}]]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<unknown>]>) {
    for (const value of values) {
      it.effect(`${field}: ${String(value)} (${typeof value}) fails the build, naming the field`, () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Effect.scoped(ConnectionPool.make({ [field]: value })))
          assert.isTrue(Exit.isFailure(exit))
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          assert.instanceOf(defect, PoolError.InvalidPoolConfig)
          assert.strictEqual((defect as PoolError.InvalidPoolConfig).field, field)
        }).pipe(Effect.provideService(Connector.Connector, { connect: () => Effect.never }))
      )
    }
  }

  const opening: Connector.ConnectorShape["connect"] = () => Effect.sync(() => FakeSocket.make().connection)

  const options = { maxConnectionsPerHost: 1 }
  it.effect("changed after the build change nothing", () =>
    onConnector(
      opening,
      function* (pool) {
        options.maxConnectionsPerHost = 5
        yield* pool.lease(a)
        const second = ask(pool, a)
        yield* quiet
        assert.isTrue(second.waiting)
      },
      options
    )
  )

  for (const answer of [{ maxConnectionsPerHost: Number.NaN }, { idleTimeout: "soon" }, { maxIdlePerHost: -1 }]) {
    it.effect(
      `of a host that make no sense (${JSON.stringify(answer)}) end its request, and nothing is left of it`,
      () =>
        onConnector(
          opening,
          function* (pool) {
            const exit = yield* Effect.exit(pool.lease(a))
            assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
            assert.strictEqual((yield* pool.stats).hosts, 0)
            // Others are not concerned.
            const other = yield* pool.lease(keyOf("b.test"))
            other.settle(Lease.Reusable())
          },
          { perHost: (key) => (key.host === "a.test" ? (answer as {}) : undefined) }
        )
    )
  }

  it.effect("of a host with a huge name hold for it alone", () =>
    onConnector(opening, function* (pool) {
      const long = new Asked("long").begin(pool, keyOf(`${"x".repeat(63)}.${"y".repeat(63)}.test`))
      yield* quiet
      long.held.settle(Lease.Reusable())
      assert.strictEqual((yield* pool.stats).hosts, 1)
    })
  )
})
