/**
 * Kept connections that the server has closed: the oldest complaint about every HTTP client.
 */

import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type ExchangeError, PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { get, kindOf, post, socketNumber } from "../support.js"
import { answer, idleConnection, stats, story, text } from "./support.js"

describe("A kept connection that the server has closed", () => {
  it.effect("costs a GET nothing: it is sent again on a fresh one (nodejs/node#47130, square/okhttp#2738)", () =>
    story(function* () {
      for (const die of ["end", "reset", "fail"] as const) {
        const network = yield* FakeNetwork.FakeNetwork
        const before = network.sockets.length
        const first = yield* Effect.fork(text(get("/first")))
        const old = yield* socketNumber(before)
        yield* answer(old, Wire.ok("first"))
        yield* Fiber.join(first)
        const fiber = yield* Effect.fork(text(get("/again")))
        yield* old.takeRequest
        old[die]()
        const fresh = yield* socketNumber(before + 1)
        assert.strictEqual((yield* answer(fresh, Wire.ok("saved", { connection: "close" }))).target, "/again")
        assert.strictEqual(yield* Fiber.join(fiber), "saved")
      }
      assert.strictEqual((yield* stats).staleRetries, 3)
    })
  )

  it.effect("is not written on while its end has arrived and is not seen yet (nodejs/undici#3492)", () =>
    story(function* () {
      const old = yield* idleConnection
      old.endLater()
      const fiber = yield* Effect.fork(text(post("/p")))
      yield* answer(yield* socketNumber(1), Wire.ok("posted"))
      assert.strictEqual(yield* Fiber.join(fiber), "posted")
      assert.notInclude(old.receivedText, "POST")
      assert.strictEqual((yield* stats).staleRetries, 0)
    })
  )

  it.effect(
    "fails a POST with an error that says so, and not with a bare 'other side closed' (nodejs/undici#583, nodejs/undici#2412)",
    () =>
      story(function* () {
        const old = yield* idleConnection
        const fiber = yield* Effect.fork(Effect.flip(text(post("/p"))))
        const sent = yield* old.takeRequest
        old.end()
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(kindOf(error), "RequestError Transport ConnectionBroken")
        const cause = error.cause as ExchangeError.ConnectionBroken
        assert.deepStrictEqual(
          [cause.reusedConnection, cause.responseStarted, cause.safeToRetry, cause.during],
          [true, false, false, "head"]
        )
        assert.isAtLeast(cause.bytesWritten, sent.target.length)
        assert.include(cause.message, "A reused connection broke without a byte of an answer")
      })
  )

  it.effect(
    "costs nothing where the time between two requests is just the server's keep-alive time (nodejs/node#35526)",
    () => {
      const server = ScriptedServer.always(Wire.ok("x"), { idleTimeout: "5 seconds", later: true })
      return story(function* () {
        for (let i = 0; i < 30; i++) {
          const fiber = yield* Effect.fork(Effect.all([text(get()), text(post())]))
          yield* (yield* FakeNetwork.FakeNetwork).settle
          assert.deepStrictEqual(yield* Fiber.join(fiber), ["x", "x"])
          yield* TestClock.adjust("5 seconds")
        }
        assert.strictEqual(server.requests.length, 60)
      }, server)
    }
  )

  it.effect("can be told from its response: reused, how often, and idle for how long (nodejs/node#29715)", () =>
    story(
      function* () {
        const infos: Array<PooledHttpClient.ConnectionInfo> = []
        for (let i = 0; i < 3; i++) {
          const response = yield* HttpClient.execute(get())
          infos.push(Option.getOrThrow(PooledHttpClient.connectionInfo(response)))
          yield* TestClock.adjust("3 seconds")
        }
        assert.deepStrictEqual(
          infos.map((info) => [info.reused, info.requestCount, Duration.toSeconds(info.idle)]),
          [
            [false, 0, 0],
            [true, 1, 3],
            [true, 2, 3]
          ]
        )
        assert.strictEqual(new Set(infos.map((info) => info.id)).size, 1)
      },
      ScriptedServer.always(Wire.ok("x"))
    )
  )
})

describe("A request is sent again", () => {
  it.effect(
    "after its bytes were written, if it may be repeated (hyperium/hyper#2136, hyperium/hyper#3553, hyperium/hyper-util#133)",
    () =>
      story(function* () {
        const old = yield* idleConnection
        const put = HttpClientRequest.put("http://a.test/").pipe(
          HttpClientRequest.setHeader("idempotency-key", "1"),
          HttpClientRequest.bodyText("the same bytes")
        )
        const fiber = yield* Effect.fork(text(put))
        const before = yield* old.takeRequest
        old.reset()
        const after = yield* answer(yield* socketNumber(1), Wire.ok("done"))
        assert.strictEqual(yield* Fiber.join(fiber), "done")
        assert.deepStrictEqual(after.body, before.body)
        assert.isAbove(after.body.length, 0)
      })
  )

  it.effect("never after a byte of it was written, if it may not be repeated (square/okhttp#8472)", () => {
    // Each connection serves one request and dies upon the next, which it has processed.
    const server = ScriptedServer.make((request) => (request.exchange === 1 ? Wire.ok() : ScriptedServer.reset))
    return story(function* () {
      for (let i = 0; i < 20; i++) {
        yield* text(get("/before"))
        yield* Effect.exit(text(post(`/${i}`)))
      }
      const posts = server.requests.filter((request) => request.method === "POST").map((request) => request.target)
      assert.deepStrictEqual(
        posts,
        Array.from({ length: 20 }, (_, i) => `/${i}`)
      )
      assert.isAtLeast(server.requests.filter((request) => request.exchange === 2).length, 10)
    }, server)
  })

  it.effect("only if its connection had carried another before (gatling/gatling#3609)", () => {
    const server = ScriptedServer.always(ScriptedServer.end)
    return story(function* () {
      const error = yield* Effect.flip(text(get()))
      assert.strictEqual(kindOf(error), "RequestError Transport ClosedBeforeUse")
      assert.deepStrictEqual([server.requests.length, (yield* stats).staleRetries], [1, 0])
    }, server)
  })
})

describe("A server that closes idle connections and does not say when", () => {
  /** It closes after so many seconds. */
  const server = (seconds: number) =>
    ScriptedServer.make((request) => (request.target === "/hangs" ? ScriptedServer.hang : Wire.ok("x")), {
      idleTimeout: `${seconds} seconds`
    })
  const patient = {
    pool: { idleTimeout: "1 hour", maxLifetime: "1 day", cleanupInterval: "1 hour" },
    safety: { headersTimeout: "1 day" }
  } as const

  /** Lets it close two connections that idled alike, then asks for one that has idled for nearly as long. */
  const learnsFrom = (seconds: number) =>
    Effect.gen(function* () {
      for (let i = 0; i < 2; i++) {
        yield* text(get())
        yield* TestClock.adjust(`${seconds + 1} seconds`)
      }
      assert.deepStrictEqual((yield* stats).closed, { PeerClosed: 2 })
      yield* text(get())
      const hosts = yield* (yield* ConnectionPool.ConnectionPool).hostStats
      const learned = Option.map(HashMap.findFirst(hosts, Boolean), ([, host]) => host.idleCeiling)
      assert.deepStrictEqual(Option.getOrUndefined(learned), (seconds - 1) * 1000)
      yield* TestClock.adjust(`${seconds * 1000 - 500} millis`)
      yield* text(get())
      assert.deepStrictEqual((yield* stats).closed, { PeerClosed: 2, IdleTimeout: 1 })
    })

  it.effect(
    "is learned from, and its connections are not used where it may be closing them (anthropics/claude-code#89608)",
    () =>
      story(
        function* () {
          yield* Effect.forkScoped(text(get("/hangs")))
          yield* learnsFrom(20)
        },
        server(20),
        patient
      )
  )

  it.effect("is learned from by a program that has one connection only (anthropics/claude-code#89608)", () =>
    story(
      function* () {
        yield* learnsFrom(20)
      },
      server(20),
      patient
    )
  )

  it.effect("is learned from although it waits for minutes (anthropics/claude-code#89608)", () =>
    story(
      function* () {
        yield* learnsFrom(400)
      },
      server(400),
      patient
    )
  )
})
