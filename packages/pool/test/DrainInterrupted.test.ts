/**
 * A pool whose scope ends because its fiber was interrupted drains as any other: what a finalizer merely makes
 * interruptible would end at once in an interrupted fiber.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type Connector, Lease, type PoolConfig, PoolEvent } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { fates, give, toldOf } from "./support/peers.js"
import { a, b } from "./support/stories.js"

/** The fiber that made the pool is interrupted; one connection is busy, one idle. */
const interrupted = (config: Partial<PoolConfig.PoolConfig>) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const ready = yield* Deferred.make<ConnectionPool.ConnectionPoolShape>()
    const lives = Effect.gen(function* () {
      yield* Deferred.succeed(ready, yield* ConnectionPool.make(config))
      yield* Effect.never
    })
    const fiber = yield* Effect.fork(Effect.scoped(lives))
    const pool = yield* Deferred.await(ready)
    const events = yield* pool.subscribe
    const [busy, idle] = [yield* pool.lease(a), yield* pool.lease(b)]
    give(idle)
    const ending = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* network.settle
    return { busy, ending, events, network }
  })

const onNetwork = <A, E>(story: Effect.Effect<A, E, Connector.Connector | FakeNetwork.FakeNetwork | Scope.Scope>) =>
  story.pipe(Effect.scoped, Effect.provide(FakeNetwork.layerWith({ autoAccept: true })))

describe("The finalizer of a pool in an interrupted fiber", () => {
  for (const drainTimeout of [Number.POSITIVE_INFINITY, "10 seconds"] as const) {
    it.effect(`waits for what is busy, with a drainTimeout of ${drainTimeout}, and ends with it`, () =>
      onNetwork(
        Effect.gen(function* () {
          const { busy, ending, events, network } = yield* interrupted({ drainTimeout })
          yield* TestClock.adjust("9 seconds")
          assert.isNull(ending.unsafePoll())
          assert.deepStrictEqual(fates(network), [undefined, "Drained"])
          give(busy)
          yield* Fiber.join(ending)
          assert.deepStrictEqual(fates(network), ["Drained", "Drained"])
          assert.deepStrictEqual(yield* toldOf(events, "Drained"), [
            PoolEvent.Drained({ at: 9000, took: 9000, aborted: 0 })
          ])
        })
      )
    )
  }

  it.effect("without a limit waits for as long as it takes", () =>
    onNetwork(
      Effect.gen(function* () {
        const { busy, ending, network } = yield* interrupted({ drainTimeout: Number.POSITIVE_INFINITY })
        yield* TestClock.adjust("1000 days")
        assert.isNull(ending.unsafePoll())
        busy.settle(Lease.Broken("test"))
        yield* Fiber.join(ending)
        assert.deepStrictEqual(fates(network), ["test", "Drained"])
      })
    )
  )

  it.effect("closes what is still busy when the time is over, which is real time: nobody advances this clock", () =>
    onNetwork(
      Effect.gen(function* () {
        const { ending, events, network } = yield* interrupted({ drainTimeout: "50 millis" })
        yield* Fiber.join(ending)
        assert.deepStrictEqual(fates(network), ["DrainTimeout", "Drained"])
        assert.deepStrictEqual(
          (yield* toldOf(events, "Drained")).map(({ aborted }) => aborted),
          [1]
        )
      })
    )
  )
})
