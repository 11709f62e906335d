/**
 * What a pool must let go of: connections that have expired, dials that nobody waits for.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Connector, Lease } from "@hotaru/pool"
import { FakeSocket } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { a, ask, keyOf, onPool } from "../support/stories.js"

describe("A connection that has expired", () => {
  it.effect(
    "is closed then, with all that its connector took for it, and not with the pool (Effect-TS/effect#8310, Effect-TS/effect#7515, zio/zio#9306)",
    () => {
      let [opened, released] = [0, 0]
      const counting = Layer.succeed(Connector.Connector, {
        connect: () =>
          Effect.acquireRelease(
            Effect.sync(() => {
              opened++
              return FakeSocket.make().connection
            }),
            () => Effect.sync(() => released++)
          )
      })
      return Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        for (let round = 0; round < 5; round++) {
          for (let i = 0; i < 100; i++) yield* Effect.scoped(pool.acquire(keyOf(`host${i}.test`)))
          assert.deepStrictEqual([opened - released, (yield* pool.stats).hosts], [100, 100])
          yield* TestClock.adjust("2 minutes")
          assert.deepStrictEqual([opened, released, (yield* pool.stats).hosts], [(round + 1) * 100, opened, 0])
          assert.isTrue(HashMap.isEmpty(yield* pool.hostStats))
        }
      }).pipe(
        Effect.provide(
          ConnectionPool.layer({ idleTimeout: "1 minute", lifetimeJitter: 0 }).pipe(Layer.provide(counting))
        )
      )
    }
  )
})

describe("Dials that nobody waits for any more", () => {
  it.effect("are no more than can be kept, and are given up in time (golang/go#76784)", () =>
    onPool(
      { maxIdlePerHost: 4, maxConnectingPerHost: 8, connectionTimeout: "10 seconds" },
      function* ({ network, pool, story }) {
        const pending = () => network.dials.filter((dial) => dial.state === "pending").length
        // A server that does not answer, and callers who are impatient, again and again.
        for (let i = 0; i < 50; i++) {
          const impatient = Array.from({ length: 10 }, () => ask(pool, a))
          yield* story.settle
          assert.strictEqual(pending(), 8)
          for (const one of impatient) one.cancel()
          yield* story.settle
          assert.strictEqual(pending(), 4)
        }
        yield* TestClock.adjust("10 seconds")
        const { closed, created, hosts, openingConnections } = yield* pool.stats
        assert.deepStrictEqual([pending(), openingConnections, hosts, created, closed], [0, 0, 0, 0, {}])
      }
    )
  )

  it.effect("serve whoever comes next, and are counted like any other (golang/go#76784)", () =>
    onPool({}, function* ({ network, pool, story }) {
      for (let i = 0; i < 5; i++) ask(pool, a).cancel()
      yield* story.settle
      const next = ask(pool, a)
      yield* story.settle
      assert.isAtMost(network.dials.length, 5)
      const socket = network.dials.find((dial) => dial.state === "pending")?.succeed()
      yield* story.settle
      assert.strictEqual(next.held.connection, socket?.connection)
      next.held.settle(Lease.Reusable())
    })
  )
})
