/**
 * An interruption may come at any moment: nothing is left on lease, in line or under way, and nobody starves.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease } from "@hotaru/pool"
import { FakeNetwork, Sweep } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { a, ask, onPool } from "./support/stories.js"

type Operation = (pool: ConnectionPool.ConnectionPoolShape) => Effect.Effect<unknown, unknown>

const operations: ReadonlyArray<readonly [string, Operation]> = [
  ["acquire", (pool) => Effect.scoped(pool.acquire(a))],
  ["use", (pool) => pool.use(a, () => Effect.yieldNow())],
  [
    "lease in a mask",
    (pool) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(pool.lease(a)), (lease) =>
          Effect.matchCauseEffect(restore(Effect.yieldNow()), {
            onFailure: (cause) =>
              Effect.zipRight(
                Effect.sync(() => lease.settle(Lease.Broken("test"))),
                Effect.failCause(cause)
              ),
            onSuccess: () => Effect.sync(() => lease.settle(Lease.Reusable()))
          })
        )
      )
  ],
  ["warm", (pool) => pool.warm(a, 1)]
]

const budget = { budgets: Sweep.range(16, 64, 4), delays: Sweep.range(0, 20, 2), steps: Sweep.range(0, 30, 6) }

describe("Interrupted at every moment", () => {
  for (const [name, operation] of operations.filter(([name]) => name !== "lease in a mask")) {
    for (const state of ["a dial", "an idle connection", "a connection that comes back"] as const) {
      it.effect(
        `${name}, on ${state}, leaves nothing behind`,
        () =>
          Effect.gen(function* () {
            const trial = Effect.gen(function* () {
              const network = yield* FakeNetwork.FakeNetwork
              network.autoAccept()
              const pool = yield* ConnectionPool.make({ maxConnectionsPerHost: 1, drainTimeout: 0, lifetimeJitter: 0 })
              if (state !== "a dial") {
                const lease = yield* Effect.orDie(pool.lease(a))
                if (state === "an idle connection") lease.settle(Lease.Reusable())
                else queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => lease.settle(Lease.Reusable()))))
              }
              const leaks = Effect.gen(function* () {
                yield* network.settle
                const stats = yield* pool.stats
                const found: Array<string> = []
                if (stats.activeConnections > 0) found.push(`${stats.activeConnections} on lease`)
                if (stats.pendingAcquires > 0) found.push(`${stats.pendingAcquires} in line`)
                if (stats.openingConnections > 0) found.push(`${stats.openingConnections} dials`)
                // Nobody starves: the next request is served.
                const next = ask(pool, a)
                yield* network.settle
                if (next.lease === undefined) found.push("the next request starves")
                next.lease?.settle(Lease.Reusable())
                return found
              })
              return { operation: operation(pool), leaks }
            })
            const report = yield* Sweep.check(trial, budget).pipe(Effect.provide(FakeNetwork.layer))
            assert.isAbove(report.timings, 500)
          }),
        60_000
      )
    }
  }

  for (const [name, operation] of operations) {
    it.effect(`${name}, while it waits for a dial: the line is empty, and the dial is kept`, () =>
      onPool({}, function* ({ pool, story }) {
        yield* story.start(name, operation(pool))
        const dial = yield* story.expectDial()
        yield* story.interrupt(name)
        assert.strictEqual((yield* pool.stats).pendingAcquires, 0)
        yield* story.dialSucceeds(dial)
        assert.strictEqual((yield* pool.stats).pooledConnections, 1)
      })
    )

    it.effect(`${name}, in the turn in which its dial ends: the connection is kept`, () =>
      onPool({}, function* ({ network, pool, story }) {
        const fiber = yield* Effect.fork(operation(pool))
        const dial = yield* story.expectDial()
        dial.succeed()
        fiber.unsafeInterruptAsFork(fiber.id())
        yield* story.settle
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.activeConnections, stats.pooledConnections, network.open.length], [0, 1, 1])
      })
    )
  }

  it.effect(
    "a thousand that come and go at random leave the books balanced",
    () =>
      onPool({ maxConnectionsPerHost: 4, maxIdlePerHost: 2 }, function* ({ network, pool, story }) {
        network.autoAccept()
        let seed = 7
        const random = (n: number) => {
          seed = (seed * 1103515245 + 12345) % 2147483648
          return seed % n
        }
        for (let round = 0; round < 50; round++) {
          const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
            Effect.fork(
              pool.use(a, (connection) =>
                Effect.repeatN(
                  Effect.zipRight(
                    Effect.sync(() => connection.write("x")),
                    Effect.yieldNow()
                  ),
                  random(5)
                )
              )
            )
          )
          for (const fiber of fibers) {
            for (let i = random(4); i > 0; i--) yield* Effect.yieldNow()
            if (random(2) === 0) fiber.unsafeInterruptAsFork(fiber.id())
          }
          yield* story.settle
          assert.isTrue(fibers.every((fiber) => fiber.unsafePoll() !== null))
        }
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.activeConnections, stats.pendingAcquires, stats.openingConnections], [0, 0, 0])
        assert.strictEqual(network.open.length, stats.pooledConnections)
        assert.isAtMost(network.maxOpen(a), 4)
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(pool.use(a, () => Effect.void))))
      }),
    60_000
  )
})
