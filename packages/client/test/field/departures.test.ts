/**
 * Connections that come to their end while requests wait, and requests that leave while connections open: elsewhere
 * places were lost, and the next request hung for ever.
 */

import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { get, socketNumber } from "../support.js"
import { answer, idleConnection, stats, story, text } from "./support.js"

const all = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

describe("A connection past its lifetime", () => {
  it.effect("frees its place for a waiting request (nodejs/undici#5144)", () => {
    const server = ScriptedServer.always([ScriptedServer.wait("7 seconds"), Wire.ok("x")])
    return story(
      function* () {
        const requests = yield* Effect.fork(all(Array.from({ length: 6 }, () => text(get()))))
        yield* TestClock.adjust("42 seconds")
        assert.deepStrictEqual(yield* Fiber.join(requests), Array(6).fill("x"))
        assert.deepStrictEqual(server.perConnection, [2, 2, 2])
        assert.deepStrictEqual((yield* stats).closed, { MaxLifetime: 3 })
        assert.strictEqual((yield* FakeNetwork.FakeNetwork).maxOpen(), 1)
      },
      server,
      { pool: { maxConnectionsPerHost: 1, maxLifetime: "10 seconds", acquireTimeout: "1 minute" } }
    )
  })

  it.effect("is replaced however busy it is kept: its age counts from its opening (nodejs/undici#4175)", () => {
    const server = ScriptedServer.always(Wire.ok("x"))
    return story(
      function* () {
        for (let i = 0; i < 60; i++) {
          yield* text(get())
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(server.perConnection, [10, 10, 10, 10, 10, 10])
      },
      server,
      { pool: { maxLifetime: "10 seconds" } }
    )
  })
})

describe("Requests that are interrupted", () => {
  it.effect(
    "in line, while dialling, while awaiting head or body, leave every place free (encode/httpcore#1093, encode/httpcore#986, encode/httpcore#785, encode/httpcore#1099, encode/httpx#1461, encode/httpx#1171)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          // Every way in which a request can be under way, five of each at once, where there are three places.
          for (let round = 0; round < 10; round++) {
            const dialled = network.dials.length
            network.park()
            const requests = yield* Effect.fork(
              all(Array.from({ length: 20 }, (_, i) => Effect.exit(text(get(i % 2 === 0 ? "/hangs" : "/stalls")))))
            )
            yield* network.settle
            const dials = network.dials.slice(dialled).filter((dial) => dial.state === "pending")
            for (const dial of dials.slice(0, round % 3)) {
              const socket = dial.succeed()
              yield* network.settle
              if (round % 2 === 0) socket.send(Wire.head({ headers: { "content-length": "10" } }))
            }
            yield* network.settle
            yield* Fiber.interrupt(requests)
            // A body of which little is left is drained, for so long at most.
            yield* TestClock.adjust("250 millis")
            const { activeConnections, pendingAcquires } = yield* stats
            assert.deepStrictEqual([activeConnections, pendingAcquires], [0, 0])
            for (const dial of network.dials) if (dial.state === "pending") dial.fail()
          }
          network.autoAccept(ScriptedServer.always(Wire.ok("served")))
          const three = yield* all(Array.from({ length: 3 }, () => text(get())))
          assert.deepStrictEqual(three, ["served", "served", "served"])
          assert.isAtMost(network.maxOpen(), 3)
        },
        undefined,
        { pool: { maxConnectionsPerHost: 3 } }
      )
  )

  it.effect("have no say over connections that serve somebody else by now (nodejs/undici#5845)", () =>
    story(function* () {
      const socket = yield* idleConnection
      const done = yield* Effect.fork(Effect.zipLeft(text(get("/done")), Effect.never))
      yield* answer(socket, Wire.ok("x"))
      const next = yield* Effect.fork(text(get("/next")))
      yield* socket.takeRequest
      yield* Fiber.interrupt(done)
      socket.send(Wire.ok("next"))
      assert.strictEqual(yield* Fiber.join(next), "next")
      assert.strictEqual((yield* stats).created, 1)
    })
  )
})

describe("Requests that leave, fail and come at the limit", () => {
  it.effect(
    "deadlock nobody: whoever stays is served (golang/go#32336, golang/go#33850, golang/go#45570, golang/go#34941, golang/go#65705)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          network.park()
          const leavers = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.fork(text(get("/leaves"))))
          const stayers = yield* Effect.forEach(Array.from({ length: 10 }), (_, i) => Effect.fork(text(get(`/${i}`))))
          yield* network.settle
          const [one, two] = network.dials
          // All in one turn: some leave, a dial fails, the other succeeds, the rest leave.
          for (const fiber of leavers.slice(0, 5)) yield* Fiber.interruptFork(fiber)
          one?.fail()
          const socket = two?.succeed()
          for (const fiber of leavers.slice(5)) yield* Fiber.interruptFork(fiber)
          network.autoAccept(ScriptedServer.make((request) => Wire.ok(request.target)))
          yield* network.settle
          // Whoever was given the second dial's connection is answered, which makes room for the others.
          if (socket !== undefined && socket.destroyed === undefined) {
            const request = yield* socket.takeRequest
            socket.send(Wire.ok(request.target, { connection: "close" }))
          }
          const texts = yield* Effect.forEach(stayers, Fiber.join)
          assert.deepStrictEqual(
            texts,
            stayers.map((_, i) => `/${i}`)
          )
          assert.deepStrictEqual([(yield* stats).pendingAcquires, (yield* stats).activeConnections], [0, 0])
          assert.isAtMost(network.maxOpen(), 2)
        },
        undefined,
        { pool: { maxConnectionsPerHost: 2 } }
      )
  )
})

describe("A request on a connection that idled", () => {
  it.effect(
    "is written within one turn of the event loop, and waits for no timer (nodejs/undici#5600, nodejs/undici#5493, nodejs/undici#5606, nodejs/undici#5707)",
    () =>
      story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          const first = yield* Effect.fork(text(get("/first")))
          yield* network.poll
          const socket = network.sockets[0]
          if (socket === undefined) return assert.fail("no connection")
          yield* answer(socket, Wire.ok("x"))
          yield* Fiber.join(first)
          yield* network.poll
          for (let i = 0; i < 10; i++) {
            const fiber = yield* Effect.fork(HttpClient.post("http://a.test/"))
            yield* network.poll
            yield* answer(socket, Wire.noContent())
            yield* Fiber.join(fiber)
            yield* network.poll
            // No time has passed.
            assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
          }
          // Nor does a request that may be repeated wait for more than that.
          const { turns } = socket.counts
          const last = yield* Effect.fork(text(get("/last")))
          yield* network.poll
          yield* answer(socket, Wire.ok("x"))
          yield* Fiber.join(last)
          assert.isAtMost(socket.counts.turns - turns, 2)
          assert.strictEqual(network.sockets.length, 1)
        },
        undefined,
        { manualTurns: true }
      )
  )
})

describe("Warm-up", () => {
  it.effect(
    "has the connection open when the first request comes (nodejs/undici#317, swift-server/async-http-client#856)",
    () =>
      story(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const network = yield* FakeNetwork.FakeNetwork
        const warming = yield* Effect.fork(
          pool.warm(ConnectionKey.make({ host: "a.test", port: 80, useTls: false }), 3)
        )
        yield* network.settle
        yield* Fiber.join(warming)
        assert.strictEqual(network.dials.length, 3)
        network.park()
        const first = yield* Effect.fork(all(Array.from({ length: 3 }, () => text(get()))))
        for (let i = 0; i < 3; i++) yield* answer(yield* socketNumber(i), Wire.ok("warm"))
        assert.deepStrictEqual(yield* Fiber.join(first), ["warm", "warm", "warm"])
        assert.strictEqual(network.dials.length, 3)
      })
  )
})
