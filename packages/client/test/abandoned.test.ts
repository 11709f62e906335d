import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, socketNumber } from "./support.js"

const serving = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, clientLayer())

/** A response whose head has come, announcing so many bytes, or chunks without a length. */
const headOf = (length: number | "chunked") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(HttpClient.execute(get()))
    const socket = yield* socketNumber(0)
    yield* socket.takeRequest
    socket.send(
      Wire.head({
        headers: length === "chunked" ? { "transfer-encoding": "chunked" } : { "content-length": `${length}` }
      })
    )
    return { response: yield* Fiber.join(fiber), socket }
  })

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

describe("read-ahead", () => {
  it.effect("gives the connection of a small body back although nobody reads it", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) yield* HttpClient.execute(get())
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x".repeat(60_000))))))
  )

  it.effect("stops at its bound, and goes on when somebody reads", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const { response, socket } = yield* headOf(5000)
      for (let i = 0; i < 5; i++) socket.send("x".repeat(1000))
      assert.isTrue(socket.paused)
      assert.strictEqual(socket.unread, 3000)
      assert.strictEqual((yield* response.text).length, 5000)
      assert.isUndefined(socket.destroyed)
      assert.isTrue(socket.parked)
      assert.deepStrictEqual(network.violations, [])
    }).pipe(HttpSafety.withLimits({ readAhead: 2000 }), serving)
  )

  it.effect("holds a slow stream's server back, and never more than the bound", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(100_000)
      const pull = PooledHttpClient.pull(response)
      let taken = 0
      let sent = 0
      while (taken < 100_000) {
        while (!socket.paused && sent < 100_000) {
          socket.send("x".repeat(1000))
          sent += 1000
        }
        assert.isAtMost(sent - taken, 4000)
        taken += (yield* pull).length
      }
      assert.isTrue(socket.parked)
    }).pipe(HttpSafety.withLimits({ readAhead: 3000 }), serving)
  )

  it.effect("never delays: a piece reaches its reader in the turn in which it came", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf("chunked")
      const reader = yield* Effect.fork(PooledHttpClient.pull(response))
      yield* (yield* FakeNetwork.FakeNetwork).settle
      socket.send(chunk("event"))
      assert.strictEqual(Buffer.from(yield* Fiber.join(reader)).toString(), "event")
    }).pipe(serving)
  )
})

describe("a body that nobody reads", () => {
  it.effect("is given up after unreadBodyTimeout, and a later reader is told so", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(1_000_000)
      socket.send("x".repeat(100_000))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(socket.destroyed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
      for (const error of [yield* Effect.flip(response.text), yield* Effect.flip(Stream.runDrain(response.stream))]) {
        assert.strictEqual(kindOf(error), "ResponseError Decode BodyAbandoned")
      }
    }).pipe(serving)
  )

  it.effect("is not given up while read-ahead trickles in and somebody reads at last", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(30)
      for (let i = 0; i < 29; i++) {
        socket.send("x")
        yield* TestClock.adjust("1 second")
      }
      const reader = yield* Effect.fork(response.text)
      yield* TestClock.adjust("1 hour")
      socket.send("x")
      assert.strictEqual((yield* Fiber.join(reader)).length, 30)
    }).pipe(serving)
  )

  it.effect("is given up on time although read-ahead trickles in", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf("chunked")
      for (let i = 0; i < 31; i++) {
        socket.send(chunk("x"))
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(kindOf(yield* Effect.flip(response.text)), "ResponseError Decode BodyAbandoned")
    }).pipe(serving)
  )
})

describe("a body whose reader stops before its end", () => {
  it.effect("is drained if the rest is small, and its connection saved", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(1000)
      socket.send("x".repeat(500))
      yield* Stream.runHead(response.stream)
      assert.isUndefined(socket.destroyed)
      socket.send("x".repeat(500))
      assert.isTrue(socket.parked)
    }).pipe(serving)
  )

  it.effect("is closed at once if the rest is large", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(1_000_000)
      socket.send("x".repeat(500))
      yield* Stream.runHead(response.stream)
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
    }).pipe(serving)
  )

  it.effect("without a length is drained up to a bound of bytes (golang/go#77370)", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf("chunked")
      socket.send(chunk("first"))
      yield* Stream.runHead(response.stream)
      socket.send(chunk("x".repeat(90)))
      assert.isUndefined(socket.destroyed)
      socket.send(chunk("x".repeat(20)))
      assert.strictEqual(socket.destroyed, "BodyNotDrained")
    }).pipe(HttpSafety.withLimits({ bodyDrainBytes: 100 }), serving)
  )

  it.effect("is drained up to a bound of time", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf("chunked")
      socket.send(chunk("first"))
      yield* Stream.runHead(response.stream)
      yield* TestClock.adjust("249 millis")
      assert.isUndefined(socket.destroyed)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(socket.destroyed, "BodyNotDrained")
    }).pipe(serving)
  )
})

describe("an interruption", () => {
  it.effect("of the only collector closes the connection; the next reader is told, not interrupted", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(1_000_000)
      const reader = yield* Effect.fork(response.text)
      yield* (yield* FakeNetwork.FakeNetwork).settle
      yield* Fiber.interrupt(reader)
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
      assert.strictEqual(kindOf(yield* Effect.flip(response.text)), "ResponseError Decode BodyAbandoned")
    }).pipe(serving)
  )

  it.effect("of one of two collectors leaves the other its body", () =>
    Effect.gen(function* () {
      const { response, socket } = yield* headOf(4)
      const [one, other] = [yield* Effect.fork(response.text), yield* Effect.fork(response.json)]
      yield* (yield* FakeNetwork.FakeNetwork).settle
      yield* Fiber.interrupt(one)
      socket.send("1234")
      assert.strictEqual(yield* Fiber.join(other), 1234)
      assert.strictEqual(yield* response.text, "1234")
      assert.isTrue(socket.parked)
    }).pipe(serving)
  )

  it.effect("of a stream in chunks closes, with a small known rest drains", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const known = yield* headOf(10)
      const reader = yield* Effect.fork(Stream.runDrain(known.response.stream))
      yield* network.settle
      yield* Fiber.interrupt(reader)
      assert.isUndefined(known.socket.destroyed)
      known.socket.send("x".repeat(10))
      assert.isTrue(known.socket.parked)
      const unknown = yield* headOf("chunked")
      const other = yield* Effect.fork(Stream.runDrain(unknown.response.stream))
      yield* network.settle
      yield* Fiber.interrupt(other)
      assert.strictEqual(unknown.socket.destroyed, "BodyAbandoned")
    }).pipe(serving)
  )

  it.effect("after a body was read touches nothing: the connection already serves somebody else", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const gate = yield* Effect.fork(
        Effect.flatMap(HttpClient.execute(get("/1")), (response) => Stream.runDrain(response.stream)).pipe(
          Effect.zipRight(Effect.never)
        )
      )
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      const second = yield* Effect.fork(Effect.flatMap(HttpClient.execute(get("/2")), (response) => response.text))
      socket.send(Wire.ok("1"))
      yield* network.settle
      yield* Fiber.interrupt(gate)
      yield* socket.takeRequest
      socket.send(Wire.ok("2"))
      assert.strictEqual(yield* Fiber.join(second), "2")
      assert.strictEqual(network.sockets.length, 1)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )
})

describe("a scope", () => {
  it.effect("that closes gives up a body that is not complete, and leaves a complete one readable", () =>
    Effect.gen(function* () {
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const scope = yield* Scope.make()
      const fiber = yield* Effect.fork(Scope.extend(client.execute(get()), scope))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.head({ headers: { "content-length": "1000000" } }))
      const response = yield* Fiber.join(fiber)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
      assert.strictEqual(kindOf(yield* Effect.flip(response.text)), "ResponseError Decode BodyAbandoned")
    }).pipe(serving)
  )

  it.effect("ends one execution only: the same request works again, scoped or not", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const request = get()
      for (let i = 0; i < 2; i++) {
        const scoped = yield* Effect.scoped(
          Effect.flatMap(HttpClient.withScope(client).execute(request), (response) => response.text)
        )
        assert.strictEqual(scoped, "x")
        const plain = yield* client.execute(request)
        assert.strictEqual(yield* plain.text, "x")
      }
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x")))))
  )

  it.effect("that closes while the answer is awaited ends the request", () =>
    Effect.gen(function* () {
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const scope = yield* Scope.make()
      const fiber = yield* Effect.fork(Scope.extend(client.execute(get()), scope))
      const socket = yield* socketNumber(0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(kindOf(yield* Effect.flip(Fiber.join(fiber))), "RequestError Transport ExchangeAborted")
      assert.isDefined(socket.destroyed)
    }).pipe(serving)
  )
})
