import { HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, type Options } from "./support.js"

/** What is large announces ten megabytes and sends the first of them; what is small is small. */
const server = () =>
  ScriptedServer.make(({ target }) =>
    target.startsWith("/large")
      ? [Wire.head({ headers: { "content-length": "10000000" } }), "x".repeat(100_000), ScriptedServer.hang]
      : target === "/unfinished"
        ? [Wire.head({ headers: { "content-length": "10" } }), "half", ScriptedServer.hang]
        : Wire.ok("small")
  )

const story = <A, E>(
  tell: Effect.Effect<A, E, Layer.Layer.Success<ReturnType<typeof clientLayer>>>,
  options: Options = { pool: { maxConnectionsPerHost: 1 } }
) => Effect.provide(tell, clientLayer(server(), options))

const stats = Effect.flatMap(ConnectionPool.ConnectionPool, ({ stats }) => stats)
const settle = Effect.flatMap(FakeNetwork.FakeNetwork, ({ settle }) => settle)

const at = (host: string, path: string) => HttpClientRequest.get(`http://${host}${path}`)
const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

/** Forks a request and lets it come into line. */
const inLine = (request: HttpClientRequest.HttpClientRequest) => Effect.zipLeft(Effect.fork(text(request)), settle)

const isOver = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.zipRight(settle, Effect.map(Fiber.poll(fiber), Option.isSome))

describe("an answer that nobody reads gives its connection up", () => {
  it.effect("to a request of its host, where the host has no place; not before a second", () =>
    story(
      Effect.gen(function* () {
        const response = yield* HttpClient.execute(get("/large"))
        const waiting = yield* inLine(get("/small"))
        yield* TestClock.adjust("999 millis")
        assert.isFalse(yield* isOver(waiting))
        assert.deepStrictEqual((yield* stats).closed, {})
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(waiting), "small")
        const error = yield* Effect.flip(response.text)
        assert.strictEqual(kindOf(error), "ResponseError Decode BodyAbandoned")
        assert.include(error.message, "requests were waiting for its connection")
        assert.deepStrictEqual([(yield* stats).reclaimed, (yield* stats).closed], [1, { BodyAbandoned: 1 }])
      })
    )
  )

  it.effect("to a request of another host, where the pool has no place", () =>
    story(
      Effect.gen(function* () {
        yield* HttpClient.execute(at("a.test", "/large"))
        yield* TestClock.adjust("5 seconds")
        const waiting = yield* inLine(at("b.test", "/small"))
        assert.strictEqual(yield* Fiber.join(waiting), "small")
      }),
      { pool: { maxConnections: 1 } }
    )
  )

  it.effect("and not while nobody waits, nor for a request that has a place", () =>
    story(
      Effect.gen(function* () {
        const response = yield* HttpClient.execute(at("a.test", "/large"))
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* text(at("b.test", "/small")), "small")
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual([(yield* stats).reclaimed, (yield* stats).activeConnections], [0, 1])
        assert.strictEqual((yield* PooledHttpClient.pull(response)).length, 65_536)
      }),
      { pool: { maxConnectionsPerHost: 1, maxConnections: 2 } }
    )
  )

  it.effect("the longest unread first, and no more of them than are needed", () =>
    story(
      Effect.gen(function* () {
        const responses = []
        for (let i = 0; i < 3; i++) {
          responses.push(yield* HttpClient.execute(get(`/large/${i}`)))
          yield* TestClock.adjust("2 seconds")
        }
        const waiting = yield* inLine(get("/small"))
        assert.strictEqual(yield* Fiber.join(waiting), "small")
        const states = yield* Effect.forEach(responses, (response) => Effect.either(PooledHttpClient.pull(response)))
        assert.deepStrictEqual(
          states.map(({ _tag }) => _tag),
          ["Left", "Right", "Right"]
        )
        assert.strictEqual((yield* stats).reclaimed, 1)
      }),
      { pool: { maxConnectionsPerHost: 3 } }
    )
  )

  it.effect("and keeps it open where the rest is small: the next request goes on the same one", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      yield* HttpClient.execute(get("/first"))
      const waiting = yield* inLine(get("/second"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "second")
      assert.deepStrictEqual([network.sockets.length, (yield* stats).reclaimed, (yield* stats).closed], [1, 1, {}])
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(({ target }) => Wire.ok(target === "/first" ? "x".repeat(200_000) : "second")),
          { pool: { maxConnectionsPerHost: 1 } }
        )
      )
    )
  )

  it.effect("after a second although unreadBodyTimeout is off: others need it", () =>
    story(
      Effect.gen(function* () {
        yield* HttpClient.execute(get("/large"))
        const waiting = yield* inLine(get("/small"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(waiting), "small")
      }).pipe(HttpSafety.withLimits({ unreadBodyTimeout: "1 day" }))
    )
  )
})

describe("an answer whose reader has begun is not taken", () => {
  const readers: ReadonlyArray<
    readonly [string, (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<unknown, unknown>]
  > = [
    ["text", (response) => response.text],
    ["stream", (response) => Stream.runForEach(response.stream, () => Effect.never)],
    ["pull", (response) => Effect.zipRight(PooledHttpClient.pull(response), Effect.never)],
    ["forEachChunk", (response) => PooledHttpClient.forEachChunk(response, () => Effect.never)]
  ]
  for (const [what, read] of readers) {
    it.effect(`by ${what}, however slow it is`, () =>
      story(
        Effect.gen(function* () {
          const response = yield* HttpClient.execute(get("/large"))
          yield* TestClock.adjust("900 millis")
          const reader = yield* Effect.fork(read(response))
          yield* settle
          const waiting = yield* inLine(get("/small"))
          yield* TestClock.adjust("20 seconds")
          assert.isFalse(yield* isOver(reader))
          assert.isFalse(yield* isOver(waiting))
          assert.strictEqual((yield* stats).reclaimed, 0)
        }).pipe(HttpSafety.withLimits({ maxBodySize: 20_000_000 }))
      )
    )
  }
})

describe("a small answer that nobody reads", () => {
  it.effect("is never on offer: its connection is back already", () =>
    story(
      Effect.gen(function* () {
        const response = yield* HttpClient.execute(get("/small"))
        yield* TestClock.adjust("5 seconds")
        const others = yield* Effect.forEach([1, 2, 3], () => Effect.fork(text(get("/small"))))
        yield* Fiber.joinAll(others)
        assert.deepStrictEqual([(yield* stats).reclaimed, (yield* stats).created], [0, 1])
        assert.strictEqual(yield* response.text, "small")
      })
    )
  )
})

describe("a drain", () => {
  it.effect("does not wait its whole time for an answer that was dropped unread", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const response = yield* HttpClient.execute(get("/large"))
        yield* TestClock.adjust("50 millis")
        const draining = yield* Effect.fork((yield* ConnectionPool.ConnectionPool).drain)
        yield* settle
        yield* TestClock.adjust("49 millis")
        assert.isFalse(yield* isOver(draining))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(yield* isOver(draining))
        assert.deepStrictEqual(network.open, [])
        const error = yield* Effect.flip(response.text)
        assert.strictEqual(kindOf(error), "ResponseError Decode BodyAbandoned")
        assert.include(error.message, "the pool was closing, and no reader had begun to read it")
        assert.deepStrictEqual((yield* stats).closed, { BodyAbandoned: 1 })
      }),
      { pool: { drainTimeout: "10 seconds" } }
    )
  )

  it.effect("closes a short rest of it at once, which no other request needs any more", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        yield* Effect.fork(HttpClient.execute(get("/unfinished")))
        yield* settle
        const draining = yield* Effect.fork((yield* ConnectionPool.ConnectionPool).drain)
        yield* TestClock.adjust("100 millis")
        assert.isTrue(yield* isOver(draining))
        assert.deepStrictEqual(network.open, [])
      }),
      { pool: { drainTimeout: "10 seconds" } }
    )
  )

  it.effect("of its host alone gives it a second, and its reader is told of that", () =>
    story(
      Effect.gen(function* () {
        const response = yield* HttpClient.execute(get("/large"))
        const pool = yield* ConnectionPool.ConnectionPool
        const draining = yield* Effect.fork(
          pool.drainHost(ConnectionKey.make({ host: "a.test", port: 80, useTls: false }))
        )
        yield* settle
        yield* TestClock.adjust("999 millis")
        assert.isFalse(yield* isOver(draining))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(yield* isOver(draining))
        const error = yield* Effect.flip(response.text)
        assert.include(error.message, "its host was being drained, and no reader had begun to read it")
      }),
      { pool: { drainTimeout: "10 seconds" } }
    )
  )

  it.live("at the end of the layer likewise, in real time", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const env = yield* Layer.buildWithScope(clientLayer(server(), { pool: { drainTimeout: "1 minute" } }), scope)
      const response = yield* Effect.provide(HttpClient.execute(get("/large")), env)
      // Bounded by the test's own time, which is far below the drain's.
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(kindOf(yield* Effect.flip(response.text)), "ResponseError Decode BodyAbandoned")
    })
  )
})

describe("a reader that pulls and stops without a word", () => {
  it.effect("gives its connection up after unreadBodyTimeout, and is told if it comes back", () =>
    story(
      Effect.gen(function* () {
        const response = yield* HttpClient.execute(get("/large"))
        yield* PooledHttpClient.pull(response)
        yield* TestClock.adjust("29 seconds")
        // What comes meanwhile is nobody's call.
        yield* settle
        assert.strictEqual((yield* stats).activeConnections, 1)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual((yield* stats).closed, { BodyAbandoned: 1 })
        const error = Option.getOrThrow(yield* Effect.flip(PooledHttpClient.pull(response)))
        assert.strictEqual(kindOf(error), "ResponseError Decode BodyAbandoned")
        assert.include(error.message, "nobody asked for its next piece within 30000 ms")
      })
    )
  )

  it.effect("is left alone as long as it comes back in time, or waits for a piece", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const response = yield* HttpClient.execute(get("/large"))
        const socket = network.sockets[0]!
        let taken = 0
        while (taken < 100_000) {
          taken += (yield* PooledHttpClient.pull(response)).length
          yield* TestClock.adjust("29 seconds")
          yield* settle
        }
        const waiting = yield* Effect.fork(PooledHttpClient.pull(response))
        yield* settle
        yield* TestClock.adjust("1 hour")
        assert.isFalse(yield* isOver(waiting))
        socket.send("y".repeat(10))
        assert.strictEqual((yield* Fiber.join(waiting)).length, 10)
        // The time between two calls runs on while read-ahead comes in.
        for (let i = 0; i < 29; i++) {
          socket.send("z")
          yield* TestClock.adjust("1 second")
        }
        assert.isUndefined(socket.destroyed)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(socket.destroyed, "BodyAbandoned")
      })
    )
  )
})
