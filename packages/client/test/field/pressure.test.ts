/**
 * What the client tells the pool: of answers that nobody reads, of peers that have fallen silent, of retries that fail.
 */

import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import { get, kindOf } from "../support.js"
import { stats, story, text } from "./support.js"

const large = [Wire.head({ headers: { "content-length": "10000000" } }), "x".repeat(100_000), ScriptedServer.hang]

describe("A large answer that nobody reads", () => {
  const server = () => ScriptedServer.make((request) => (request.target === "/large" ? large : Wire.ok("small")))

  it.effect(
    "gives its connection up when another request waits for it (Effect-TS/effect#3553, nodejs/undici#4364)",
    () =>
      story(
        function* () {
          const unread = yield* HttpClient.execute(get("/large"))
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual((yield* stats).closed, {})
          const waiting = yield* Effect.fork(text(get("/small")))
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual(yield* Fiber.join(waiting), "small")
          assert.strictEqual((yield* stats).reclaimed, 1)
          // Whoever comes to read it after all is told.
          assert.strictEqual(kindOf(yield* Effect.flip(unread.text)), "ResponseError Decode BodyAbandoned")
        },
        server(),
        { pool: { maxConnectionsPerHost: 1 } }
      )
  )

  it.effect("keeps it while somebody reads, however slowly (Effect-TS/effect#3553)", () =>
    story(
      function* () {
        const response = yield* HttpClient.execute(get("/large"))
        yield* Effect.forkScoped(response.text.pipe(HttpSafety.withLimits({ maxBodySize: Number.POSITIVE_INFINITY })))
        yield* TestClock.adjust("1 seconds")
        const waiting = yield* Effect.fork(Effect.flip(text(get("/small"))))
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(kindOf(yield* Fiber.join(waiting)), "RequestError Transport AcquireTimeout")
        assert.strictEqual((yield* stats).reclaimed, 0)
      },
      server(),
      { pool: { maxConnectionsPerHost: 1 }, safety: { maxBodySize: 20_000_000 } }
    )
  )

  it.effect("is reported with the span of its request if it is held for long (Effect-TS/effect#3553)", () =>
    story(
      function* () {
        const events = yield* (yield* ConnectionPool.ConnectionPool).subscribe
        const unread = yield* Effect.withSpan(HttpClient.execute(get("/large")), "the handler that forgets")
        yield* TestClock.adjust("5 seconds")
        const [leaked] = Array.from(yield* Queue.takeAll(events)).filter((event) => event._tag === "Leaked")
        const span = leaked?.span
        assert.strictEqual(span?._tag === "Span" ? span.name : undefined, "http.client GET")
        assert.strictEqual(unread.status, 200)
      },
      server(),
      { pool: { leakThreshold: "5 seconds" } }
    )
  )
})

describe("A peer that has fallen silent", () => {
  /** Three connections kept, and from then on not a byte. */
  const threeKept = (answers: { silent: boolean }) =>
    Effect.gen(function* () {
      yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(text(get())), { concurrency: "unbounded" })
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual([(yield* stats).pooledConnections, (yield* stats).created], [3, 3])
      answers.silent = true
      yield* TestClock.adjust("10 seconds")
    })
  const serverOf = (answers: { silent: boolean }) =>
    ScriptedServer.make((request) =>
      answers.silent && request.connection <= 3
        ? ScriptedServer.hang
        : [ScriptedServer.wait("100 millis"), Wire.ok("x")]
    )

  it.effect(
    "costs one headersTimeout and not one for each kept connection (square/okhttp#3146, oven-sh/bun#31894, golang/net#169)",
    () => {
      const answers = { silent: false }
      return story(
        function* () {
          yield* threeKept(answers)
          const lost = yield* Effect.fork(Effect.flip(text(get())))
          yield* TestClock.adjust("20 seconds")
          assert.strictEqual(kindOf(yield* Fiber.join(lost)), "RequestError Transport ExchangeTimeout")
          yield* (yield* FakeNetwork.FakeNetwork).settle
          assert.strictEqual((yield* stats).distrusted, 2)
          const next = yield* Effect.fork(text(get()))
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* Fiber.join(next), "x")
        },
        serverOf(answers),
        { safety: { headersTimeout: "20 seconds" } }
      )
    }
  )

  it.effect(
    "costs one time-out of the user's own, if it had waited for two seconds (curl/curl#17225, opensearch-project/opensearch-go#1134)",
    () => {
      const answers = { silent: false }
      return story(function* () {
        yield* threeKept(answers)
        const impatient = yield* Effect.fork(Effect.timeoutOption(text(get()), "1900 millis"))
        yield* TestClock.adjust("1900 millis")
        yield* Fiber.join(impatient)
        yield* (yield* FakeNetwork.FakeNetwork).settle
        assert.strictEqual((yield* stats).distrusted, 0)
        const patient = yield* Effect.fork(Effect.timeoutOption(text(get()), "2 seconds"))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(patient)
        yield* (yield* FakeNetwork.FakeNetwork).settle
        assert.deepStrictEqual([(yield* stats).distrusted, (yield* stats).pooledConnections], [1, 0])
      }, serverOf(answers))
    }
  )
})

describe("A host that is dying", () => {
  it.effect("is not asked twice for every request once its retry budget is used up (hyperium/hyper#3553)", () => {
    let dying = false
    const server = ScriptedServer.make(() => (dying ? ScriptedServer.reset : Wire.ok("x")))
    return story(
      function* () {
        const asked: Array<number> = []
        const kinds: Array<string> = []
        for (let i = 0; i < 6; i++) {
          dying = false
          yield* text(get())
          dying = true
          const before = server.requests.length
          const error = yield* Effect.flip(text(get()))
          kinds.push(kindOf(error).replace("RequestError Transport ", ""))
          asked.push(server.requests.length - before)
        }
        assert.deepStrictEqual(asked, [2, 2, 2, 1, 1, 1])
        // Of the fresh connection's death while there is one, then of the kept one's.
        assert.deepStrictEqual(kinds, [...Array(3).fill("ClosedBeforeUse"), ...Array(3).fill("ConnectionBroken")])
        const { failedRetries, retriesRefused } = yield* stats
        assert.deepStrictEqual([failedRetries, retriesRefused], [3, 3])
      },
      server,
      { pool: { retryBudgetPerHost: 3 } }
    )
  })
})
