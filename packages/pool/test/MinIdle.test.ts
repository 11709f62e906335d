/**
 * Idle connections that a host should always have, and how fast they are replaced.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Connector, Lease } from "@hotaru/pool"
import { FakeSocket } from "@hotaru/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { answered, counts, fates, give, pendingDials, toldOf } from "./support/peers.js"
import { a, ask, b, type Here, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

const never = "1000 days"

/** The seconds at which dials begin, all of which fail at once, in the next `seconds`. */
const dialsWithin = ({ network, story }: Here, seconds: number) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    for (let second = 0; second <= seconds; second++) {
      yield* story.settle
      while (network.untaken.length > 0) {
        times.push(second)
        yield* story.dialFails(yield* story.expectDial())
      }
      if (second < seconds) yield* TestClock.adjust("1 second")
    }
    return times
  })

describe("minIdlePerHost", () => {
  it.effect("a connection that its peer has closed is replaced at once, as is one that is on lease", () =>
    onOpenNetwork({ minIdlePerHost: 2 }, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      yield* story.settle
      assert.deepStrictEqual(yield* counts(pool), { idle: 2, active: 1, opening: 0, waiting: 0 })
      answered(lease, network)
      assert.deepStrictEqual(yield* counts(pool), { idle: 3, active: 0, opening: 0, waiting: 0 })
      socketOf(lease, network).end()
      yield* story.settle
      assert.strictEqual(network.dials.length, 3)
      const next = ask(pool, a).held
      yield* story.settle
      assert.deepStrictEqual(yield* counts(pool), { idle: 2, active: 1, opening: 0, waiting: 0 })
      answered(next, network)
      socketOf(next, network).end()
      const [one, two] = [ask(pool, a).held, ask(pool, a).held]
      yield* story.settle
      assert.deepStrictEqual(yield* counts(pool), { idle: 2, active: 2, opening: 0, waiting: 0 })
      give(one)
      give(two)
      yield* pool.drain
    })
  )

  it.effect("so are those that were cleared, evicted, drained or had idled for too long", () =>
    onOpenNetwork({ minIdlePerHost: 2, idleTimeout: "1 minute" }, function* ({ network, pool, story }) {
      give(yield* pool.lease(a))
      yield* story.settle
      const idle = Effect.map(pool.stats, (stats) => stats.pooledConnections)
      for (const end of [
        pool.clear,
        pool.evict(a),
        pool.drainHost(a),
        TestClock.adjust("2 minutes"),
        TestClock.adjust("2 minutes")
      ]) {
        const before = network.sockets.length
        yield* end
        yield* story.settle
        assert.strictEqual(yield* idle, 2)
        assert.isAbove(network.sockets.length, before)
        assert.strictEqual(network.open.length, 2)
      }
      yield* pool.drain
    })
  )

  it.effect("while dials fail they are begun ever more rarely: after 1, 2, 4, 8, 16, then every 30 seconds", () =>
    onPool({ minIdlePerHost: 1, maxConnectingPerHost: 1, cleanupInterval: never }, function* (here) {
      const { pool, story } = here
      const first = ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(a))
      assert.isDefined(first.error)
      assert.deepStrictEqual(yield* dialsWithin(here, 130), [1, 3, 7, 15, 31, 61, 91, 121])
      yield* pool.drain
    })
  )

  it.effect("one after the other, however many lack", () =>
    onPool({ minIdlePerHost: 5, cleanupInterval: never }, function* (here) {
      const { network, pool, story } = here
      const first = ask(pool, a)
      for (let i = 0; i < 6; i++) yield* story.dialFails(yield* story.expectDial(a))
      assert.isDefined(first.error)
      yield* TestClock.adjust("30 seconds")
      const dial = yield* story.expectDial(a)
      yield* story.expectNoDial
      yield* story.dialSucceeds(dial)
      yield* story.settle
      assert.strictEqual(pendingDials(network), 4)
      yield* pool.drain
    })
  )

  it.effect("one that nobody used and the peer closes after half a minute is replaced at once, however often", () =>
    onOpenNetwork({ minIdlePerHost: 1, cleanupInterval: never }, function* ({ network, pool, story }) {
      ask(pool, a).cancel()
      yield* story.settle
      for (let i = 1; i <= 4; i++) {
        assert.strictEqual(network.sockets.length, i)
        yield* TestClock.adjust("30 seconds")
        network.sockets[i - 1]?.end()
        yield* story.settle
      }
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 0, opening: 0, waiting: 0 })
      yield* pool.drain
    })
  )

  it.effect("an answer, and not merely a connection that opens, makes an end of the waiting", () =>
    onPool({ minIdlePerHost: 1, maxConnectingPerHost: 1, cleanupInterval: never }, function* (here) {
      const { network, pool, story } = here
      const first = ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(a))
      assert.isDefined(first.error)
      // Each is accepted and closed unused: the third dial comes two seconds after the second, as if it had failed.
      yield* TestClock.adjust("1 second")
      ;(yield* story.dialSucceeds(yield* story.expectDial(a))).end()
      yield* TestClock.adjust(1999)
      yield* story.expectNoDial
      yield* TestClock.adjust(1)
      ;(yield* story.dialSucceeds(yield* story.expectDial(a))).end()
      yield* TestClock.adjust(3999)
      yield* story.expectNoDial
      yield* TestClock.adjust(1)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(a))
      const lease = ask(pool, a).held
      answered(lease, network)
      socket.end()
      // It has carried an answer, so its end says nothing.
      const good = yield* story.dialSucceeds(yield* story.expectDial(a))
      good.end()
      yield* TestClock.adjust(999)
      yield* story.expectNoDial
      yield* TestClock.adjust(1)
      yield* story.expectDial(a)
      yield* pool.drain
    })
  )

  it.effect("a dial that fails beside a busy connection is followed by the next, though nothing else happens", () =>
    onPool({ minIdlePerHost: 1, cleanupInterval: never }, function* (here) {
      const { pool, story } = here
      const busy = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isDefined(busy.lease)
      assert.deepStrictEqual(yield* dialsWithin(here, 16), [0, 1, 3, 7, 15])
      yield* pool.drain
    })
  )

  it.effect("never goes beyond the host's limits", () =>
    onOpenNetwork(
      {
        minIdlePerHost: 4,
        perHost: (key) => (key.host === a.host ? { maxIdlePerHost: 2 } : { maxConnectionsPerHost: 3 })
      },
      function* ({ network, pool, story }) {
        const leases = [yield* pool.lease(a), yield* pool.lease(b)]
        yield* TestClock.adjust("5 seconds")
        yield* story.settle
        assert.deepStrictEqual([network.maxOpen(a), network.maxOpen(b)], [3, 3])
        for (const lease of leases) give(lease)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([network.maxOpen(a), network.maxOpen(b)], [3, 3])
        yield* pool.drain
      }
    )
  )

  it.effect("takes no place from anybody at the total, and none of a request's", () =>
    onOpenNetwork(
      { minIdlePerHost: 2, maxConnections: 4, acquireTimeout: never },
      function* ({ network, pool, story }) {
        const one = yield* pool.lease(a)
        yield* story.settle
        assert.strictEqual((yield* pool.stats).pooledConnections, 2)
        const other = ask(pool, b)
        yield* story.settle
        assert.isDefined(other.lease)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([network.maxOpen(), network.maxOpen(a), network.maxOpen(b)], [4, 3, 1])
        // A request makes room where a lack does not.
        const third = ask(pool, b)
        yield* story.settle
        assert.isDefined(third.lease)
        give(one)
        give(other.held)
        give(third.held)
        yield* pool.drain
      }
    )
  )

  it.effect("hosts wait for nobody but themselves", () =>
    onPool({ minIdlePerHost: 1, maxConnectingPerHost: 1, cleanupInterval: never }, function* (here) {
      const { pool, story } = here
      ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(a))
      // Four failures in all: the next dial to a comes 8 seconds later.
      assert.deepStrictEqual(yield* dialsWithin(here, 7), [1, 3, 7])
      const other = ask(pool, b)
      const sockets = [yield* story.dialSucceeds(yield* story.expectDial(b))]
      sockets.push(yield* story.dialSucceeds(yield* story.expectDial(b)))
      give(other.held)
      for (const socket of sockets) socket.end()
      yield* TestClock.adjust("1 second")
      // One of them was never used: a second, and not eight.
      yield* story.dialSucceeds(yield* story.expectDial(b))
      yield* TestClock.adjust(6999)
      yield* story.expectNoDial
      yield* TestClock.adjust(1)
      yield* story.expectDial(a)
      yield* pool.drain
    })
  )

  it.effect("of one host is no other's", () =>
    onOpenNetwork(
      { perHost: (key) => (key.host === a.host ? { minIdlePerHost: 3 } : undefined) },
      function* ({ network, pool, story }) {
        give(yield* pool.lease(a))
        give(yield* pool.lease(b))
        yield* story.settle
        assert.deepStrictEqual([network.maxOpen(a), network.maxOpen(b)], [4, 1])
        yield* pool.drain
      }
    )
  )

  it.effect("a connector that dies does not end the care for idle connections", () => {
    let [dials, dies] = [0, true]
    const connector = Layer.succeed(Connector.Connector, {
      connect: () =>
        Effect.sync(() => {
          dials++
          if (dies) throw new Error("a connector's defect")
          return FakeSocket.make().connection
        })
    })
    return Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      const first = ask(pool, a)
      yield* TestClock.adjust(0)
      assert.strictEqual(first.error?._tag, "ConnectError")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dials, 2)
      dies = false
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([dials, (yield* pool.stats).pooledConnections], [3, 1])
    }).pipe(Effect.provide(ConnectionPool.layer({ minIdlePerHost: 1, drainTimeout: 0 }).pipe(Layer.provide(connector))))
  })

  it.effect("needs no timer while nothing lacks", () =>
    onPool({ minIdlePerHost: 1, cleanupInterval: never, connectionTimeout: never }, function* (here) {
      const { pool, story } = here
      const sleepers = Effect.map(TestClock.sleeps(), Chunk.size)
      const nothing = yield* sleepers
      const first = ask(pool, a, { timeout: Infinity })
      yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.dialSucceeds(yield* story.expectDial(a))
      answered(first.held, here.network)
      // The alarm of the dials, which rings for nothing, and the cleanup.
      assert.strictEqual(yield* sleepers, nothing + 2)
      yield* pool.drain
      yield* story.settle
    })
  )

  it.effect("is over with the pool", () =>
    onOpenNetwork({ minIdlePerHost: 3 }, function* ({ network, pool, story }) {
      const events = yield* pool.subscribe
      give(yield* pool.lease(a))
      yield* story.settle
      yield* pool.drain
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual([network.open.length, network.dials.length], [0, 4])
      assert.strictEqual((yield* toldOf(events, "Opened")).length, 4)
      assert.deepStrictEqual(fates(network), ["Drained", "Drained", "Drained", "Drained"])
      assert.strictEqual(ask(pool, a).error?._tag, "PoolClosed")
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )
})

describe("Warm-ups at the same time", () => {
  it.effect(
    "a host that is warmed up to two and to five dials five times; each ends when it has what it asked for",
    () =>
      onPool({}, function* ({ network, pool, story }) {
        const two = yield* story.start("two", pool.warm(a, 2))
        const five = yield* story.start("five", pool.warm(a, 5))
        assert.strictEqual(network.dials.length, 5)
        yield* story.dialSucceeds(yield* story.expectDial(a))
        yield* story.expectWaiting(two, five)
        yield* story.dialSucceeds(yield* story.expectDial(a))
        yield* story.expectDone(two)
        yield* story.expectWaiting(five)
        for (let i = 0; i < 3; i++) yield* story.dialSucceeds(yield* story.expectDial(a))
        yield* story.expectDone(five)
        assert.strictEqual(network.dials.length, 5)
      })
  )

  it.effect("in the other order, just so", () =>
    onPool({}, function* ({ network, pool, story }) {
      const five = yield* story.start("five", pool.warm(a, 5))
      const two = yield* story.start("two", pool.warm(a, 2))
      for (let i = 0; i < 2; i++) yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.expectDone(two)
      yield* story.expectWaiting(five)
      for (let i = 0; i < 3; i++) yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.expectDone(five)
      assert.strictEqual(network.dials.length, 5)
    })
  )

  it.effect("one that is interrupted takes nothing from the other", () =>
    onPool({}, function* ({ pool, story }) {
      const two = yield* story.start("two", pool.warm(a, 2))
      yield* story.start("five", pool.warm(a, 5))
      yield* story.interrupt("five")
      for (let i = 0; i < 2; i++) yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.expectDone(two)
      yield* pool.drain
    })
  )

  it.effect("a dial that fails fails both, though one has more hope than the other", () =>
    onPool({}, function* ({ pool, story }) {
      const two = yield* story.start("two", pool.warm(a, 2))
      const five = yield* story.start("five", pool.warm(a, 5))
      yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.dialFails(yield* story.expectDial(a))
      yield* story.expectFailed(two, "ConnectError")
      yield* story.expectFailed(five, "ConnectError")
      yield* pool.drain
    })
  )

  it.effect("at the total limit it waits for those it could get", () =>
    onPool({ maxConnections: 3 }, function* ({ network, pool, story }) {
      const warm = yield* story.start("warm", pool.warm(a, 5))
      const dials = [yield* story.expectDial(a), yield* story.expectDial(a), yield* story.expectDial(a)]
      for (const dial of dials) {
        yield* story.expectWaiting(warm)
        yield* story.dialSucceeds(dial)
      }
      yield* story.expectDone(warm)
      assert.strictEqual(network.maxOpen(), 3)
    })
  )
})

describe("The care for idle connections", () => {
  it.effect("leaves dials that requests wait for out of account", () =>
    onPool({ minIdlePerHost: 1 }, function* ({ network, pool, story }) {
      const [one, two] = [ask(pool, a), ask(pool, a)]
      yield* story.settle
      assert.strictEqual(pendingDials(network), 3)
      for (let i = 0; i < 3; i++) yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isTrue(one.lease !== undefined && two.lease !== undefined)
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 2, opening: 0, waiting: 0 })
      one.held.settle(Lease.Broken("test"))
      two.held.settle(Lease.Broken("test"))
      yield* pool.drain
    })
  )
})
