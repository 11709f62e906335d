import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ConnectionPool, PoolError } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, post, socketNumber } from "./support.js"

const text = Effect.flatMap(HttpClient.execute(get()), (response) => response.text)

const serving = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, clientLayer())

/** Runs until the clock has moved so far; answers the failure. */
const failureAfter = <A, E, R>(effect: Effect.Effect<A, E, R>, millis: number) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const fiber = yield* Effect.fork(effect)
    yield* network.settle
    yield* TestClock.adjust(millis - 1)
    yield* network.settle
    assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)), "it failed too early")
    yield* TestClock.adjust(1)
    yield* network.settle
    return yield* Effect.flip(Fiber.join(fiber))
  })

describe("time limits", () => {
  it.effect("headersTimeout runs from the request to the head", () =>
    Effect.gen(function* () {
      const error = yield* failureAfter(text, 3_600_000)
      assert.strictEqual(kindOf(error), "RequestError Transport ExchangeTimeout")
      assert.include(error.message, "headersTimeout = 3600000")
      assert.isTrue(PooledHttpClient.isSafeToRetry(error))
      assert.isFalse(PooledHttpClient.isSafeToRetry(yield* failureAfter(HttpClient.execute(post()), 3_600_000)))
      assert.isDefined((yield* socketNumber(0)).destroyed)
    }).pipe(serving)
  )

  it.effect("a head that comes after 305 seconds answers its request where no limit was set", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text)
      const socket = yield* socketNumber(0)
      yield* TestClock.adjust("305 seconds")
      socket.send(Wire.ok("thought about"))
      assert.strictEqual(yield* Fiber.join(fiber), "thought about")
    }).pipe(serving)
  )

  it.effect("headersTimeout does not fire for an answer that is here and not read yet", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const fiber = yield* Effect.fork(text)
      yield* network.poll
      network.sockets[0]!.sendLater(Wire.ok("late"))
      yield* TestClock.adjust("1 hour")
      yield* network.poll
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }).pipe(Effect.provide(clientLayer(undefined, { manualTurns: true })))
  )

  it.effect("bodyTimeout runs between pieces while somebody waits", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const fiber = yield* Effect.fork(text)
      const socket = yield* socketNumber(0)
      socket.send(Wire.head({ headers: { "content-length": "3" } }))
      for (let i = 0; i < 2; i++) {
        yield* network.settle
        yield* TestClock.adjust(999)
        socket.send("x")
      }
      yield* network.settle
      yield* TestClock.adjust(1000)
      yield* network.settle
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(kindOf(error), "ResponseError Decode ExchangeTimeout")
      assert.isDefined(socket.destroyed)
    }).pipe(HttpSafety.withLimits({ bodyTimeout: "1 second" }), serving)
  )

  it.effect("requestTimeout bounds the whole: waiting in line, for the head and for the body", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const request = (host: string) => Effect.flatMap(HttpClient.get(`http://${host}/`), (response) => response.text)
      network.park()
      assert.strictEqual(
        kindOf(yield* failureAfter(request("dial.test"), 1000)),
        "RequestError Transport ExchangeTimeout"
      )
      network.autoAccept()
      assert.strictEqual(
        kindOf(yield* failureAfter(request("head.test"), 1000)),
        "RequestError Transport ExchangeTimeout"
      )
      network.autoAccept(ScriptedServer.always(Wire.head({ headers: { "content-length": "3" } })))
      assert.strictEqual(
        kindOf(yield* failureAfter(request("body.test"), 1000)),
        "ResponseError Decode ExchangeTimeout"
      )
      yield* network.settle
      assert.strictEqual(network.open.length, 0)
    }).pipe(HttpSafety.withLimits({ requestTimeout: "1 second" }), serving)
  )
})

describe("requestTimeout", () => {
  it.effect("bounds the request that is made again as well, when the connection dies at the very end of the time", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const first = yield* Effect.fork(text)
      yield* network.poll
      const socket = network.sockets[0]!
      socket.send(Wire.ok())
      yield* Fiber.join(first)
      yield* network.poll
      const second = yield* Effect.fork(text)
      yield* Effect.yieldNow()
      // A used connection is written on a turn later.
      yield* network.poll
      network.park()
      yield* TestClock.adjust("1 second")
      // The time is up, the event loop has not polled yet, and this is a reason to try again.
      socket.end()
      assert.strictEqual(network.dials.length, 2)
      yield* network.poll
      const exit = yield* Fiber.poll(second)
      const error = yield* Effect.flip(Effect.flatten(exit))
      assert.include(String(error), "requestTimeout = 1000 ms")
      const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
      assert.deepStrictEqual([stats.staleRetries, stats.pendingAcquires, stats.activeConnections], [1, 0, 0])
    }).pipe(
      HttpSafety.withLimits({ requestTimeout: "1 second" }),
      Effect.provide(clientLayer(undefined, { manualTurns: true }))
    )
  )
})

describe("limits in force", () => {
  const lengths = Effect.gen(function* () {
    const response = yield* HttpClient.execute(get())
    return yield* Effect.match(response.text, { onFailure: () => "refused", onSuccess: (text) => `${text.length}` })
  })
  const server = ScriptedServer.always(Wire.ok("x".repeat(100)))

  it.effect("are the layer's, changed field by field around a call", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* lengths, "refused")
      assert.strictEqual(yield* lengths.pipe(HttpSafety.withLimits({ headersTimeout: "1 second" })), "refused")
      assert.strictEqual(yield* lengths.pipe(HttpSafety.withLimits({ maxBodySize: 100 })), "100")
      const inner = lengths.pipe(HttpSafety.withLimits({ headersTimeout: "1 second" }))
      assert.strictEqual(yield* inner.pipe(HttpSafety.withLimits({ maxBodySize: 100 })), "100")
      const client = PooledHttpClient.withLimits(yield* HttpClient.HttpClient, { maxBodySize: 100 })
      const response = yield* client.execute(get())
      // They travel with the response: it is read outside.
      assert.strictEqual((yield* response.text).length, 100)
    }).pipe(Effect.provide(clientLayer(server, { safety: { maxBodySize: 99 } })))
  )

  it.effect("can be read, and provided whole", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* HttpSafety.HttpSafety, HttpSafety.defaults)
      const whole = { ...HttpSafety.defaults, maxBodySize: 200 }
      assert.strictEqual(yield* lengths.pipe(Effect.provideService(HttpSafety.HttpSafety, whole)), "100")
    }).pipe(Effect.provide(clientLayer(server, { safety: { maxBodySize: 99 } })))
  )

  it.effect("that make no sense fail the layer's build, naming field and value", () =>
    Effect.gen(function* () {
      for (const [safety, field] of [
        [{ maxBodySize: -1 }, "safety.maxBodySize"],
        [{ maxHeaders: 0 }, "safety.maxHeaders"],
        [{ maxInterimResponses: -1 }, "safety.maxInterimResponses"],
        [{ headersTimeout: 0 }, "safety.headersTimeout"],
        [{ bodyTimeout: "90s" as "90 seconds" }, "safety.bodyTimeout"],
        [{ allowedMethods: "GET" as unknown as Array<string> }, "safety.allowedMethods"]
      ] as const) {
        const exit = yield* Effect.exit(Effect.provide(text, clientLayer(server, { safety })))
        assert.isTrue(Exit.isFailure(exit))
        const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.strictEqual(defect.field, field)
      }
    })
  )
})

describe("what the pool refuses leaves as the platform's error", () => {
  it.effect("a dial that fails, a wait that is too long, a line that is too long", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const refused = yield* Effect.fork(text)
      ;(yield* network.nextDial).fail()
      const connect = yield* Effect.flip(Fiber.join(refused))
      assert.strictEqual(kindOf(connect), "RequestError Transport ConnectError")
      assert.include(connect.message, "ECONNREFUSED")
      // A dial of its own takes the first out of line; the second waits, the third is too many.
      const dialling = yield* Effect.fork(text)
      yield* network.settle
      const waiting = yield* Effect.fork(text)
      yield* network.settle
      const pending = yield* Effect.flip(text)
      assert.strictEqual(kindOf(pending), "RequestError Transport PendingLimitReached")
      yield* TestClock.adjust("1 second")
      const acquire = yield* Effect.flip(Fiber.join(waiting))
      assert.strictEqual(kindOf(acquire), "RequestError Transport AcquireTimeout")
      assert.strictEqual(kindOf(yield* Effect.flip(Fiber.join(dialling))), "RequestError Transport AcquireTimeout")
      for (const error of [connect, pending, acquire]) assert.isTrue(PooledHttpClient.isSafeToRetry(error))
    }).pipe(
      Effect.provide(
        clientLayer(undefined, { pool: { maxConnectionsPerHost: 1, maxPendingPerHost: 1, acquireTimeout: "1 second" } })
      )
    )
  )

  it.effect("a certificate that is not believed is not worth another try", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const fiber = yield* Effect.fork(HttpClient.get("https://a.test/"))
      ;(yield* network.nextDial).fail({ phase: "tls", code: "CERT_HAS_EXPIRED" })
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(kindOf(error), "RequestError Encode ConnectError")
      assert.isFalse(PooledHttpClient.isSafeToRetry(error))
    }).pipe(serving)
  )

  it.effect("is not safe to send again if it is no failure of ours", () =>
    Effect.sync(() => {
      for (const error of [undefined, null, "x", new Error("x"), new Cause.TimeoutException()]) {
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
      }
    })
  )
})
