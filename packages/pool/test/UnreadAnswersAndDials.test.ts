/**
 * Requests that counted on dials under way: when those have filled the limits, or hang where dialling fails, unread
 * answers are what is left to wait for.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { counts, give } from "./support/peers.js"
import { type Asked, a, ask, b, c, type Here, onPool } from "./support/stories.js"

/** 110 unread answers, then 40 requests at once; every dial succeeds. */
const burst = ({ network, pool, story }: Here) =>
  Effect.gen(function* () {
    const openAll = Effect.gen(function* () {
      while (network.untaken.length > 0) yield* story.dialSucceeds(yield* story.expectDial(a))
    })
    const holders: Array<Asked> = []
    for (let i = 0; i < 110; i++) {
      holders.push(ask(pool, a))
      yield* story.settle
      yield* openAll
    }
    for (const { held } of holders) held.offer(() => held.settle(Lease.Broken("BodyAbandoned")))
    yield* TestClock.adjust("5 seconds")
    const asked = Array.from({ length: 40 }, () => ask(pool, a))
    for (let second = 0; second < 3; second++) {
      yield* story.settle
      yield* openAll
      yield* TestClock.adjust("1 second")
    }
    return asked
  })

describe("An unread answer is given up, though dials were under way when its time had come", () => {
  for (const limit of ["maxConnecting", "maxConnectingPerHost"] as const) {
    it.effect(
      `once they have brought the host to its limit, one at a time (${limit}), and one request is left over`,
      () =>
        onPool({ maxConnectionsPerHost: 3, [limit]: 1 }, function* ({ pool, story }) {
          const one = ask(pool, a)
          yield* story.dialSucceeds(yield* story.expectDial(a))
          let reclaimed = 0
          one.held.offer(() => {
            reclaimed++
            give(one.held)
          })
          yield* TestClock.adjust("5 seconds")
          const waiters = [ask(pool, a), ask(pool, a), ask(pool, a)]
          yield* story.dialSucceeds(yield* story.expectDial(a))
          yield* story.dialSucceeds(yield* story.expectDial(a))
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(
            waiters.map((waiter) => waiter.lease !== undefined),
            [true, true, true]
          )
          assert.strictEqual(reclaimed, 1)
        })
    )
  }

  it.effect("110 of them and 40 requests at once with the defaults: everybody is served within seconds", () =>
    onPool({}, function* (here) {
      const asked = yield* burst(here)
      assert.strictEqual(asked.filter((one) => one.lease === undefined).length, 0)
      assert.isAtLeast((yield* here.pool.stats).reclaimed, 110 + 40 - 128)
    })
  )

  it.effect("once they have brought the pool to its total, whoever they were for, and at once", () =>
    onPool({ maxConnections: 3, maxConnectingPerHost: 1 }, function* ({ pool, story }) {
      const one = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      let reclaimed = 0
      one.held.offer(() => {
        reclaimed++
        one.held.settle(Lease.Broken("BodyAbandoned"))
      })
      yield* TestClock.adjust("5 seconds")
      const [first, second] = [ask(pool, b), ask(pool, b)]
      const dial = yield* story.expectDial(b)
      const other = ask(pool, c)
      yield* story.dialSucceeds(yield* story.expectDial(c))
      yield* story.dialSucceeds(dial)
      assert.isTrue(first.lease !== undefined && other.lease !== undefined && second.waiting)
      assert.strictEqual(reclaimed, 1)
      yield* story.dialSucceeds(yield* story.expectDial(b))
      assert.isDefined(second.lease)
    })
  )

  it.effect("where the host fails, as soon as its only dial has failed as well: until then all count on it", () =>
    onPool({ maxConnectionsPerHost: 10 }, function* ({ pool, story }) {
      const one = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      let reclaimed = 0
      one.held.offer(() => {
        reclaimed++
        give(one.held)
      })
      const two = ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(a))
      const three = ask(pool, a)
      // While a host fails there is one dial to it at a time.
      const dial = yield* story.expectDial(a)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(reclaimed, 0)
      yield* story.dialFails(dial)
      assert.strictEqual(reclaimed, 1)
      assert.deepStrictEqual(
        [two, three].map((asked) => asked.lease?.connection),
        [one.held.connection, undefined]
      )
    })
  )

  it.effect("and is left alone while the dials under way are enough, however late they come", () =>
    onPool({ maxConnectionsPerHost: 3, maxConnectingPerHost: 1 }, function* ({ pool, story }) {
      const one = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      let reclaimed = 0
      one.held.offer(() => reclaimed++)
      yield* TestClock.adjust("5 seconds")
      const two = ask(pool, a)
      const dial = yield* story.expectDial(a)
      yield* TestClock.adjust("9 seconds")
      yield* story.dialSucceeds(dial)
      yield* TestClock.adjust("1 minute")
      assert.isDefined(two.lease)
      assert.strictEqual(reclaimed, 0)
      assert.deepStrictEqual(yield* counts(pool), { idle: 0, active: 2, opening: 0, waiting: 0 })
    })
  )
})

describe("No more unread answers are given up than there are requests that wait", () => {
  it.effect("in a burst of requests, most of which wait for their turn to dial", () =>
    onPool({}, function* (here) {
      yield* burst(here)
      assert.isAtMost((yield* here.pool.stats).reclaimed, 40)
    })
  )

  it.effect("where the host fails, its only dial hangs, and what is given up cannot be used again", () =>
    onPool({}, function* ({ pool, story }) {
      const holders = []
      for (let i = 0; i < 5; i++) {
        holders.push(ask(pool, a))
        yield* story.dialSucceeds(yield* story.expectDial(a))
      }
      for (const { held } of holders) held.offer(() => held.settle(Lease.Broken("BodyAbandoned")))
      const [one, two] = [ask(pool, a), ask(pool, a)]
      yield* story.dialFails(yield* story.expectDial(a))
      yield* story.expectDial(a)
      yield* TestClock.adjust("1 second")
      assert.isTrue(one.waiting && two.waiting)
      assert.isAtMost((yield* pool.stats).reclaimed, 2)
    })
  )
})
