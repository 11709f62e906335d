/**
 * Who is served first, by which connection, and who has to make room for whom.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as TestClock from "effect/TestClock"
import { Asked, a, ask, b, c, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

describe("The line", () => {
  it.effect("five hundred waiters and a stream of late-comers are served in the order of asking", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 2000 }, function* ({ pool, story }) {
      const order: Array<string> = []
      const all: Array<Asked> = []
      const come = () => all.push(new Asked(String(all.length), order).begin(pool, a))
      come()
      yield* story.settle
      for (let i = 0; i < 500; i++) come()
      for (let served = 0; served < all.length; served++) {
        // Late-comers come before, and right after, the moment in which the connection comes back.
        if (served < 300) come()
        all[served]?.held.settle(Lease.Reusable())
        if (served < 300) come()
      }
      assert.strictEqual(all.length, 1101)
      assert.deepStrictEqual(
        order,
        all.map((one) => one.name)
      )
    })
  )

  it.effect("a late-comer does not pass a waiter, not even in the turn in which the connection comes back", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const held = yield* pool.lease(a)
      const waiter = yield* story.start("waiter", pool.lease(a))
      held.settle(Lease.Reusable())
      const late = yield* story.start("late-comer", pool.lease(a))
      yield* story.expectDone(waiter)
      yield* story.expectWaiting(late)
    })
  )

  it.effect("a waiter that leaves from the middle leaves no gap", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const held = yield* pool.lease(a)
      const [one, two, three] = [ask(pool, a), ask(pool, a), ask(pool, a)]
      assert.isTrue(two.cancel())
      assert.isFalse(two.cancel())
      ping(held)
      ping(one.held)
      assert.isDefined(three.held)
      assert.strictEqual(two.answers, 0)
      assert.isFalse(three.cancel())
    })
  )

  it.effect("a connection that breaks under its holder is replaced for the first in line", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const held = yield* pool.lease(a)
      const [one, two] = [ask(pool, a), ask(pool, a)]
      held.settle(Lease.Broken("test"))
      yield* story.settle
      assert.isFalse(one.held.reused)
      assert.isTrue(two.waiting)
      assert.strictEqual(network.maxOpen(), 1)
    })
  )
})

describe("The idle connections", () => {
  const idleThenTaken = (idleOrder: "fifo" | "lifo") =>
    onOpenNetwork({ idleOrder }, function* ({ network, pool }) {
      const leases = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(a)]
      for (const lease of [leases[1], leases[2], leases[0]]) ping(lease as Lease.Lease)
      const order = [ask(pool, a), ask(pool, a), ask(pool, a)].map((one) =>
        network.sockets.findIndex((s) => s.connection === one.held.connection)
      )
      assert.deepStrictEqual(order, idleOrder === "fifo" ? [1, 2, 0] : [0, 2, 1])
    })
  it.effect("fifo: the one idle longest is used first", () => idleThenTaken("fifo"))
  it.effect("lifo: the one idle shortest is used first", () => idleThenTaken("lifo"))
})

describe("Late binding", () => {
  it.effect("a waiter takes a returned connection rather than its own slow dial", () =>
    onPool({}, function* ({ network, pool, story }) {
      const first = yield* story.start("first", pool.lease(a))
      const socket = yield* story.dialSucceeds(yield* story.expectDial())
      const lease = yield* story.expectDone(first)
      const second = yield* story.start("second", pool.lease(a))
      const slow = yield* story.expectDial()
      ping(lease)
      const taken = yield* story.expectServes(socket, second)
      assert.isTrue(taken.reused)
      assert.isFalse(slow.interrupted)
      assert.strictEqual(network.dials.length, 2)
    })
  )

  it.effect("a waiter takes whichever of three dials ends first", () =>
    onPool({}, function* ({ pool, story }) {
      const asked = [ask(pool, a), ask(pool, a), ask(pool, a)]
      const dials = [yield* story.expectDial(), yield* story.expectDial(), yield* story.expectDial()]
      const third = yield* story.dialSucceeds(dials[2] as never)
      assert.strictEqual(asked[0]?.held.connection, third.connection)
      const first = yield* story.dialSucceeds(dials[0] as never)
      assert.strictEqual(asked[1]?.held.connection, first.connection)
      assert.isTrue(asked[2]?.waiting)
    })
  )

  it.effect("the dial whose waiter was served otherwise is kept; its first use is a miss that counts as reused", () =>
    onPool({}, function* ({ pool, story }) {
      const [first, second] = [ask(pool, a), ask(pool, a)]
      const [one, two] = [yield* story.expectDial(), yield* story.expectDial()]
      yield* story.dialSucceeds(one)
      ping(first.held)
      ping(second.held)
      const kept = yield* story.dialSucceeds(two)
      yield* story.expectOpen(kept)
      assert.isTrue(kept.parked)
      assert.strictEqual((yield* pool.stats).pooledConnections, 2)
      ask(pool, a)
      const third = ask(pool, a)
      assert.strictEqual(third.held.connection, kept.connection)
      // It may have died while parked, so a retry must be allowed; yet nobody used it before.
      assert.deepStrictEqual([third.held.reused, third.held.requestCount], [true, 0])
      const stats = yield* pool.stats
      assert.deepStrictEqual([stats.hits, stats.misses], [2, 2])
    })
  )

  it.effect("a cancelled request's dial serves the next request, and nobody dials twice", () =>
    onPool({}, function* ({ network, pool, story }) {
      const leaver = ask(pool, a)
      const dial = yield* story.expectDial()
      leaver.cancel()
      const next = ask(pool, a)
      yield* story.expectNoDial
      const socket = yield* story.dialSucceeds(dial)
      assert.strictEqual(next.held.connection, socket.connection)
      assert.isFalse(next.held.reused)
      assert.strictEqual(network.dials.length, 1)
    })
  )

  it.effect("a dial that nobody waits for is given up when its connection could not be kept", () =>
    onPool({ maxIdlePerHost: 1 }, function* ({ pool, story }) {
      const asked = [ask(pool, a), ask(pool, a), ask(pool, a)]
      const dials = [yield* story.expectDial(), yield* story.expectDial(), yield* story.expectDial()]
      for (const one of asked) one.cancel()
      yield* story.settle
      // One may be kept: the oldest, which has come the furthest.
      assert.deepStrictEqual(
        dials.map((dial) => dial.interrupted),
        [false, true, true]
      )
      assert.strictEqual((yield* pool.stats).openingConnections, 1)
    })
  )

  it.effect("so is one whose request a returned connection has served", () =>
    onPool({ maxIdlePerHost: 0 }, function* ({ pool, story }) {
      const [first, second] = [ask(pool, a), ask(pool, a)]
      const [one, two] = [yield* story.expectDial(), yield* story.expectDial()]
      yield* story.dialSucceeds(one)
      ping(first.held)
      assert.isDefined(second.held)
      yield* story.expectDialInterrupted(two)
      assert.strictEqual((yield* pool.stats).openingConnections, 0)
    })
  )

  it.effect("a connection that nobody waits for is bounded in time like any dial (golang/go#76784)", () =>
    onPool({ connectionTimeout: "5 seconds" }, function* ({ pool, story }) {
      const leaver = ask(pool, a)
      const dial = yield* story.expectDial()
      leaver.cancel()
      yield* TestClock.adjust("5 seconds")
      yield* story.expectDialInterrupted(dial)
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("a dial cancelled by the request that was told of its host's failure is never begun", () =>
    onPool({ maxConnectingPerHost: 1, maxIdlePerHost: 0 }, function* ({ network, pool, story }) {
      const second = new Asked("second")
      // The first request is refused with its dial's failure, and in that very callback the second one leaves.
      pool.unsafe.request(a, { onLease: () => {}, onRefused: () => second.cancel() })
      const dial = yield* story.expectDial()
      second.begin(pool, a)
      yield* story.dialFails(dial)
      yield* story.expectNoDial
      assert.deepStrictEqual(
        network.dials.filter((each) => each.state === "pending"),
        []
      )
      assert.deepStrictEqual([(yield* pool.stats).hosts, second.answers], [0, 0])
    })
  )
})

describe("Under the total limit", () => {
  it.effect("a host without a connection is served within one service time of a host that saturates the total", () =>
    onOpenNetwork({ maxConnections: 2 }, function* ({ network, pool, story }) {
      const busy = Array.from({ length: 10 }, () => ask(pool, a))
      yield* story.settle
      const poor = ask(pool, b)
      const after = ask(pool, a)
      // The line of the first host is older than the poor one's request: its oldest go first.
      for (const one of busy.slice(0, 2)) ping(one.held)
      yield* story.settle
      assert.isTrue(poor.waiting)
      for (const one of busy.slice(2, 8)) ping(one.held)
      yield* story.settle
      for (const one of busy.slice(8, 9)) ping(one.held)
      yield* story.settle
      assert.isDefined(poor.lease, "the next connection that comes back makes room")
      assert.isTrue(after.waiting)
      assert.deepStrictEqual([(yield* pool.stats).closed, network.maxOpen()], [{ MadeRoom: 1 }, 2])
    })
  )

  it.effect("two hosts that fight for the total each get their share", () =>
    onOpenNetwork({ maxConnections: 4 }, function* ({ network, pool, story }) {
      const served = { a: 0, b: 0 }
      const rounds = 60
      let asked = [
        ...Array.from({ length: 8 }, () => ["a", ask(pool, a)] as const),
        ...Array.from({ length: 8 }, () => ["b", ask(pool, b)] as const)
      ]
      for (let round = 0; round < rounds; round++) {
        yield* story.settle
        const next: typeof asked = []
        for (const [name, one] of asked) {
          if (one.lease === undefined) next.push([name, one])
          else {
            served[name]++
            ping(one.lease)
            next.push([name, ask(pool, name === "a" ? a : b)])
          }
        }
        asked = next
      }
      assert.strictEqual(network.maxOpen(), 4)
      const total = served.a + served.b
      assert.isAtLeast(total, rounds * 3)
      assert.isAtLeast(Math.min(served.a, served.b), total / 5)
    })
  )

  it.effect("free places go to the waiting host with the fewest connections, the oldest request deciding", () =>
    onOpenNetwork({ maxConnections: 3 }, function* ({ network, pool, story }) {
      const [one, two, three] = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(b)]
      network.park()
      ask(pool, a)
      ask(pool, b)
      ask(pool, c)
      const dialled = () => network.dials.slice(3).map((dial) => dial.key.host)
      one.settle(Lease.Broken("test"))
      yield* story.settle
      assert.deepStrictEqual(dialled(), ["c.test"])
      two.settle(Lease.Broken("test"))
      yield* story.settle
      assert.deepStrictEqual(dialled(), ["c.test", "a.test"])
      three.settle(Lease.Broken("test"))
      yield* story.settle
      assert.deepStrictEqual(dialled(), ["c.test", "a.test", "b.test"])
    })
  )

  it.effect("a connection that departs from one host frees its place for another", () =>
    onOpenNetwork({ maxConnections: 1 }, function* ({ pool, story }) {
      const held = yield* pool.lease(a)
      const other = ask(pool, b)
      held.settle(Lease.Spent("Closed"))
      yield* story.settle
      assert.isDefined(other.held)
    })
  )

  it.effect("ten hosts with one place between them are all served, in the order of asking", () =>
    onOpenNetwork({ maxConnections: 1 }, function* ({ network, pool, story }) {
      const order: Array<string> = []
      const asked = Array.from({ length: 10 }, (_, i) =>
        new Asked(String(i), order).begin(pool, keyOf(`host${i}.test`))
      )
      for (const one of asked) {
        yield* story.settle
        ping(one.held)
      }
      assert.deepStrictEqual(
        order,
        asked.map((one) => one.name)
      )
      assert.strictEqual(network.maxOpen(), 1)
    })
  )
})
