/**
 * `acquire` of a connection that lies ready: taken in one step, while others take their turn before and after it.
 */
import { assert, describe, it } from "@effect/vitest"
import { type ConnectionPool, Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { a, onOpenNetwork } from "./support/stories.js"

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

  it.effect("in a scope that has closed already gives it back at once", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      yield* pool.warm(a, 1)
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      yield* Scope.extend(pool.acquire(a), scope)
      assert.deepStrictEqual(yield* booked(pool), { leased: 0, idle: 1, waiting: 0 })
      assert.strictEqual(network.open.length, 1)
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
