/**
 * What is bounded here and was not elsewhere: connections, dials, the line, hosts.
 */

import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type PoolError } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as TestClock from "effect/TestClock"
import { get, kindOf, socketNumber } from "../support.js"
import { getFrom, stats, story, text } from "./support.js"

const small = () => ScriptedServer.always(Wire.ok("x"))

/** Answers after a second. */
const slow = () => ScriptedServer.always([ScriptedServer.wait("1 second"), Wire.ok("x")])

describe("Connections", () => {
  it.effect(
    "are bounded per host and in all, whatever is asked for at once (hyperium/hyper#3785, hyperium/hyper#2236, seanmonstar/reqwest#1517)",
    () => {
      const server = slow()
      return story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          const all = yield* Effect.fork(
            Effect.forEach(
              Array.from({ length: 300 }, (_, i) => `host${i % 5}.test`),
              (host) => text(getFrom(host)),
              { concurrency: "unbounded" }
            )
          )
          for (let i = 0; i < 50; i++) yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* Fiber.join(all)).length, 300)
          assert.strictEqual(network.maxOpen(), 12)
          for (const key of HashMap.keys(yield* (yield* ConnectionPool.ConnectionPool).hostStats))
            assert.isAtMost(network.maxOpen(key), 4)
        },
        server,
        { pool: { maxConnectionsPerHost: 4, maxConnections: 12 } }
      )
    }
  )

  it.effect(
    "that idle at one host do not starve another where the total binds (nodejs/node#31942, nodejs/node#33617, nodejs/node#33385)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          yield* text(getFrom("a.test"))
          yield* text(getFrom("b.test"))
          assert.strictEqual(yield* text(getFrom("c.test")), "x")
          // The one that had been idle longest made room.
          assert.strictEqual(network.sockets[0]?.destroyed, "MadeRoom")
          assert.isUndefined(network.sockets[1]?.destroyed)
          assert.strictEqual(network.maxOpen(), 2)
        },
        small(),
        { pool: { maxConnections: 2 } }
      )
  )

  it.effect("that idle are bounded over all hosts together (nodejs/undici#4365, nodejs/undici#292)", () =>
    story(
      function* () {
        for (let i = 0; i < 60; i++) yield* text(getFrom(`host${i}.test`))
        const { closed, hosts, pooledConnections } = yield* stats
        assert.deepStrictEqual([hosts, pooledConnections, closed], [20, 20, { MadeRoom: 40 }])
      },
      small(),
      { pool: { maxConnections: 20 } }
    )
  )

  it.effect("ten at a time are kept ten, and not burnt at every round (golang/go#13801)", () =>
    story(function* () {
      const round = Effect.forEach(Array.from({ length: 10 }), () => text(get()), { concurrency: "unbounded" })
      for (let i = 0; i < 20; i++) {
        const fiber = yield* Effect.fork(round)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      }
      const { created, hits } = yield* stats
      assert.deepStrictEqual([created, hits], [10, 190])
    }, slow())
  )

  it.effect(
    "are no more than were used: a response given up midway opens none in its place (nodejs/undici#5845)",
    () => {
      const server = ScriptedServer.always([
        Wire.head({ headers: { "content-length": "10000000" } }),
        "x".repeat(1000),
        ScriptedServer.hang
      ])
      return story(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        for (let i = 0; i < 5; i++) {
          const fiber = yield* Effect.fork(text(get()))
          yield* network.settle
          yield* Fiber.interrupt(fiber)
          yield* network.settle
        }
        assert.deepStrictEqual([network.dials.length, network.open.length, server.requests.length], [5, 0, 5])
      }, server)
    }
  )

  it.effect("none is dialled for a request that has left the line (nodejs/undici#5845)", () =>
    story(
      function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const first = yield* Effect.fork(text(get("/first")))
        const socket = yield* socketNumber(0)
        yield* socket.takeRequest
        const second = yield* Effect.fork(text(get("/second")))
        yield* network.settle
        yield* Fiber.interrupt(second)
        socket.send(Wire.ok("x", { connection: "close" }))
        yield* Fiber.join(first)
        yield* network.settle
        assert.deepStrictEqual([network.dials.length, (yield* stats).hosts], [1, 0])
      },
      undefined,
      { pool: { maxConnectionsPerHost: 1 } }
    )
  )
})

describe("A host that nobody uses any more", () => {
  it.effect(
    "leaves nothing behind (nodejs/undici#4424, nodejs/undici#4425, nodejs/undici#4223, nodejs/undici#620)",
    () =>
      story(
        function* () {
          const pool = yield* ConnectionPool.ConnectionPool
          for (let i = 0; i < 2000; i++) yield* text(getFrom(`host${i}.test`))
          yield* TestClock.adjust("3 minutes")
          assert.isTrue(HashMap.isEmpty(yield* pool.hostStats))
          assert.deepStrictEqual((yield* FakeNetwork.FakeNetwork).open, [])
        },
        small(),
        { pool: { maxConnections: 100 } }
      )
  )
})

describe("The line", () => {
  it.effect(
    "is bounded in length and in time, and says so with its numbers (urllib3/urllib3#2481, mysqljs/mysql#475, taosdata/taosadapter#340)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          yield* Effect.forkScoped(text(get("/hangs")))
          yield* network.settle
          const waiting = yield* Effect.forkScoped(
            Effect.forEach(["/1", "/2"], (path) => Effect.flip(text(get(path))), { concurrency: 2 })
          )
          yield* network.settle
          const refused = yield* Effect.flip(text(get("/3")))
          assert.strictEqual(kindOf(refused), "RequestError Transport PendingLimitReached")
          assert.include(refused.message, "1 active, 0 idle, 0 opening, 2 waiting, limit 1")
          yield* TestClock.adjust("7 seconds")
          for (const error of yield* Fiber.join(waiting)) {
            assert.strictEqual(kindOf(error), "RequestError Transport AcquireTimeout")
            const cause = error.cause as PoolError.AcquireTimeout
            assert.deepStrictEqual([cause.waited, cause.numbers.active], [7000, 1])
          }
        },
        ScriptedServer.always(ScriptedServer.hang),
        { pool: { maxConnectionsPerHost: 1, maxPendingPerHost: 2, acquireTimeout: "7 seconds" } }
      )
  )
})

describe("A burst of requests", () => {
  it.effect(
    "dials sixteen at a time, and the time in line counts for no dial's timeout (nodejs/undici#3617, nodejs/undici#1228)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          network.park()
          const burst = yield* Effect.fork(
            Effect.forEach(Array.from({ length: 100 }), () => HttpClient.execute(get()), { concurrency: "unbounded" })
          )
          // Each dial takes four of the five seconds it may.
          for (let served = 0; served < 100; ) {
            yield* network.settle
            const dials = network.dials.filter((dial) => dial.state === "pending")
            assert.isAtMost(dials.length, 16)
            assert.isAtLeast(dials.length, Math.min(16, 100 - served))
            yield* TestClock.adjust("4 seconds")
            for (const dial of dials) dial.succeed()
            yield* network.settle
            const sockets = network.sockets.slice(served)
            served = network.sockets.length
            for (const socket of sockets) {
              yield* socket.takeRequest
              socket.send(Wire.head({ headers: { "content-length": "1" } }))
            }
          }
          assert.strictEqual((yield* Fiber.join(burst)).length, 100)
          assert.strictEqual((yield* stats).connectFailures, 0)
        },
        undefined,
        { pool: { connectionTimeout: "5 seconds", acquireTimeout: "1 minute" } }
      )
  )
})
