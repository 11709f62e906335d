/**
 * What stands in line when a drain begins loses nothing by it: it keeps its place and is served until `drainTimeout`.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Lease, PoolError } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { fates, give, idleConnections, toldOf } from "./support/peers.js"
import { type Asked, a, ask, b, type Here, onOpenNetwork, onPool } from "./support/stories.js"

const minute = { drainTimeout: "1 minute" } as const

const asked = (here: Here, count: number): ReadonlyArray<Asked> =>
  Array.from({ length: count }, () => ask(here.pool, a))

const served = (all: ReadonlyArray<Asked>): number => all.filter((one) => one.lease !== undefined).length

const closedWith = (one: Asked): PoolError.PoolClosed => {
  assert.instanceOf(one.error, PoolError.PoolClosed)
  return one.error as PoolError.PoolClosed
}

describe("What stands in line when a drain begins", () => {
  it.effect("is served in order by the connections that come back: 40 requests over 8 connections, none lost", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 8 }, function* (here) {
      const { network, pool, story } = here
      const all = asked(here, 40)
      yield* story.settle
      const drain = yield* story.start("drain", pool.drain)
      assert.strictEqual(served(all), 8)
      for (let i = 0; i < 40; i++) {
        yield* story.expectWaiting(drain)
        assert.strictEqual(served(all), Math.min(8 + i, 40))
        give(all[i]!.held)
      }
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), Array(8).fill("Drained"))
      assert.deepInclude(yield* pool.stats, { misses: 8, hits: 32, hosts: 0 })
    })
  )

  it.effect("is dialled for, also when the connections of its host die", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1 }, function* (here) {
      const { network, pool, story } = here
      const all = asked(here, 3)
      yield* story.settle
      const drain = yield* story.start("drain", pool.drain)
      for (const one of all) {
        one.held.settle(Lease.Broken("test"))
        yield* story.settle
      }
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), ["test", "test", "test"])
    })
  )

  it.effect("takes the place of what lay idle at another host", () =>
    onOpenNetwork({ ...minute, maxConnections: 2, maxConnectionsPerHost: 1 }, function* (here) {
      const { network, pool, story } = here
      yield* idleConnections(here, b, 1)
      const all = asked(here, 2)
      yield* story.settle
      const drain = yield* story.start("drain", pool.drain)
      give(all[0]!.held)
      give(all[1]!.held)
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), ["Drained", "Drained"])
    })
  )

  it.effect("is refused when the drain's time is over, is told the numbers, and may be sent again", () =>
    onPool(
      { ...minute, maxConnectionsPerHost: 2, acquireTimeout: "10 minutes", connectionTimeout: "10 minutes" },
      function* (here) {
        const { network, pool, story } = here
        const all = asked(here, 3)
        const [dial, other] = [yield* story.expectDial(a), yield* story.expectDial(a)]
        yield* story.dialSucceeds(dial)
        yield* TestClock.adjust("5 seconds")
        const events = yield* pool.subscribe
        const drain = yield* story.start("drain", pool.drain)
        yield* TestClock.adjust(59_999)
        yield* story.expectWaiting(drain)
        assert.deepStrictEqual([all[1]!.waiting, all[2]!.waiting], [true, true])
        yield* TestClock.adjust(1)
        yield* story.expectDone(drain)
        yield* story.expectDialInterrupted(other)
        for (const one of all.slice(1)) {
          const error = closedWith(one)
          assert.isTrue(error.safeToRetry)
          assert.strictEqual(
            error.message,
            "The pool closed with a request for http://a.test:80 in line, when the drain's time was over " +
              "(drainTimeout, 60000 ms): it had waited for 65000 ms. Nothing of it was sent."
          )
        }
        assert.deepStrictEqual(fates(network), ["DrainTimeout"])
        const told = yield* toldOf(events, "Refused")
        assert.deepStrictEqual(
          told.map(({ waited }) => waited),
          [65_000, 65_000]
        )
        assert.deepInclude(yield* pool.stats, { hosts: 0, pendingAcquires: 0, openingConnections: 0 })
      }
    )
  )

  it.effect("is refused at once where the drain has no time", () =>
    onOpenNetwork({ drainTimeout: 0, maxConnectionsPerHost: 1 }, function* (here) {
      const all = asked(here, 2)
      yield* here.story.settle
      yield* here.pool.drain
      assert.isTrue(closedWith(all[1]!).safeToRetry)
    })
  )

  it.effect("waits no longer than acquireTimeout", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1, acquireTimeout: "2 seconds" }, function* (here) {
      const { pool, story } = here
      const all = asked(here, 2)
      yield* TestClock.adjust("1 second")
      const drain = yield* story.start("drain", pool.drain)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(all[1]!.error?._tag, "AcquireTimeout")
      yield* story.expectWaiting(drain)
      give(all[0]!.held)
      yield* story.expectDone(drain)
    })
  )

  it.effect("may leave: the dial that was its own is given up, and the drain is over", () =>
    onPool(minute, function* ({ pool, story }) {
      const leaver = ask(pool, a)
      const dial = yield* story.expectDial(a)
      const drain = yield* story.start("drain", pool.drain)
      leaver.cancel()
      yield* story.expectDialInterrupted(dial)
      yield* story.expectDone(drain)
    })
  )

  it.effect("fails with the dial's error where its dial fails, and the drain is over", () =>
    onPool(minute, function* ({ pool, story }) {
      const waiter = ask(pool, a)
      const dial = yield* story.expectDial(a)
      const drain = yield* story.start("drain", pool.drain)
      yield* story.dialFails(dial)
      assert.strictEqual(waiter.error?._tag, "ConnectError")
      yield* story.expectDone(drain)
    })
  )

  it.effect("is all that is dialled for: warm-ups end, and idle connections are not replaced", () =>
    onPool({ ...minute, minIdlePerHost: 2 }, function* ({ network, pool, story }) {
      const waiter = ask(pool, a)
      const dial = yield* story.expectDial(a)
      yield* story.expectDial(a)
      const warm = yield* story.start("warm", pool.warm(b, 2))
      yield* story.start("drain", pool.drain)
      yield* story.expectFailed(warm, "PoolClosed")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* pool.stats).openingConnections, 1)
      yield* story.dialSucceeds(dial)
      give(waiter.held)
      yield* story.expectDone("drain")
      assert.strictEqual(network.open.length, 0)
    })
  )

  it.effect("is served by each lease that a connection has room for", () =>
    onPool({ ...minute, maxConnectionsPerHost: 1 }, function* (here) {
      const { pool, story } = here
      const all = asked(here, 3)
      const dial = yield* story.expectDial(a)
      const drain = yield* story.start("drain", pool.drain)
      dial.succeed({ capacity: 2 })
      yield* story.settle
      assert.strictEqual(served(all), 2)
      for (const one of all) give(one.held)
      yield* story.expectDone(drain)
    })
  )

  it.effect("is served after an interruption of the drain as well", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1 }, function* (here) {
      const { pool, story } = here
      const all = asked(here, 3)
      yield* story.settle
      yield* story.start("drain", pool.drain)
      yield* story.interrupt("drain")
      assert.strictEqual(closedWith(ask(pool, a)).during, undefined)
      for (const one of all) give(one.held)
      yield* story.expectDone(yield* story.start("again", pool.drain))
    })
  )

  it.effect("is served by two drains at once until the first one's time is over", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1, acquireTimeout: "5 minutes" }, function* (here) {
      const { pool, story } = here
      const all = asked(here, 3)
      yield* story.settle
      const first = yield* story.start("first", pool.drain)
      yield* TestClock.adjust("10 seconds")
      const second = yield* story.start("second", pool.drain)
      give(all[0]!.held)
      yield* TestClock.adjust("15 seconds")
      yield* story.expectWaiting(first, second)
      assert.isDefined(all[1]!.lease)
      yield* TestClock.adjust("35 seconds")
      yield* story.expectDone(first)
      yield* story.expectDone(second)
      assert.strictEqual(closedWith(all[2]!).during, "line")
    })
  )
})

describe("A request that comes back into line while the pool drains", () => {
  for (const fresh of [true, false]) {
    it.effect(`keeps its place, and the drain waits for it (${fresh ? "sent again" : "replaced"})`, () =>
      onOpenNetwork({ ...minute, maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
        const first = yield* pool.lease(a)
        const second = ask(pool, a)
        const drain = yield* story.start("drain", pool.drain)
        // Nothing is on lease and nothing in line for a moment.
        second.cancel()
        assert.isTrue(first.allowRetry())
        first.settle(Lease.Broken("Stale"))
        const again = ask(pool, a, { replaces: first, fresh })
        yield* story.expectWaiting(drain)
        yield* story.settle
        assert.isFalse(again.held.reused)
        give(again.held)
        yield* story.expectDone(drain)
        assert.deepStrictEqual(fates(network), ["Stale", "Drained"])
        assert.strictEqual((yield* pool.stats).staleRetries, fresh ? 1 : 0)
      })
    )
  }
})

describe("What stands in line when the layer ends", () => {
  it.effect("is served within the finalizer, whose time is real, and then it is over", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.autoAccept()
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(
        ConnectionPool.make({ maxConnectionsPerHost: 1, drainTimeout: "1 hour", lifetimeJitter: 0 }),
        scope
      )
      const all = Array.from({ length: 5 }, () => ask(pool, a))
      yield* network.settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* network.settle
      for (const [i, one] of all.entries()) {
        assert.isNull(closing.unsafePoll())
        // Every other connection dies: the next one is dialled while the layer closes.
        one.held.settle(i % 2 === 0 ? Lease.Broken("test") : Lease.Reusable())
        yield* network.settle
      }
      yield* Fiber.join(closing)
      assert.deepStrictEqual([network.sockets.length, network.open.length], [3, 0])
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.live("is refused when the real time is over", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.autoAccept()
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(ConnectionPool.make({ maxConnectionsPerHost: 1, drainTimeout: 20 }), scope)
      yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(closedWith(waiter).drainTimeout, 20)
      assert.deepStrictEqual(fates(network), ["DrainTimeout"])
    }).pipe(Effect.provide(FakeNetwork.layer))
  )
})

describe("What stands in line when its host drains", () => {
  it.effect("is served in order by new connections, newcomers behind it: 40 requests over 8, none lost", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 8 }, function* (here) {
      const { network, pool, story } = here
      const all = asked(here, 40)
      yield* story.settle
      const drain = yield* story.start("drain", pool.drainHost(a))
      const newcomer = ask(pool, a)
      for (let i = 0; i < 40; i++) {
        assert.isTrue(newcomer.waiting || i > 32)
        give(all[i]!.held)
        yield* story.settle
      }
      yield* story.expectDone(drain)
      give(newcomer.held)
      assert.deepStrictEqual(fates(network), [...Array(8).fill("Drained"), ...Array(8).fill(undefined)])
    })
  )

  it.effect("takes the place of what is closed at last, and nothing in line is refused", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1, acquireTimeout: "5 minutes" }, function* (here) {
      const { network, pool, story } = here
      const all = asked(here, 2)
      yield* story.settle
      yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("1 minute")
      yield* story.expectDone("drain")
      give(all[1]!.held)
      assert.deepStrictEqual(fates(network), ["DrainTimeout", undefined])
    })
  )
})
