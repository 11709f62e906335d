/**
 * Answers that nobody reads, while others wait for their connections; leases that are never given back.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import { a, ask, onOpenNetwork } from "../support/stories.js"

describe("Answers that nobody has begun to read", () => {
  it.effect(
    "give their connections up when requests wait, longest unread first, and only then (Effect-TS/effect#3553, nodejs/undici#4364)",
    () =>
      onOpenNetwork({ maxConnectionsPerHost: 3 }, function* ({ pool, story }) {
        const order: Array<number> = []
        for (let i = 0; i < 3; i++) {
          const lease = yield* pool.lease(a)
          lease.offer(() => {
            order.push(i)
            lease.settle(Lease.Broken("BodyAbandoned"))
          })
          yield* TestClock.adjust("10 millis")
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(order, [])
        const [one, two] = [ask(pool, a), ask(pool, a)]
        yield* story.settle
        assert.isDefined(one.lease)
        assert.isDefined(two.lease)
        assert.deepStrictEqual(order, [0, 1])
        assert.strictEqual((yield* pool.stats).reclaimed, 2)
      })
  )

  it.effect("have a second before that, in which somebody may begin (Effect-TS/effect#3553)", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      let reclaimed = 0
      const lease = yield* pool.lease(a)
      lease.offer(() => {
        reclaimed++
        lease.settle(Lease.Broken("BodyAbandoned"))
      })
      const waiter = ask(pool, a)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual([waiter.waiting, reclaimed], [true, 0])
      yield* TestClock.adjust("1 millis")
      yield* story.settle
      assert.deepStrictEqual([waiter.waiting, reclaimed], [false, 1])
      // One that is being read is nobody's to take.
      waiter.held.offer(() => reclaimed++)
      waiter.held.offer(undefined)
      const next = ask(pool, a)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([next.waiting, reclaimed], [true, 1])
    })
  )
})

describe("A lease that is held for too long", () => {
  it.effect(
    "is reported with the span it was taken in and where (Effect-TS/effect#3553, bluesky-social/atproto#3819)",
    () =>
      onOpenNetwork({ leakThreshold: "30 seconds" }, function* ({ pool }) {
        const events = yield* pool.subscribe
        const held = yield* Effect.gen(function* () {
          const span = yield* Effect.currentSpan
          return ask(pool, a, { span })
        }).pipe(Effect.withSpan("the handler that forgets"), Effect.orDie)
        yield* TestClock.adjust("30 seconds")
        const [leaked] = Array.from(yield* Queue.takeAll(events)).filter((event) => event._tag === "Leaked")
        assert.isTrue(leaked?.span?._tag === "Span" && leaked.span.name === "the handler that forgets")
        assert.include(leaked?.stack, "offers.test.ts")
        assert.strictEqual(leaked?.held, 30_000)
        held.held.settle(Lease.Reusable())
        assert.deepStrictEqual(
          Array.from(yield* Queue.takeAll(events)).map((event) => event._tag),
          ["LeakReturned", "Returned"]
        )
      })
  )
})
