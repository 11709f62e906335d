/**
 * Everything that waits in the pool, interrupted at many moments that differ by steps and microtasks: nothing is
 * left on lease, in line or under way, and nobody starves.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease } from "@hotaru/pool"
import { FakeNetwork, Sweep } from "@hotaru/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type During, leftovers, operations } from "./support/interruption.js"
import { a, ask, exchange, onPool, socketOf } from "./support/stories.js"

type Pool = ConnectionPool.ConnectionPoolShape
type Network = FakeNetwork.FakeNetworkShape

/** Where the host's only connection is when the operation begins. */
const states = {
  "that is to be dialled": () => Effect.void,
  "that is idle": (pool: Pool) => Effect.map(pool.lease(a), (lease) => lease.settle(Lease.Reusable())),
  "that rests": (pool: Pool, network: Network) =>
    Effect.map(pool.lease(a), (lease) => {
      exchange(lease, network)
      lease.settle(Lease.Reusable())
    }),
  "that rests and ends": (pool: Pool, network: Network) =>
    Effect.map(pool.lease(a), (lease) => {
      exchange(lease, network)
      lease.settle(Lease.Reusable())
      socketOf(lease, network).endLater()
    }),
  "that comes back": (pool: Pool) =>
    Effect.map(pool.lease(a), (lease) => {
      const after = (microtasks: number): void => {
        if (microtasks === 0) lease.settle(Lease.Reusable())
        else queueMicrotask(() => after(microtasks - 1))
      }
      after(6)
    })
} satisfies Record<string, (pool: Pool, network: Network) => Effect.Effect<void, unknown>>

/** The connection is held for a turn of the event loop, so that there are many moments to come in between. */
const during: During = (connection) => connection.turn

/** A pool and a network of its own for each timing: what one leaves behind must not be laid at the door of the next. */
const prepared = Effect.gen(function* () {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const layer = FakeNetwork.poolLayer({ maxConnectionsPerHost: 1, drainTimeout: 10_000 }, { autoAccept: true })
  const context = yield* Scope.extend(Layer.build(layer), scope)
  const network = Context.get(context, FakeNetwork.FakeNetwork)
  const pool = Context.get(context, ConnectionPool.ConnectionPool)
  return { network, pool, close: Scope.close(scope, Exit.void), leaks: Effect.provide(leftovers(pool), context) }
})

/** How many limits in time are running; where the pool keeps them, as `PoolOperations.leftovers` knows. */
const deadlines = (pool: Pool): number => Number(Reflect.get(pool.unsafe.deadlines, "size"))

/** Timings in all for each operation, shared by the states it is swept in. */
const inAll = { acquire: 1000, use: 1000, retry: 1000, others: 1000 }

/** The others have one wait, and come to it within the first microtasks: that is where it could be interrupted unseen. */
const narrow: Sweep.SweepOptions = { sample: inAll.others, delays: [0, 1, 2] }

const wide = (sample: number): Sweep.SweepOptions => ({ sample, turns: [0, 0, 0, 1, 2] })

const swept = (trial: Effect.Effect<Sweep.Trial, never, Scope.Scope>, options: Sweep.SweepOptions = narrow) =>
  Effect.map(Sweep.check(trial, options), ({ interrupted, timings }) => {
    assert.strictEqual(timings, options.sample)
    assert.isAbove(interrupted, timings / 4, "a sweep that comes too late sees nothing")
  })

const requests = {
  acquire: ["that is to be dialled", "that is idle", "that rests", "that rests and ends", "that comes back"],
  use: ["that is to be dialled", "that is idle", "that rests", "that rests and ends", "that comes back"],
  retry: ["that is idle", "that comes back"]
} as const

describe("Swept by interruptions", () => {
  for (const name of ["acquire", "use", "retry"] as const) {
    for (const state of requests[name]) {
      it.effect(
        `${name}, on a connection ${state}, leaves nothing behind`,
        () =>
          swept(
            Effect.gen(function* () {
              const { leaks, network, pool } = yield* prepared
              yield* Effect.orDie(states[state](pool, network))
              return { operation: operations[name](pool, during), leaks }
            }),
            wide(inAll[name] / requests[name].length)
          ),
        60_000
      )
    }
  }

  it.effect(
    "warm leaves nothing behind but the connection",
    () =>
      swept(
        Effect.gen(function* () {
          const { leaks, network, pool } = yield* prepared
          network.park()
          // A turn later, so that there is something to wait for.
          const succeeds = Effect.map(network.nextDial, (dial) =>
            setImmediate(() => (dial.state === "pending" ? dial.succeed() : undefined))
          )
          yield* Effect.forkScoped(succeeds)
          return { operation: pool.warm(a, 1), leaks }
        })
      ),
    60_000
  )

  it.effect(
    "drain refuses what comes, and the pool closes as if nothing had happened",
    () =>
      swept(
        Effect.gen(function* () {
          const { close, network, pool } = yield* prepared
          const lease = yield* Effect.orDie(pool.lease(a))
          let begun = false
          const operation = Effect.zipRight(
            Effect.sync(() => {
              begun = true
            }),
            pool.drain
          )
          setImmediate(() => setImmediate(() => lease.settle(Lease.Reusable())))
          const leaks = Effect.gen(function* () {
            const asked = ask(pool, a)
            yield* network.settle
            asked.lease?.settle(Lease.Reusable())
            yield* close
            const found: Array<string> = []
            if (asked.answers !== 1) found.push(`a request was answered ${asked.answers} times`)
            // Between the two steps the drain had not begun.
            if (asked.lease !== undefined && begun && (yield* pool.stats).created > 1) found.push("it dialled anew")
            if (network.open.length > 0) found.push(`${network.open.length} open`)
            return found
          })
          return { operation, leaks }
        })
      ),
    60_000
  )

  it.effect(
    "drainHost leaves no host that is drained for ever: an unread answer that nobody wants back sets no limit in time",
    () =>
      swept(
        Effect.gen(function* () {
          const { leaks, network, pool } = yield* prepared
          const busy = yield* Effect.orDie(pool.lease(a))
          const after = Effect.gen(function* () {
            // In line before the connection goes, so that the host is not forgotten meanwhile.
            const next = ask(pool, a)
            busy.settle(Lease.Reusable())
            yield* network.settle
            const before = deadlines(pool)
            next.lease?.offer(() => {})
            const found = deadlines(pool) > before ? ["the host is being drained"] : []
            next.lease?.settle(Lease.Reusable())
            return [...found, ...(yield* leaks)]
          })
          return { operation: pool.drainHost(a), leaks: after }
        })
      ),
    60_000
  )

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
