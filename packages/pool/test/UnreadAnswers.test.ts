/**
 * Answers that nobody has begun to read give their connections up to those who wait without hope, and only to them.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { answered, fates, give, toldOf } from "./support/peers.js"
import { a, ask, b, type Here, onOpenNetwork, onPool } from "./support/stories.js"

/** Who was taken back, in order. */
class Reclaimed {
  readonly names: Array<string> = []

  /** On offer under this name. `settles`: the lease ends within the call. */
  offer(name: string, lease: Lease.Lease, settles = true): void {
    lease.offer(() => {
      this.names.push(name)
      if (settles) lease.settle(Lease.Broken("BodyAbandoned"))
    })
  }
}

describe("An answer that nobody has begun to read", () => {
  it.effect("is given up for a request that waits at its host's limit, and told", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2 }, function* ({ network, pool, story }) {
      const events = yield* pool.subscribe
      const reclaimed = new Reclaimed()
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      reclaimed.offer("one", one)
      yield* TestClock.adjust(100)
      reclaimed.offer("two", two)
      const waiter = ask(pool, a)
      yield* TestClock.adjust(899)
      assert.deepStrictEqual(reclaimed.names, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(reclaimed.names, ["one"])
      yield* story.settle
      assert.isFalse(waiter.held.reused)
      assert.deepStrictEqual(fates(network), ["BodyAbandoned", undefined, undefined])
      assert.deepStrictEqual(yield* toldOf(events, "Reclaimed"), [
        PoolEvent.Reclaimed({ at: 1000, key: a, connectionId: one.connection.id, unread: 1000 })
      ])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([reclaimed.names, (yield* pool.stats).reclaimed], [["one"], 1])
    })
  )

  it.effect("that ends by being read out passes its connection on, no new one is opened", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      lease.offer(() => answered(lease, network))
      yield* TestClock.adjust("5 seconds")
      const waiter = ask(pool, a)
      yield* story.settle
      assert.strictEqual(waiter.held.connection, lease.connection)
      assert.strictEqual(network.dials.length, 1)
    })
  )

  it.effect("is nobody's to take while there is room to dial, nor while enough dials are under way", () =>
    onPool({ maxConnectionsPerHost: 3, maxIdlePerHost: 0 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const first = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      reclaimed.offer("first", first.held)
      const [two, three] = [ask(pool, a), ask(pool, a)]
      const dials = [yield* story.expectDial(a), yield* story.expectDial(a)]
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(reclaimed.names, [])
      // The fourth has neither a place nor a dial.
      const four = ask(pool, a)
      assert.deepStrictEqual(reclaimed.names, ["first"])
      for (const dial of dials) yield* story.dialSucceeds(dial)
      assert.isTrue(two.lease !== undefined && three.lease !== undefined)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isDefined(four.lease)
    })
  )

  it.effect("gives its place up where a dial has failed and the host's other connections are the only hope", () =>
    onPool({}, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const first = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      reclaimed.offer("first", first.held)
      yield* TestClock.adjust("5 seconds")
      const waiter = ask(pool, a)
      const dial = yield* story.expectDial(a)
      assert.deepStrictEqual(reclaimed.names, [])
      yield* story.dialFails(dial)
      assert.deepStrictEqual(reclaimed.names, ["first"])
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isDefined(waiter.lease)
    })
  )

  it.effect("of another host is given up where the total binds, and not where the host's own limit does", () =>
    onOpenNetwork({ maxConnections: 3, maxConnectionsPerHost: 2 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const [a1, a2, b1] = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(b)]
      reclaimed.offer("b1", b1)
      yield* TestClock.adjust(10)
      reclaimed.offer("a1", a1)
      yield* TestClock.adjust("5 seconds")
      // Its host has two already: the place of another host's connection is of no use to it.
      const more = ask(pool, a)
      assert.deepStrictEqual(reclaimed.names, ["a1"])
      yield* story.settle
      assert.isDefined(more.lease)
      const other = ask(pool, b)
      assert.deepStrictEqual(reclaimed.names, ["a1", "b1"])
      yield* story.settle
      assert.isDefined(other.lease)
      give(a2)
    })
  )

  it.effect("longest unread first, of whatever host, where the total binds", () =>
    onOpenNetwork({ maxConnections: 3 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const leases = [yield* pool.lease(a), yield* pool.lease(b), yield* pool.lease(a)]
      for (const [i, lease] of leases.entries()) {
        yield* TestClock.adjust(10)
        reclaimed.offer(String(i), lease)
      }
      yield* TestClock.adjust("5 seconds")
      const waiters = [ask(pool, b), ask(pool, b)]
      yield* story.settle
      assert.deepStrictEqual(reclaimed.names, ["0", "1"])
      assert.isTrue(waiters.every((one) => one.lease !== undefined))
    })
  )

  it.effect("is asked for once, and no second one for the same request while the first takes its time", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      reclaimed.offer("one", one, false)
      reclaimed.offer("two", two, false)
      yield* TestClock.adjust("2 seconds")
      const waiter = ask(pool, a)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(reclaimed.names, ["one"])
      // It is no longer its holder's to withdraw, or to offer anew.
      one.offer(undefined)
      reclaimed.offer("one again", one)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(reclaimed.names, ["one"])
      one.settle(Lease.Broken("BodyAbandoned"))
      yield* story.settle
      assert.isDefined(waiter.lease)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([reclaimed.names, (yield* pool.stats).reclaimed], [["one"], 1])
    })
  )

  for (const [scope, config] of [
    ["host's", { maxConnectionsPerHost: 3 }],
    ["total", { maxConnections: 3 }]
  ] as const) {
    it.effect(`at the ${scope} limit, a second request is worth a second one, though the first is still to come`, () =>
      onOpenNetwork(config, function* ({ pool, story }) {
        const reclaimed = new Reclaimed()
        const leases = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(a)]
        for (const [i, lease] of leases.entries()) {
          yield* TestClock.adjust(1)
          reclaimed.offer(String(i), lease, false)
        }
        yield* TestClock.adjust("2 seconds")
        const one = ask(pool, a)
        assert.deepStrictEqual(reclaimed.names, ["0"])
        const two = ask(pool, a)
        assert.deepStrictEqual(reclaimed.names, ["0", "1"])
        for (const lease of leases.slice(0, 2)) lease.settle(Lease.Broken("BodyAbandoned"))
        yield* story.settle
        assert.isTrue(one.lease !== undefined && two.lease !== undefined)
        assert.deepStrictEqual(reclaimed.names, ["0", "1"])
      })
    )
  }

  it.effect("two hosts that wait at the total get one each, though the first takes its time", () =>
    onOpenNetwork({ maxConnections: 2 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      reclaimed.offer("one", one, false)
      reclaimed.offer("two", two)
      yield* TestClock.adjust("2 seconds")
      const waiters = [ask(pool, b), ask(pool, a)]
      yield* TestClock.adjust("1 second")
      one.settle(Lease.Broken("BodyAbandoned"))
      yield* TestClock.adjust("1 second")
      yield* story.settle
      assert.deepStrictEqual(reclaimed.names, ["one", "two"])
      assert.isTrue(waiters.every((waiter) => waiter.lease !== undefined))
    })
  )

  it.effect("that somebody begins to read is withdrawn, and has its second anew when it is offered again", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const reclaimed = new Reclaimed()
      const lease = yield* pool.lease(a)
      reclaimed.offer("first", lease)
      const waiter = ask(pool, a)
      yield* TestClock.adjust(999)
      lease.offer(undefined)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([reclaimed.names, waiter.waiting], [[], true])
      reclaimed.offer("second", lease)
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(reclaimed.names, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(reclaimed.names, ["second"])
    })
  )

  it.effect("is kept when the request that waited has left before the second was over", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const reclaimed = new Reclaimed()
      const lease = yield* pool.lease(a)
      reclaimed.offer("lease", lease)
      const waiter = ask(pool, a)
      yield* TestClock.adjust(500)
      waiter.cancel()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(reclaimed.names, [])
      assert.isTrue(lease.connection.isOpen)
    })
  )

  it.effect("of a lease that has ended is nothing to offer", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const lease = yield* pool.lease(a)
      give(lease)
      reclaimed.offer("settled", lease)
      const next = ask(pool, a)
      assert.isDefined(next.lease)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("5 seconds")
      yield* story.settle
      assert.deepStrictEqual([reclaimed.names, waiter.waiting], [[], true])
    })
  )

  it.effect("whose reclaiming throws does not keep the next from being taken back", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2 }, function* ({ pool, story }) {
      const reclaimed = new Reclaimed()
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      one.offer(() => {
        throw new Error("no")
      })
      reclaimed.offer("two", two)
      yield* TestClock.adjust("2 seconds")
      const waiters = [ask(pool, a), ask(pool, a)]
      yield* story.settle
      assert.deepStrictEqual(reclaimed.names, ["two"])
      assert.isDefined(waiters[0]?.lease)
      one.settle(Lease.Broken("test"))
    })
  )
})

describe("When the pool drains", () => {
  const drains = ({ pool, story }: Here) => Effect.asVoid(story.start("drain", pool.drain))

  it.effect("every unread answer is taken back, once it was unread for 100 milliseconds", () =>
    onOpenNetwork({ drainTimeout: "1 minute" }, function* (here) {
      const { network, pool, story } = here
      const reclaimed = new Reclaimed()
      const [old, young, late] = [yield* pool.lease(a), yield* pool.lease(b), yield* pool.lease(a)]
      reclaimed.offer("old", old)
      yield* TestClock.adjust("5 seconds")
      reclaimed.offer("young", young)
      yield* drains(here)
      assert.deepStrictEqual(reclaimed.names, ["old"])
      yield* TestClock.adjust(50)
      // One whose head has come only now.
      reclaimed.offer("late", late)
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(reclaimed.names, ["old", "young"])
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(reclaimed.names, ["old", "young", "late"])
      yield* story.expectDone("drain")
      assert.deepStrictEqual(fates(network), ["BodyAbandoned", "BodyAbandoned", "BodyAbandoned"])
    })
  )

  it.effect("an offer goes with its connection when the time is over", () =>
    onOpenNetwork({ drainTimeout: 50 }, function* (here) {
      const reclaimed = new Reclaimed()
      const lease = yield* here.pool.lease(a)
      yield* drains(here)
      reclaimed.offer("lease", lease)
      yield* TestClock.adjust("10 seconds")
      yield* here.story.expectDone("drain")
      assert.deepStrictEqual([reclaimed.names, fates(here.network)], [[], ["DrainTimeout"]])
      reclaimed.offer("after the end", lease)
      lease.settle(Lease.Broken("PoolClosed"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(reclaimed.names, [])
    })
  )
})
