/**
 * Whose error is a failed dial, and who dials when.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Connector, Lease, PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { a, ask, b, onOpenNetwork, onPool } from "./support/stories.js"

describe("A failed dial", () => {
  it.effect("is the error of all who were in line when it began, if the host has no other connection", () =>
    onPool({ maxConnectingPerHost: 1 }, function* ({ pool, story }) {
      const one = ask(pool, a)
      const dial = yield* story.expectDial()
      const later = ask(pool, a)
      yield* story.dialFails(dial, { phase: "dns", code: "ENOTFOUND", detail: "no such host" })
      assert.strictEqual(one.error?.message, "Could not connect to http://a.test:80 (dns): no such host")
      // Who came after it had begun gets a dial of its own, at once.
      assert.isTrue(later.waiting)
      yield* story.dialFails(yield* story.expectDial(), { code: "ECONNREFUSED" })
      assert.include(later.error?.message, "ECONNREFUSED")
      assert.deepStrictEqual([(yield* pool.stats).connectFailures, (yield* pool.stats).hosts], [2, 0])
    })
  )

  it.effect("is nobody's while another dial to the host is under way", () =>
    onPool({}, function* ({ pool, story }) {
      const [one, two] = [ask(pool, a), ask(pool, a)]
      const [first, second] = [yield* story.expectDial(), yield* story.expectDial()]
      yield* story.dialFails(first)
      assert.isTrue(one.waiting && two.waiting)
      yield* story.expectNoDial
      yield* story.dialSucceeds(second)
      assert.isDefined(one.held)
      // The host answers again: the other request gets the dial it lacks.
      yield* story.dialSucceeds(yield* story.expectDial())
      assert.isDefined(two.held)
    })
  )

  it.effect("is everybody's when the last dial under way fails too", () =>
    onPool({}, function* ({ pool, story }) {
      const asked = [ask(pool, a), ask(pool, a), ask(pool, a)]
      const dials = [yield* story.expectDial(), yield* story.expectDial(), yield* story.expectDial()]
      for (const dial of dials) yield* story.dialFails(dial)
      assert.deepStrictEqual(
        asked.map((one) => one.error?._tag),
        ["ConnectError", "ConnectError", "ConnectError"]
      )
      yield* story.expectNoDial
    })
  )

  it.effect(
    "is nobody's while a connection is on lease: the request waits for it, and is told of the failure if it waits in vain",
    () =>
      onOpenNetwork({ acquireTimeout: "1 second" }, function* ({ network, pool, story }) {
        const held = yield* pool.lease(a)
        network.park()
        const [one, two] = [ask(pool, a), ask(pool, a)]
        yield* story.settle
        for (const dial of network.dials.slice(1)) dial.fail()
        yield* story.settle
        assert.isTrue(one.waiting && two.waiting)
        assert.strictEqual(network.dials.length, 3, "no storm of dials")
        held.settle(Lease.Reusable())
        assert.strictEqual(one.held.connection, held.connection)
        yield* TestClock.adjust("1 second")
        assert.include(two.error?.message, "the last dial failed: Could not connect to http://a.test:80")
      })
  )

  it.effect("while the last one failed, one dial at a time, begun at once by the first newcomer", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      yield* pool.lease(a)
      network.park()
      const pending = () => network.dials.filter((dial) => dial.state === "pending")
      const first = ask(pool, a)
      yield* story.settle
      pending()[0]?.fail()
      yield* story.settle
      assert.deepStrictEqual([first.waiting, pending().length], [true, 0])
      const newcomers = [ask(pool, a), ask(pool, a), ask(pool, a)]
      yield* story.settle
      assert.strictEqual(pending().length, 1)
      pending()[0]?.succeed()
      yield* story.settle
      assert.isDefined(first.held)
      // The host has recovered: each of the others gets the dial it lacks.
      assert.deepStrictEqual([newcomers.every((one) => one.waiting), pending().length], [true, 3])
    })
  )

  it.effect("a failure of our own that says nothing of what is left does not hold back the next dials", () =>
    onPool({}, function* ({ pool, story }) {
      ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(), { code: "EACCES", local: true })
      ask(pool, a)
      ask(pool, a)
      yield* story.expectDial()
      yield* story.expectDial()
    })
  )

  it.effect("says nothing about other hosts", () =>
    onPool({}, function* ({ pool, story }) {
      ask(pool, a)
      yield* story.dialFails(yield* story.expectDial(a))
      ask(pool, b)
      ask(pool, b)
      yield* story.expectDial(b)
      yield* story.expectDial(b)
    })
  )

  it.effect("a request that takes only a new connection has no hope but a dial, whatever else is open", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      const held = yield* pool.lease(a)
      ;(yield* pool.lease(a)).settle(Lease.Reusable())
      network.park()
      const retry = ask(pool, a, { fresh: true, replaces: held })
      yield* story.settle
      network.dials[2]?.fail({ code: "ECONNREFUSED" })
      yield* story.settle
      assert.include(retry.error?.message, "ECONNREFUSED")
      assert.deepStrictEqual([(yield* pool.stats).pendingAcquires, network.dials.length], [0, 3])
    })
  )

  it.effect(
    "a request that takes only a new connection and came while the dial was under way gets one of its own",
    () =>
      onOpenNetwork({ maxConnectingPerHost: 1 }, function* ({ network, pool, story }) {
        const held = yield* pool.lease(a)
        network.park()
        const first = ask(pool, a, { fresh: true })
        const retry = ask(pool, a, { fresh: true, replaces: held })
        yield* story.settle
        network.dials[1]?.fail()
        yield* story.settle
        assert.strictEqual(first.error?._tag, "ConnectError")
        assert.isTrue(retry.waiting, "its ticket is older than the dial, but it was not in line when the dial began")
        network.dials[2]?.succeed()
        yield* story.settle
        assert.isDefined(retry.held)
      })
  )
})

describe("A dial that hangs", () => {
  it.effect("ends with ConnectTimeout, is interrupted, and what it opens too late is closed", () =>
    onPool({ connectionTimeout: "5 seconds" }, function* ({ network, pool, story }) {
      const waiter = yield* story.start("waiter", pool.lease(a))
      const dial = yield* story.expectDial()
      yield* TestClock.adjust("4999 millis")
      yield* story.expectWaiting(waiter)
      yield* TestClock.adjust("1 millis")
      const error = yield* story.expectFailed(waiter, "ConnectTimeout")
      assert.strictEqual(error.message, "Could not connect to http://a.test:80 within 5000 ms (connectionTimeout)")
      yield* story.expectDialInterrupted(dial)
      assert.deepStrictEqual([network.open.length, (yield* pool.stats).connectFailures], [0, 1])
    })
  )

  it.effect(
    "a dial that had succeeded in the very turn its time was over counts as one or the other, never as both",
    () =>
      onPool({ connectionTimeout: "5 seconds" }, function* ({ network, pool, story }) {
        const waiter = yield* story.start("waiter", pool.lease(a))
        const dial = yield* story.expectDial()
        dial.succeed()
        yield* TestClock.adjust("5 seconds")
        yield* story.settle
        const stats = yield* pool.stats
        assert.strictEqual(stats.created + stats.connectFailures, 1)
        assert.strictEqual(network.open.length, stats.activeConnections)
        assert.isDefined(waiter.exit)
      })
  )
})

describe("A connection that dies before it was used", () => {
  it.effect("when it was dead on arrival: the waiter hears of it, as of a failed dial", () =>
    onPool({}, function* ({ network, pool, story }) {
      const waiter = ask(pool, a)
      const dial = yield* story.expectDial()
      dial.succeed().end()
      yield* story.settle
      assert.include(waiter.error?.message, "(before-use): the peer accepted the connection and closed it at once")
      assert.deepStrictEqual([network.open.length, (yield* pool.stats).hosts], [0, 0])
    })
  )

  it.effect("when it was parked: the next dials go one at a time", () =>
    onPool({}, function* ({ network, pool, story }) {
      yield* story.start("warm", pool.warm(a, 2))
      const [one, two] = [yield* story.expectDial(), yield* story.expectDial()]
      const kept = yield* story.dialSucceeds(one)
      const socket = yield* story.dialSucceeds(two)
      socket.reset()
      yield* story.expectClosed(socket, "PeerReset")
      yield* story.expectOpen(kept)
      const asked = [ask(pool, a), ask(pool, a), ask(pool, a)]
      assert.strictEqual(asked[0]?.held.connection, kept.connection)
      yield* story.expectDial()
      yield* story.expectNoDial
      assert.strictEqual(network.dials.length, 3)
    })
  )

  it.effect("one that was used before says nothing about the host", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      const leases = [yield* pool.lease(a), yield* pool.lease(a)]
      for (const lease of leases) lease.settle(Lease.Reusable())
      network.park()
      network.sockets[1]?.reset()
      for (let i = 0; i < 4; i++) ask(pool, a)
      yield* story.settle
      assert.strictEqual(network.dials.filter((dial) => dial.state === "pending").length, 3)
    })
  )
})

describe("A connector at fault", () => {
  const withConnector = (connect: Connector.ConnectorShape["connect"]) =>
    Effect.scoped(
      Effect.gen(function* () {
        const pool = yield* ConnectionPool.make({ drainTimeout: 0 })
        const error = yield* Effect.flip(pool.lease(a))
        return [error, yield* pool.stats] as const
      })
    ).pipe(Effect.provideService(Connector.Connector, { connect }))

  it.effect("that throws instead of answering an effect fails its dial", () =>
    Effect.gen(function* () {
      const [error, stats] = yield* withConnector(() => {
        throw new Error("not today")
      })
      assert.instanceOf(error, PoolError.ConnectError)
      assert.include(error.message, "the connector died: Error: not today")
      assert.deepStrictEqual([stats.openingConnections, stats.connectFailures, stats.hosts], [0, 1, 0])
    })
  )

  it.effect("that dies fails its dial, and the failure is our own", () =>
    Effect.gen(function* () {
      const [error] = yield* withConnector(() => Effect.dieMessage("not today"))
      assert.isTrue(error instanceof PoolError.ConnectError && error.local)
    })
  )

  it.effect("that interrupts itself fails its dial", () =>
    Effect.gen(function* () {
      const [error] = yield* withConnector(() => Effect.interrupt)
      assert.include(error.message, "the dial was interrupted from outside the pool")
    })
  )
})
