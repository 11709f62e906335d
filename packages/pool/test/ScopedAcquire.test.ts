/**
 * `acquire` of a connection that lies ready: taken in one step, while others take their turn before and after it.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ConnectionPool, Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { a, ask, exchange, onOpenNetwork, onPool } from "./support/stories.js"

const booked = (pool: ConnectionPool.ConnectionPoolShape) =>
  Effect.map(pool.stats, ({ activeConnections, pendingAcquires, pooledConnections }) => ({
    leased: activeConnections,
    idle: pooledConnections,
    waiting: pendingAcquires
  }))

describe("Acquiring a connection that lies ready", () => {
  for (const steps of Array.from({ length: 24 }, (_, more) => 12 + more)) {
    it.effect(`is lost by all but one of those who saw it, and they wait their turn: ${steps} steps at a time`, () =>
      onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
        yield* pool.warm(a, 1)
        const held: Array<number> = []
        let now = 0
        const one = Effect.scoped(
          Effect.flatMap(pool.acquire(a), (connection) =>
            Effect.gen(function* () {
              held.push(++now)
              yield* Effect.yieldNow()
              now--
              yield* pool.settle(connection, Lease.Reusable())
            })
          )
        )
        yield* Effect.withMaxOpsBeforeYield(Effect.all([one, one, one, one], { concurrency: 4 }), steps)
        assert.deepStrictEqual(held, [1, 1, 1, 1])
        assert.deepStrictEqual(yield* booked(pool), { leased: 0, idle: 1, waiting: 0 })
        assert.strictEqual(network.sockets.length, 1)
      })
    )
  }

  it.effect("in a scope that has closed already gives it back at once, and is interrupted", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      yield* pool.warm(a, 1)
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Effect.exit(Scope.extend(pool.acquire(a), scope))
      assert.isTrue(Exit.isInterrupted(exit))
      assert.deepStrictEqual(yield* booked(pool), { leased: 0, idle: 1, waiting: 0 })
      assert.strictEqual(network.open.length, 1)
    })
  )

  for (const exit of [Exit.void, Exit.fail("no more")]) {
    const kept = Exit.isSuccess(exit)
    it.effect(
      `is interrupted where the scope closes with ${exit._tag} while it rests: it is ${kept ? "idle" : "closed"}`,
      () =>
        onPool(
          {},
          function* ({ network, pool, story }) {
            const first = ask(pool, a)
            const socket = yield* story.dialSucceeds(yield* story.expectDial())
            exchange(first.held, network)
            first.held.settle(Lease.Reusable())
            const scope = yield* Scope.make()
            const fiber = yield* Effect.fork(Scope.extend(pool.acquire(a), scope))
            yield* story.settle
            assert.deepStrictEqual(yield* booked(pool), { leased: 1, idle: 0, waiting: 0 })
            yield* Scope.close(scope, exit)
            yield* network.poll
            assert.isTrue(Exit.isInterrupted(yield* fiber.await))
            assert.deepStrictEqual(yield* booked(pool), { leased: 0, idle: kept ? 1 : 0, waiting: 0 })
            assert.strictEqual(socket.destroyed, kept ? undefined : "UseFailed")
          },
          { manualTurns: true }
        )
    )
  }

  it.effect(
    "is interrupted where the scope closes while it waits in line, once it is granted: the next one is served",
    () =>
      onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
        const holder = yield* pool.lease(a)
        const scope = yield* Scope.make()
        const fiber = yield* Effect.fork(Scope.extend(pool.acquire(a), scope))
        yield* story.settle
        const next = ask(pool, a)
        yield* Scope.close(scope, Exit.void)
        holder.settle(Lease.Reusable())
        assert.isTrue(Exit.isInterrupted(yield* fiber.await))
        assert.strictEqual(next.held.connection, holder.connection)
        next.held.settle(Lease.Reusable())
        assert.deepStrictEqual(yield* booked(pool), { leased: 0, idle: 1, waiting: 0 })
      })
  )

  it.effect("leaves nothing in the scope where it fails", () =>
    onOpenNetwork({}, function* ({ pool }) {
      yield* pool.drain
      const scope = yield* Scope.make()
      const failed = yield* Effect.exit(Scope.extend(pool.acquire(a), scope))
      assert.isTrue(Exit.isFailure(failed))
      const { state } = scope as unknown as { readonly state: { readonly finalizers: Map<object, unknown> } }
      assert.strictEqual(state.finalizers.size, 0)
      yield* Scope.close(scope, Exit.void)
    })
  )
})
