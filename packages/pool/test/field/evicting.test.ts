/**
 * Connections that are to end although they work: too old, to the wrong server, or by a rule of the user's own.
 */

import { assert, describe, it } from "@effect/vitest"
import { type Connection, type Eviction, Lease } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { a, ask, b, onOpenNetwork, onPool } from "../support/stories.js"

const give = (lease: Lease.Lease) => lease.settle(Lease.Reusable())

describe("shouldEvict", () => {
  it.effect(
    "ends the connections it says, idle ones now and busy ones when they come back, and no others (dotnet/runtime#130102)",
    () => {
      const asked: Array<Eviction.ConnectionInfo> = []
      let left = "none"
      const shouldEvict: Eviction.ShouldEvict = (connection) => {
        asked.push(connection)
        return Effect.succeed(connection.facts.remoteAddress === left)
      }
      return onPool({ shouldEvict }, function* ({ network, pool, story }) {
        const [idle, busy, other] = [ask(pool, a), ask(pool, a), ask(pool, a)]
        for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
          yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress: address })
        }
        give(idle.held)
        give(other.held)
        yield* TestClock.adjust("29 seconds")
        asked.length = 0
        left = "192.0.2.1"
        yield* TestClock.adjust("1 seconds")
        assert.deepStrictEqual(
          network.sockets.map((socket) => socket.destroyed),
          ["Evicted", undefined, undefined]
        )
        assert.deepStrictEqual(
          asked.map((one) => [Duration.toSeconds(one.age), Duration.toSeconds(one.idle), one.requests, one.leased]),
          [
            [30, 30, 1, false],
            [30, 0, 1, true],
            [30, 30, 1, false]
          ]
        )
        give(busy.held)
        assert.strictEqual(network.sockets[1]?.destroyed, "Evicted")
        // The good one is used again.
        assert.strictEqual(ask(pool, a).held.connection, network.sockets[2]?.connection)
        assert.deepStrictEqual((yield* pool.stats).closed, { Evicted: 2 })
      })
    }
  )

  it.effect("that evicts at the limit lets the waiting request dial (dotnet/runtime#130102, nodejs/undici#5144)", () =>
    onOpenNetwork({ maxConnections: 1, shouldEvict: () => Effect.succeed(true) }, function* ({ pool, story }) {
      const busy = yield* pool.lease(a)
      const [same, other] = [ask(pool, a), ask(pool, b)]
      yield* TestClock.adjust("29 seconds")
      yield* TestClock.adjust("1 seconds")
      // Somebody must come back before their thirty seconds in line are over; they asked in the first.
      assert.strictEqual(same.error?._tag, "AcquireTimeout")
      assert.strictEqual(other.error?._tag, "AcquireTimeout")
      const late = ask(pool, a)
      give(busy)
      yield* story.settle
      assert.isFalse(late.held.reused)
    })
  )
})

describe("An idle connection that is being closed", () => {
  it.effect(
    "is given to nobody, not even to a request made while it is being destroyed (node-modules/agentkeepalive#23)",
    () =>
      onOpenNetwork({ idleTimeout: "5 seconds", cleanupInterval: "1 seconds" }, function* ({ network, pool, story }) {
        const during: Array<ReturnType<typeof ask>> = []
        /** From within `destroy`, before the connection has closed, somebody asks. */
        const askInDestroy = (connection: Connection.Connection) => {
          const destroy = connection.destroy.bind(connection)
          connection.destroy = (reason) => {
            connection.destroy = destroy
            during.push(ask(pool, a))
            destroy(reason)
          }
        }
        const first = yield* pool.lease(a)
        askInDestroy(first.connection)
        give(first)
        yield* TestClock.adjust("6 seconds")
        yield* story.settle
        assert.lengthOf(during, 1)
        assert.notStrictEqual(during[0]?.held.connection, first.connection)
        assert.isTrue(during[0]?.held.connection.isOpen)
        assert.strictEqual(network.sockets[0]?.destroyed, "IdleTimeout")
        // And in the very millisecond in which its time is over, before the cleanup has seen it.
        const second = during[0]?.held
        assert.isDefined(second)
        if (second === undefined) return
        give(second)
        yield* TestClock.adjust("4999 millis")
        const atTheEnd = ask(pool, a)
        assert.strictEqual(atTheEnd.held.connection, second.connection)
        give(atTheEnd.held)
        yield* TestClock.adjust("5 seconds")
        const after = ask(pool, a)
        yield* story.settle
        assert.notStrictEqual(after.held.connection, second.connection)
      })
  )
})
