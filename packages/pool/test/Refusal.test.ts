/** A refusal at a glance is the one that a request would have got, and never comes where a request would not get one. */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { a, ask, b, onOpenNetwork } from "./support/stories.js"

describe("A refusal at a glance", () => {
  it.effect("comes only while connections and line are full", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 1 }, function* ({ pool }) {
      const { refusal } = pool.unsafe
      assert.isUndefined(refusal(a), "nobody knows this host")
      const lease = yield* pool.lease(a)
      assert.isUndefined(refusal(a), "one may wait")
      const waiter = ask(pool, a)
      assert.strictEqual(refusal(a)?.maxPending, 1)
      assert.isUndefined(refusal(b), "another host")
      waiter.cancel()
      assert.isUndefined(refusal(a), "one may wait again")
      lease.settle({ _tag: "Reusable", idleFor: undefined, remaining: undefined })
      assert.strictEqual((yield* pool.stats).pendingLimitReached, 1)
    })
  )

  it.effect("has the numbers, the message, the count and the event of any other", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 0 }, function* ({ pool }) {
      yield* pool.lease(a)
      const told = yield* pool.subscribe
      const glanced = pool.unsafe.refusal(a)
      const { error } = ask(pool, a)
      assert.deepStrictEqual(glanced, error)
      assert.strictEqual(glanced?.message, error?.message)
      assert.notMatch(glanced?.stack ?? "", /\n\s+at /)
      assert.strictEqual((yield* pool.stats).pendingLimitReached, 2)
      const [first, second] = Chunk.toReadonlyArray(yield* Queue.takeAll(told))
      assert.strictEqual(first?._tag, "Refused")
      assert.deepStrictEqual(first, second)
    })
  )

  it.effect("comes not from within a callback of the pool, where nothing is decided yet", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 0 }, function* ({ pool }) {
      const seen: Array<unknown> = []
      pool.unsafe.request(a, { onLease: () => seen.push(pool.unsafe.refusal(a)), onRefused: () => {} })
      yield* Effect.yieldNow()
      yield* pool.warm(a, 1)
      assert.deepStrictEqual(seen, [undefined])
      assert.isDefined(pool.unsafe.refusal(a))
    })
  )
})
