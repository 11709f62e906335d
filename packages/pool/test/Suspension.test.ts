/**
 * A pool that holds its breath: what is out goes on, whoever comes waits, and all are served when it is resumed.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { answered, counts, fates, give, idleConnections, told, toldOf } from "./support/peers.js"
import { Asked, a, ask, b, c, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

describe("While the pool is suspended", () => {
  it.effect("requests stay in line, beside idle connections and with room to dial; resumed, they are served", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool, story } = here
      const [socket] = yield* idleConnections(here, a, 1)
      yield* pool.suspend
      assert.isTrue((yield* pool.stats).suspended)
      const [first, second, other] = [ask(pool, a), ask(pool, a), ask(pool, b)]
      const scoped = yield* story.start("scoped", Effect.scoped(pool.acquire(a)))
      yield* TestClock.adjust("10 seconds")
      yield* story.expectWaiting(scoped)
      assert.deepStrictEqual([first.waiting, second.waiting, other.waiting], [true, true, true])
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 0, opening: 0, waiting: 4 })
      assert.strictEqual(network.dials.length, 1)
      yield* pool.resume
      assert.isFalse((yield* pool.stats).suspended)
      assert.strictEqual(socketOf(first.held, network), socket)
      yield* story.settle
      assert.isDefined(second.lease)
      assert.isDefined(other.lease)
      yield* story.expectDone(scoped)
    })
  )

  it.effect("the line is as long as ever, and waiting takes no longer; errors say that the pool is suspended", () =>
    onOpenNetwork({ maxPendingPerHost: 2, acquireTimeout: "5 seconds" }, function* ({ pool }) {
      yield* pool.suspend
      const [one, two, three] = [ask(pool, a), ask(pool, a), ask(pool, a)]
      assert.strictEqual(three.error?._tag, "PendingLimitReached")
      assert.match(String(three.error?.message), /the pool is suspended/)
      yield* TestClock.adjust("5 seconds")
      for (const { error } of [one, two]) {
        assert.isTrue(error?._tag === "AcquireTimeout" && error.waited === 5000 && error.numbers.suspended)
        assert.match(String(error?.message), /the pool is suspended/)
      }
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* pool.resume
      const after = ask(pool, a, { timeout: 1 })
      assert.isTrue(after.waiting)
    })
  )

  it.effect("a request may leave the line", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      yield* pool.suspend
      const one = ask(pool, a)
      assert.isTrue(one.cancel())
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* pool.resume
      assert.deepStrictEqual([one.answers, network.dials.length], [0, 0])
    })
  )

  it.effect("leases go on, and what comes back is parked, although requests wait", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* pool.suspend
      answered(held, network)
      assert.isTrue(waiter.waiting)
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 0, opening: 0, waiting: 1 })
      assert.isTrue(network.sockets[0]?.parked)
      yield* pool.resume
      assert.strictEqual(waiter.held.connection, held.connection)
      assert.isTrue(waiter.held.reused)
    })
  )

  it.effect("dials under way end and are kept for those in line", () =>
    onPool({}, function* ({ pool, story }) {
      const [first, second] = [ask(pool, a), ask(pool, a)]
      const dials = [yield* story.expectDial(a), yield* story.expectDial(a)]
      yield* pool.suspend
      const third = ask(pool, a)
      for (const dial of dials) yield* story.dialSucceeds(dial)
      assert.deepStrictEqual(yield* counts(pool), { idle: 2, active: 0, opening: 0, waiting: 3 })
      yield* story.expectNoDial
      yield* pool.resume
      assert.isTrue(first.held.reused && second.held.reused)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isFalse(third.held.reused)
      assert.deepStrictEqual([(yield* pool.stats).hits, (yield* pool.stats).misses], [0, 3])
    })
  )

  it.effect("a dial that fails takes nobody out of line; resumed, they are dialled for anew", () =>
    onPool({}, function* ({ network, pool, story }) {
      const first = ask(pool, a)
      const dial = yield* story.expectDial()
      yield* pool.suspend
      const second = ask(pool, a)
      yield* story.dialFails(dial)
      assert.deepStrictEqual([first.waiting, second.waiting, network.dials.length], [true, true, 1])
      yield* pool.resume
      yield* story.dialSucceeds(yield* story.expectDial())
      assert.isDefined(first.lease)
      yield* story.dialSucceeds(yield* story.expectDial())
      assert.isDefined(second.lease)
    })
  )

  it.effect("idle connections that end are closed as ever, and the cleanup goes on", () =>
    onOpenNetwork({ idleTimeout: "5 seconds", cleanupInterval: "1 second" }, function* (here) {
      const { network, pool } = here
      const [socket] = yield* idleConnections(here, a, 2)
      yield* pool.suspend
      socket?.end()
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(fates(network), ["PeerClosed", "IdleTimeout"])
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("a request that is sent again waits as well, keeps its place, and is given a new connection", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* (here) {
      const { network, pool, story } = here
      yield* idleConnections(here, a, 1)
      const lease = ask(pool, a).held
      lease.connection.write("ping")
      yield* pool.suspend
      const order: Array<string> = []
      const later = new Asked("later", order).begin(pool, a)
      socketOf(lease, network).reset()
      assert.isTrue(lease.allowRetry())
      lease.settle(Lease.Broken("stale"))
      const again = new Asked("again", order).begin(pool, a, { replaces: lease, fresh: true })
      yield* story.settle
      assert.deepStrictEqual([again.waiting, later.waiting, (yield* pool.stats).staleRetries], [true, true, 1])
      yield* pool.resume
      yield* story.settle
      assert.deepStrictEqual(order, ["again"])
      assert.isFalse(again.held.reused)
      answered(again.held, network)
      assert.isTrue(later.held.reused)
    })
  )

  it.effect("a warm-up waits, and goes on when it is resumed", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      yield* pool.suspend
      const warm = yield* story.start("warm", pool.warm(a, 3))
      yield* story.expectWaiting(warm)
      assert.strictEqual(network.dials.length, 0)
      yield* pool.resume
      yield* story.expectDone(warm)
      assert.strictEqual((yield* pool.stats).pooledConnections, 3)
    })
  )

  it.effect("no idle connections are replaced, and all of them afterwards", () =>
    onOpenNetwork({ minIdlePerHost: 2 }, function* (here) {
      const { network, pool, story } = here
      give(yield* pool.lease(a))
      yield* story.settle
      assert.strictEqual((yield* pool.stats).pooledConnections, 3)
      yield* pool.suspend
      yield* pool.clear
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(network.open.length, 0)
      yield* pool.resume
      yield* story.settle
      assert.strictEqual((yield* pool.stats).pooledConnections, 2)
      yield* pool.drain
    })
  )

  it.effect("no unread answer is given up for those in line, who could not be served; once resumed it is", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2 }, function* (here) {
      const { pool, story } = here
      let reclaimed = 0
      const lease = yield* pool.lease(a)
      lease.offer(() => {
        reclaimed++
        lease.settle(Lease.Broken("BodyAbandoned"))
      })
      const busy = yield* pool.lease(a)
      yield* TestClock.adjust("5 seconds")
      yield* pool.suspend
      const waiter = ask(pool, a)
      yield* TestClock.adjust("5 seconds")
      give(busy)
      assert.strictEqual(reclaimed, 0)
      const second = ask(pool, a)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(reclaimed, 0)
      yield* pool.resume
      // One is served by what lies ready; only for the other one a place is missing.
      assert.strictEqual(waiter.held.connection, busy.connection)
      yield* story.settle
      assert.strictEqual(reclaimed, 1)
      assert.isDefined(second.lease)
    })
  )
})

describe("Resumed", () => {
  it.effect("hosts are served in the order of asking, as far as the total allows", () =>
    onPool({ maxConnections: 2 }, function* ({ network, pool, story }) {
      yield* pool.suspend
      const order: Array<string> = []
      const names = [
        ["a1", a],
        ["b1", b],
        ["c1", c],
        ["a2", a],
        ["b2", b]
      ] as const
      const asked = names.map(([name, key]) => new Asked(name, order).begin(pool, key))
      yield* pool.resume
      for (const key of [a, b]) yield* story.dialSucceeds(yield* story.expectDial(key))
      yield* story.expectNoDial
      assert.deepStrictEqual(order, ["a1", "b1"])
      // c has no connection, and asked before the second requests of the others.
      answered((asked[0] as Asked).held, network)
      yield* story.dialSucceeds(yield* story.expectDial(c))
      assert.deepStrictEqual(order, ["a1", "b1", "c1"])
      assert.strictEqual(socketOf((asked[0] as Asked).held, network).destroyed, "MadeRoom")
      network.autoAccept()
      for (const one of [1, 2, 3, 4]) {
        answered((asked[one] as Asked).held, network)
        yield* story.settle
      }
      assert.sameMembers(order, ["a1", "b1", "c1", "a2", "b2"])
      assert.strictEqual(network.maxOpen(), 2)
    })
  )

  it.effect("fifty in line for one host are served in the order of asking", () =>
    onOpenNetwork({ maxConnectionsPerHost: 3 }, function* (here) {
      const { pool, story } = here
      yield* idleConnections(here, a, 3)
      yield* pool.suspend
      const order: Array<string> = []
      const asked = Array.from({ length: 50 }, (_, i) => new Asked(String(i), order).begin(pool, a))
      yield* pool.resume
      for (const one of asked) {
        give(one.held)
        yield* story.settle
      }
      assert.deepStrictEqual(
        order,
        asked.map((one) => one.name)
      )
    })
  )

  it.effect("or suspended twice, it is as if once; each is told with its moment", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const events = yield* pool.subscribe
      yield* pool.resume
      yield* pool.suspend
      yield* pool.suspend
      yield* TestClock.adjust("2 seconds")
      yield* pool.resume
      yield* pool.resume
      assert.deepStrictEqual(yield* told(events), [PoolEvent.Suspended({ at: 0 }), PoolEvent.Resumed({ at: 2000 })])
    })
  )
})

describe("A suspended pool that drains", () => {
  it.effect("serves those in line, is suspended no more, and cannot be resumed", () =>
    onPool({ maxConnectionsPerHost: 1, drainTimeout: "1 minute" }, function* ({ network, pool, story }) {
      network.autoAccept()
      const held = yield* pool.lease(a)
      yield* pool.suspend
      const waiter = ask(pool, a)
      const warm = yield* story.start("warm", pool.warm(b, 1))
      const drain = yield* story.start("drain", pool.drain)
      assert.isTrue(waiter.waiting)
      yield* story.expectFailed(warm, "PoolClosed")
      const events = yield* pool.subscribe
      yield* pool.resume
      yield* pool.suspend
      assert.deepStrictEqual([yield* told(events), (yield* pool.stats).suspended], [[], false])
      assert.strictEqual(ask(pool, a).error?._tag, "PoolClosed")
      yield* story.expectWaiting(drain)
      give(held)
      assert.strictEqual(waiter.held.connection, held.connection)
      give(waiter.held)
      yield* story.expectDone(drain)
      assert.strictEqual(network.sockets[0]?.destroyed, "Drained")
      assert.deepStrictEqual(yield* toldOf(events, "Drained"), [PoolEvent.Drained({ at: 0, took: 0, aborted: 0 })])
    })
  )

  it.effect("gives those in line what lies idle, dials for the others, and closes what is left over", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2, drainTimeout: "1 minute" }, function* (here) {
      const { network, pool, story } = here
      yield* idleConnections(here, a, 1)
      yield* idleConnections(here, b, 2)
      yield* pool.suspend
      const waiters = [ask(pool, a), ask(pool, a), ask(pool, a), ask(pool, b)]
      yield* story.start("drain", pool.drain)
      yield* story.settle
      assert.deepStrictEqual(fates(network), [undefined, undefined, "Drained", undefined])
      for (const waiter of waiters) give(waiter.held)
      yield* story.expectDone("drain")
      assert.deepStrictEqual(fates(network), ["Drained", "Drained", "Drained", "Drained"])
    })
  )

  it.effect("after it was resumed, drains as ever", () =>
    onOpenNetwork({}, function* (here) {
      yield* idleConnections(here, a, 2)
      yield* here.pool.suspend
      yield* here.pool.resume
      yield* here.pool.drain
      assert.deepStrictEqual(fates(here.network), ["Drained", "Drained"])
    })
  )
})
