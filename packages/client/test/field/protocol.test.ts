/**
 * Bytes that came when nobody had asked for them, answers before the answer, and what is not sent at all.
 */

import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { get, kindOf, post, socketNumber } from "../support.js"
import { answer, stats, story, text } from "./support.js"

describe("A response on an idle connection", () => {
  it.effect("never answers the next request (aio-libs/aiohttp#13656, GHSA-35p6-xmwp-9g52)", () =>
    story(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      for (const arrive of ["send", "sendLater"] as const) {
        const before = network.sockets.length
        const first = yield* Effect.fork(text(get("/first")))
        const socket = yield* socketNumber(before)
        yield* answer(socket, Wire.ok("first"))
        socket[arrive](Wire.ok("poison"))
        yield* Fiber.join(first)
        const next = yield* Effect.fork(text(post("/next")))
        yield* answer(yield* socketNumber(before + 1), Wire.ok("its own", { connection: "close" }))
        assert.strictEqual(yield* Fiber.join(next), "its own")
        assert.notInclude(socket.receivedText, "/next")
      }
    })
  )

  it.effect("is not taken for a part of the one before, in whatever pieces it comes (aio-libs/aiohttp#13656)", () => {
    const server = ScriptedServer.make((request) => [Wire.ok(request.target), Wire.ok("poison")], {
      cut: Wire.piecesOf(7)
    })
    return story(function* () {
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* text(get(`/${i}`)), `/${i}`)
      // No connection was used twice.
      assert.deepStrictEqual(server.perConnection, Array(10).fill(1))
    }, server)
  })
})

describe("Answers before the answer", () => {
  it.effect(
    "are passed over, in whatever number, and cost no connection (nodejs/undici#196, nodejs/undici#5625)",
    () => {
      const interims = [100, 102, 103, 103, 199].map((status) => Wire.interim(status, { link: "</style.css>" }))
      return story(
        function* () {
          for (let i = 0; i < 3; i++) assert.strictEqual(yield* text(get()), "final")
          assert.strictEqual((yield* stats).created, 1)
        },
        ScriptedServer.always([...interims, Wire.ok("final")])
      )
    }
  )

  it.effect("are bounded: a server that sends nothing else is given up (nodejs/undici#196)", () => {
    const server = ScriptedServer.always([...Array(100).fill(Wire.interim(103)), Wire.ok("final")])
    return story(function* () {
      assert.strictEqual(kindOf(yield* Effect.flip(text(get()))), "RequestError Transport LimitExceeded")
      assert.strictEqual((yield* stats).activeConnections, 0)
    }, server)
  })
})

describe("A tunnel", () => {
  it.effect("that is asked for through HttpClient is refused typed, before a connection is (nodejs/undici#5441)", () =>
    story(function* () {
      const connect = HttpClientRequest.make("CONNECT" as "GET")("http://a.test/")
      const error = yield* Effect.flip(HttpClient.execute(connect))
      assert.strictEqual(kindOf(error), "RequestError Encode InvalidRequest")
      assert.isFalse(PooledHttpClient.isSafeToRetry(error))
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).dials.length, 0)
    })
  )

  it.effect("that nobody asked for ends its request once, typed, and is not tried again (nodejs/undici#5441)", () => {
    const server = ScriptedServer.always(Wire.head({ status: 101, headers: { upgrade: "x", connection: "upgrade" } }))
    return story(function* () {
      assert.strictEqual(kindOf(yield* Effect.flip(text(get()))), "RequestError Transport MalformedResponse")
      assert.deepStrictEqual([server.requests.length, (yield* stats).activeConnections], [1, 0])
    }, server)
  })
})

describe("Which failures a request may be sent again after", () => {
  it.effect(
    "is said by the failure itself, and is not guessed from its name (Effect-TS/effect#6019, Effect-TS/effect#5917, Effect-TS/effect#4014)",
    () =>
      story(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const safe = (fiber: Fiber.Fiber<unknown, unknown>) =>
          Effect.map(Effect.flip(Fiber.join(fiber)), PooledHttpClient.isSafeToRetry)
        for (const [request, isSafe] of [
          [get(), true],
          [post(), false]
        ] as const) {
          // The request was out, on a connection that had carried none before.
          const before = network.sockets.length
          const cut = yield* Effect.fork(text(request))
          const socket = yield* socketNumber(before)
          yield* socket.takeRequest
          socket.reset()
          assert.strictEqual(yield* safe(cut), isSafe)
        }
        network.park()
        const refused = yield* Effect.fork(text(post()))
        const dial = network.dials.length
        yield* network.settle
        network.dials[dial]?.fail()
        assert.isTrue(yield* safe(refused), "nothing was sent")
        // An answer that says no is an answer.
        network.autoAccept(ScriptedServer.always(Wire.response({ status: 503, body: "no" })))
        const exit = yield* Effect.exit(text(post()))
        assert.deepStrictEqual(exit, Exit.succeed("no"))
      })
  )

  it.effect("what can never be sent is not tried again by retryTransient (Effect-TS/effect#6019)", () =>
    story(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      let attempts = 0
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.tapRequest(() => Effect.sync(() => attempts++)),
        HttpClient.retryTransient({ times: 3 })
      )
      const bad = HttpClientRequest.setHeader(get(), "x", "a\r\nb: c")
      yield* Effect.flip(client.execute(bad))
      assert.deepStrictEqual([attempts, network.dials.length], [1, 0])
    }, ScriptedServer.always(Wire.ok()))
  )
})
