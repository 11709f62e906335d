/**
 * What a lease promises, what a scope may conclude from its end, and leases held for too long.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connection, Lease, PoolError, type PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { a, ask, type Here, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

describe("Settling", () => {
  it.effect("with a reason of one's own for every connection does not make the count by reason grow for ever", () =>
    onOpenNetwork({}, function* ({ pool }) {
      for (let i = 0; i < 100; i++) (yield* pool.lease(a)).settle(Lease.Broken(`Reason${i}`))
      const { closed } = yield* pool.stats
      assert.strictEqual(Object.keys(closed).length, 65)
      assert.deepStrictEqual([closed.Reason0, closed.Reason63, closed.Reason64, closed.Other], [1, 1, undefined, 36])
    })
  )

  it.effect("only the first call counts, whatever the later ones say", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      assert.isFalse(lease.settled)
      ping(lease)
      assert.isTrue(lease.settled)
      const next = ask(pool, a)
      lease.settle(Lease.Broken("too late"))
      ping(lease)
      assert.isTrue(next.held.connection.isOpen, "an abort that comes after settling touches nobody else's connection")
      ping(next.held)
      next.held.settle(Lease.Spent("too late"))
      assert.deepStrictEqual([network.open.length, (yield* pool.stats).closed], [1, {}])
    })
  )

  it.effect("gives the connection to the next in line within the call", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const lease = yield* pool.lease(a)
      const waiter = ask(pool, a)
      ping(lease)
      assert.strictEqual(waiter.held.connection, lease.connection)
      assert.isTrue(waiter.held.reused)
    })
  )

  it.effect("the reasons of who settles reach the statistics", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      ;(yield* pool.lease(a)).settle(Lease.Spent("CloseToken"))
      ;(yield* pool.lease(a)).settle(Lease.Broken("ReadFailed"))
      assert.deepStrictEqual((yield* pool.stats).closed, { CloseToken: 1, ReadFailed: 1 })
      assert.deepStrictEqual(
        network.sockets.map((socket) => socket.destroyed),
        ["CloseToken", "ReadFailed"]
      )
    })
  )

  it.effect("the pool listens again, from within the call", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      const seen: Array<string> = []
      lease.connection.receiver = {
        onBytes: () => seen.push("bytes"),
        onEnd: () => seen.push("end"),
        onError: () => seen.push("error"),
        onDrain: () => {}
      }
      network.sockets[0]?.send("pong")
      ping(lease)
      network.sockets[0]?.end()
      assert.deepStrictEqual([seen, network.sockets[0]?.destroyed], [["bytes"], "PeerClosed"])
    })
  )

  it.effect("an idle connection does not keep the process alive, one on lease does", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      assert.isFalse(network.sockets[0]?.parked)
      ping(lease)
      assert.isTrue(network.sockets[0]?.parked)
      yield* pool.lease(a)
      assert.isFalse(network.sockets[0]?.parked)
    })
  )
})

type UseOfConnection = (
  here: Here,
  socket: Here["network"]["sockets"][number]
) => Effect.Effect<unknown, unknown, Scope.Scope>

/** What becomes of the connection, by how the scope around `acquire` ends and by how `use` ends. */
const fate = (expected: "kept" | (string & {}), body: UseOfConnection) =>
  Effect.gen(function* () {
    yield* onOpenNetwork({}, function* (here) {
      yield* Effect.exit(
        Effect.scoped(
          Effect.zipRight(
            here.pool.acquire(a),
            Effect.suspend(() => body(here, here.network.sockets[0] as never))
          )
        )
      )
      const outcome = here.network.sockets[0]?.destroyed ?? "kept"
      assert.strictEqual(outcome, expected, "acquire")
      assert.strictEqual((yield* here.pool.stats).activeConnections, 0)
    })
    yield* onOpenNetwork({}, function* (here) {
      yield* Effect.exit(
        here.pool.use(a, () => Effect.scoped(Effect.suspend(() => body(here, here.network.sockets[0] as never))))
      )
      assert.strictEqual(here.network.sockets[0]?.destroyed ?? "kept", expected, "use")
      assert.strictEqual((yield* here.pool.stats).activeConnections, 0)
    })
  })

describe("How a scope ends says little about its connection", () => {
  const settle =
    (settlement: Lease.Settlement): UseOfConnection =>
    ({ pool }, socket) =>
      pool.settle(socket.connection, settlement)
  const exchange: UseOfConnection = (_, socket) =>
    Effect.sync(() => {
      socket.connection.receiver = Connection.silentReceiver
      socket.connection.write("ping")
      socket.send("pong")
    })
  const both =
    (one: UseOfConnection, two: UseOfConnection): UseOfConnection =>
    (here, socket) =>
      Effect.zipRight(one(here, socket), two(here, socket))
  const fail: UseOfConnection = () => Effect.fail("no")

  it.effect("success, untouched: it goes back", () => fate("kept", () => Effect.void))
  it.effect("success, settled as reusable: it goes back", () => fate("kept", both(exchange, settle(Lease.Reusable()))))
  it.effect("success, settled as spent: it is closed, for that reason", () =>
    fate("CloseToken", both(exchange, settle(Lease.Spent("CloseToken"))))
  )
  it.effect("success, written and not settled: it is closed", () =>
    fate("Unsettled", (_, socket) => Effect.sync(() => socket.connection.write("ping")))
  )
  it.effect("success, read and not settled: it is closed", () =>
    fate("Unsettled", (_, socket) => Effect.sync(() => socket.send("hello")))
  )
  it.effect("failure, untouched: it is closed", () => fate("UseFailed", fail))
  it.effect("failure after a settled exchange (a 404 made an error): it goes back", () =>
    fate("kept", both(both(exchange, settle(Lease.Reusable())), fail))
  )
  it.effect("a defect: it is closed", () => fate("UseFailed", () => Effect.dieMessage("no")))
  it.effect("interruption: it is closed", () => fate("UseFailed", () => Effect.interrupt))
  it.effect("timeoutOption ends with success: half an exchange is closed all the same", () =>
    fate(
      "Unsettled",
      both(exchange, () =>
        Effect.zipRight(Effect.fork(TestClock.adjust("1 second")), Effect.timeoutOption(Effect.never, "1 second"))
      )
    )
  )
  it.effect("a lost race ends with success: half an exchange is closed all the same", () =>
    fate(
      "Unsettled",
      both(exchange, () => Effect.race(Effect.never, Effect.void))
    )
  )
  it.effect("either ends with success: half an exchange is closed all the same", () =>
    fate(
      "Unsettled",
      both(exchange, () => Effect.either(Effect.fail("no")))
    )
  )
  it.effect("a connection that ended under its holder is closed", () =>
    fate("PeerClosed", (_, socket) => Effect.sync(() => socket.end()))
  )
  it.effect("a holder that stopped reading gives back a connection that reads", () =>
    fate("kept", (_, socket) => Effect.sync(() => socket.connection.pause()))
  )

  it.effect("a scope that is closed already gives the connection back at once, and nobody gets to see it", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Effect.exit(Scope.extend(pool.acquire(a), scope))
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual((yield* pool.stats).pooledConnections, 1)
    })
  )

  it.effect("use answers what its function answers, and passes its failure on", () =>
    onOpenNetwork({}, function* ({ pool }) {
      assert.strictEqual(
        yield* pool.use(a, (connection, lease) => Effect.succeed(lease.connection === connection ? 42 : 0)),
        42
      )
      assert.strictEqual(yield* Effect.flip(pool.use(a, () => Effect.fail("no" as const))), "no")
      const exit = yield* Effect.exit(
        pool.use(a, (): Effect.Effect<void> => {
          throw new Error("not an effect")
        })
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual((yield* pool.stats).activeConnections, 0)
    })
  )

  it.effect("settling a connection that is on no lease does nothing", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      ping(lease)
      yield* pool.settle(lease.connection, Lease.Broken("late"))
      assert.strictEqual(network.open.length, 1)
    })
  )
})

describe("A request that replaces an earlier one", () => {
  it.effect("goes to the front of the line, with its first deadline", () =>
    onOpenNetwork({ maxConnectionsPerHost: 2, acquireTimeout: "10 seconds" }, function* ({ network, pool, story }) {
      const [first, held] = [yield* pool.lease(a), yield* pool.lease(a)]
      const [one, two] = [ask(pool, a), ask(pool, a)]
      yield* TestClock.adjust("6 seconds")
      network.park()
      first.settle(Lease.Broken("PeerClosed"))
      const again = ask(pool, a, { replaces: first })
      ping(held)
      assert.strictEqual(again.held.connection, held.connection, "it came before the two")
      assert.isTrue(one.waiting && two.waiting)
      assert.strictEqual((yield* pool.stats).staleRetries, 0)
      again.held.settle(Lease.Broken("PeerClosed"))
      const third = ask(pool, a, { replaces: again.held })
      yield* TestClock.adjust("3999 millis")
      assert.isTrue(third.waiting)
      yield* TestClock.adjust("1 millis")
      assert.instanceOf(third.error, PoolError.AcquireTimeout)
      assert.strictEqual((third.error as PoolError.AcquireTimeout).waited, 10_000)
      yield* story.settle
    })
  )

  it.effect("fresh: takes no idle connection but one opened from now on, and counts as a retry", () =>
    onPool({}, function* ({ pool, story }) {
      const events = yield* pool.subscribe
      const [x, y] = [ask(pool, a), ask(pool, a)]
      const [one, two] = [yield* story.expectDial(), yield* story.expectDial()]
      const stale = yield* story.dialSucceeds(one)
      yield* story.dialSucceeds(two)
      ping(y.held)
      x.held.settle(Lease.Broken("StaleConnection"))
      const retry = ask(pool, a, { replaces: x.held, fresh: true })
      assert.isTrue(retry.waiting)
      const socket = yield* story.dialSucceeds(yield* story.expectDial())
      assert.strictEqual(retry.held.connection, socket.connection)
      assert.isFalse(retry.held.reused)
      assert.strictEqual((yield* pool.stats).staleRetries, 1)
      const retried = Array.from(yield* Queue.takeAll(events)).filter((event) => event._tag === "Retried")
      assert.deepStrictEqual(
        retried.map((event) => (event as Extract<PoolEvent.PoolEvent, { _tag: "Retried" }>).connectionId),
        [stale.id]
      )
    })
  )

  it.effect("fresh, at the host's limit: an idle connection of its own host makes room", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      ping(lease)
      const retry = ask(pool, a, { fresh: true })
      yield* story.settle
      assert.notStrictEqual(retry.held.connection, lease.connection)
      assert.deepStrictEqual([network.sockets[0]?.destroyed, network.maxOpen()], ["MadeRoom", 1])
    })
  )

  it.effect("fresh, while the host's only connection is on lease: it makes room when it comes back", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      const retry = ask(pool, a, { fresh: true })
      ping(lease)
      yield* story.settle
      assert.notStrictEqual(retry.held.connection, lease.connection)
      assert.strictEqual(network.maxOpen(), 1)
    })
  )

  it.effect("others are not held up by it", () =>
    onPool({ maxConnectionsPerHost: 2 }, function* ({ pool, story }) {
      const held = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial())
      ask(pool, a, { fresh: true })
      yield* story.expectDial()
      ping(held.held)
      assert.isDefined(ask(pool, a).held)
    })
  )
})

describe("Leases held for too long", () => {
  const logged = () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel.label} ${Array.isArray(message) ? message.join(" ") : String(message)}`)
    })
    return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
  }

  it.effect("are reported once, with the stack of who asked, and again when they come back after all", () => {
    const { layer, lines } = logged()
    return onOpenNetwork({ leakThreshold: "10 seconds" }, function* ({ pool, story }) {
      const events = yield* pool.subscribe
      const lease = yield* pool.lease(a)
      yield* TestClock.adjust("9999 millis")
      yield* story.settle
      assert.deepStrictEqual(lines, [])
      yield* TestClock.adjust("1 minute")
      yield* story.settle
      assert.strictEqual(lines.length, 1)
      assert.match(
        lines[0] as string,
        /^WARN A connection to http:\/\/a.test:80 has been on lease for \d+ ms \(leakThreshold\) [\s\S]*at /
      )
      ping(lease)
      yield* story.settle
      assert.match(
        lines[1] as string,
        /^INFO The connection to http:\/\/a.test:80 that was reported as leaked came back after 69999 ms$/
      )
      const tags = Array.from(yield* Queue.takeAll(events)).map((event) => event._tag)
      assert.deepStrictEqual(tags.slice(2), ["Opened", "Acquired", "Leaked", "LeakReturned", "Returned"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("those that come back in time are not reported", () => {
    const { layer, lines } = logged()
    return onOpenNetwork({ leakThreshold: "10 seconds" }, function* ({ pool, story }) {
      ping(yield* pool.lease(a))
      ;(yield* pool.lease(a)).settle(Lease.Broken("test"))
      yield* TestClock.adjust("1 hour")
      yield* story.settle
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("nobody watches unless asked to", () => {
    const { layer, lines } = logged()
    return onOpenNetwork({}, function* ({ pool, story }) {
      yield* pool.lease(a)
      yield* TestClock.adjust("30 days")
      yield* story.settle
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })
})

describe("A callback that throws", () => {
  it.effect("is logged, and the others still hear of what was decided for them", () => {
    const seen: Array<string> = []
    const logger = Logger.make(({ message }) => {
      seen.push(String(Array.isArray(message) ? message[0] : message))
    })
    return onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool }) {
      const held = yield* pool.lease(a)
      const broken = {
        onLease: () => {},
        onRefused: () => {
          throw new Error("no")
        }
      }
      pool.unsafe.request(a, broken)
      const other = ask(pool, a)
      yield* Effect.fork(pool.drain)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(other.error?._tag, "PoolClosed")
      assert.deepStrictEqual(seen, ["A callback of a connection pool threw"])
      ping(held)
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})
