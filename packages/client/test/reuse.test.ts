import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { clientLayer, get, kindOf, post, socketNumber } from "./support.js"

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const stats = Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)

/** An idle connection that has carried one request; requests from here on are served by the test. */
const idleConnection = Effect.gen(function* () {
  const fiber = yield* Effect.fork(text(get("/first")))
  const socket = yield* socketNumber(0)
  yield* socket.takeRequest
  socket.send(Wire.ok("first"))
  assert.strictEqual(yield* Fiber.join(fiber), "first")
  const network = yield* FakeNetwork.FakeNetwork
  yield* network.settle
  return socket
})

/** Answers the next request on a socket. */
const answer = (socket: FakeSocket.FakeSocket, bytes: Uint8Array) =>
  Effect.map(socket.takeRequest, (request) => {
    socket.send(bytes)
    return request
  })

const serving = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, clientLayer())

describe("a connection", () => {
  it.effect("is back before the reader sees the end: requests in sequence need only one", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* text(get()), "x".repeat(i))
      assert.strictEqual(network.maxOpen(), 1)
      assert.strictEqual((yield* stats).hits, 19)
      assert.deepStrictEqual(network.violations, [])
    }).pipe(Effect.provide(clientLayer(ScriptedServer.make((request) => Wire.ok("x".repeat(request.exchange - 1))))))
  )

  it.effect("is handed to the next in line, who writes nothing before the event loop has polled", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const first = yield* Effect.fork(text(get("/1")))
      const second = yield* Effect.fork(text(get("/2")))
      yield* network.poll
      const socket = network.sockets[0]!
      assert.strictEqual(socket.receivedText.split("GET").length - 1, 1)
      socket.send(Wire.ok("1"))
      for (let i = 0; i < 50; i++) yield* Effect.yieldNow()
      assert.strictEqual(yield* Fiber.join(first), "1")
      assert.strictEqual(socket.receivedText.split("GET").length - 1, 1, "written while resting")
      yield* network.poll
      assert.strictEqual(socket.receivedText.split("GET").length - 1, 2)
      socket.send(Wire.ok("2"))
      assert.strictEqual(yield* Fiber.join(second), "2")
      assert.strictEqual((yield* stats).staleRetries, 0)
    }).pipe(Effect.provide(clientLayer(undefined, { manualTurns: true, pool: { maxConnectionsPerHost: 1 } })))
  )

  for (const [what, arrive] of [
    ["stray bytes", (socket: FakeSocket.FakeSocket) => socket.sendLater(Wire.ok("stray"))],
    ["a FIN", (socket: FakeSocket.FakeSocket) => socket.endLater()],
    ["an RST", (socket: FakeSocket.FakeSocket) => socket.resetLater()]
  ] as const) {
    it.effect(`on which ${what} arrives while it rests is closed, and its request, even a POST, moves on`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const first = yield* Effect.fork(text(get("/1")))
        const second = yield* Effect.fork(text(post("/2")))
        yield* network.poll
        const old = network.sockets[0]!
        old.send(Wire.ok("1"))
        arrive(old)
        yield* network.poll
        assert.strictEqual(yield* Fiber.join(first), "1")
        yield* network.poll
        const fresh = network.sockets[1]!
        assert.isDefined(old.destroyed)
        assert.strictEqual((yield* answer(fresh, Wire.ok("2"))).target, "/2")
        assert.strictEqual(yield* Fiber.join(second), "2")
        // Nothing had been written: this is no retry.
        assert.strictEqual((yield* stats).staleRetries, 0)
        assert.strictEqual(old.receivedText.split("HTTP/1.1").length - 1, 1)
      }).pipe(Effect.provide(clientLayer(undefined, { manualTurns: true, pool: { maxConnectionsPerHost: 1 } })))
    )
  }

  it.effect("whose FIN lies in the kernel is not given a POST", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const old = yield* idleConnection
      old.endLater()
      const fiber = yield* Effect.fork(text(post("/p")))
      const fresh = yield* socketNumber(1)
      yield* answer(fresh, Wire.ok("posted"))
      assert.strictEqual(yield* Fiber.join(fiber), "posted")
      assert.notInclude(old.receivedText, "POST")
      assert.strictEqual((yield* stats).staleRetries, 0)
      assert.deepStrictEqual(network.violations, [])
    }).pipe(serving)
  )

  const spent: ReadonlyArray<readonly [string, Uint8Array | string]> = [
    ["says close", Wire.ok("x", { connection: "Close" })],
    ["says close among others", Wire.ok("x", { connection: "foo, CLOSE" })],
    ["is HTTP/1.0 and does not say keep-alive", Wire.response({ version: "HTTP/1.0", body: "x" })],
    ["has bytes behind it", Wire.join(Wire.ok("x"), "HTTP/1.1 200 OK\r\n")]
  ]
  for (const [what, bytes] of spent) {
    it.effect(`whose answer ${what} is not used again`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* text(get()), "x")
        assert.strictEqual(yield* text(get()), "x")
        const network = yield* FakeNetwork.FakeNetwork
        yield* network.settle
        assert.strictEqual(network.sockets.length, 2)
        assert.isDefined(network.sockets[0]!.destroyed)
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always(bytes))))
    )
  }

  for (const hint of ["timeout=0", "timeout=5, max=0"]) {
    it.effect(`whose server says \`Keep-Alive: ${hint}\` carries no other request`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        yield* text(get())
        yield* text(get())
        assert.strictEqual(network.sockets.length, 2)
        assert.isDefined(network.sockets[0]!.destroyed)
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x", { "keep-alive": hint })))))
    )
  }

  it.effect("whose server says how long it stays idle is not used in the last second of it (nodejs/node#35526)", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const adjust = (millis: number) =>
        Effect.flatMap(
          Effect.promise(() => import("effect/TestClock")),
          (clock) => clock.adjust(millis)
        )
      yield* text(get())
      yield* adjust(3900)
      yield* text(get())
      assert.strictEqual(network.sockets.length, 1)
      yield* adjust(4100)
      yield* text(get())
      assert.strictEqual(network.sockets.length, 2)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x", { "keep-alive": "timeout=5" })))))
  )
})

describe("a reused connection that dies under a request", () => {
  const dies: ReadonlyArray<readonly [string, (socket: FakeSocket.FakeSocket) => void]> = [
    ["ends", (socket) => socket.end()],
    ["is reset", (socket) => socket.reset()],
    ["breaks", (socket) => socket.fail()]
  ]
  for (const [how, die] of dies) {
    it.effect(`and ${how}, is replaced once by a fresh one for a GET`, () =>
      Effect.gen(function* () {
        const old = yield* idleConnection
        const fiber = yield* Effect.fork(text(get("/again")))
        yield* old.takeRequest
        die(old)
        const fresh = yield* socketNumber(1)
        assert.strictEqual((yield* answer(fresh, Wire.ok("saved"))).target, "/again")
        assert.strictEqual(yield* Fiber.join(fiber), "saved")
        assert.strictEqual((yield* stats).staleRetries, 1)
      }).pipe(serving)
    )
  }

  const requests: ReadonlyArray<readonly [string, HttpClientRequest.HttpClientRequest, boolean]> = [
    ["GET", get(), true],
    ["HEAD", HttpClientRequest.head("http://a.test/"), true],
    ["OPTIONS", HttpClientRequest.options("http://a.test/"), true],
    ["POST", post(), false],
    ["PUT", HttpClientRequest.put("http://a.test/"), false],
    ["DELETE", HttpClientRequest.del("http://a.test/"), false],
    ["POST with an Idempotency-Key", post().pipe(HttpClientRequest.setHeader("idempotency-key", "1")), true],
    [
      "POST with an X-Idempotency-Key and form data",
      post().pipe(
        HttpClientRequest.setHeader("x-idempotency-key", "1"),
        HttpClientRequest.bodyFormDataRecord({ a: "b" })
      ),
      true
    ]
  ]
  for (const [what, request, retried] of requests) {
    it.effect(`${retried ? "is" : "is not"} replaced for ${what}`, () =>
      Effect.gen(function* () {
        const old = yield* idleConnection
        const fiber = yield* Effect.fork(text(request))
        const before = yield* old.takeRequest
        old.end()
        if (retried) {
          const after = yield* answer(yield* socketNumber(1), Wire.response({ framing: "none", status: 204 }))
          assert.deepStrictEqual(after.body, before.body)
          assert.deepStrictEqual(after.headers, before.headers)
          yield* Fiber.join(fiber)
        } else {
          const error = yield* Effect.flip(Fiber.join(fiber))
          assert.strictEqual(kindOf(error), "RequestError Transport ConnectionBroken")
          const cause = error.cause as {
            readonly reusedConnection: boolean
            readonly safeToRetry: boolean
            readonly bytesWritten: number
          }
          assert.isTrue(cause.reusedConnection)
          assert.isFalse(cause.safeToRetry)
          assert.isAbove(cause.bytesWritten, 0)
          assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
        }
      }).pipe(serving)
    )
  }

  it.effect("is not replaced once a byte of an answer has come, not even an interim one", () =>
    Effect.gen(function* () {
      for (const bytes of ["H", Wire.interim(103)]) {
        const network = yield* FakeNetwork.FakeNetwork
        const count = network.sockets.length
        const first = yield* Effect.fork(text(get("/first")))
        const socket = yield* socketNumber(count)
        yield* answer(socket, Wire.ok())
        yield* Fiber.join(first)
        const fiber = yield* Effect.fork(text(get()))
        yield* socket.takeRequest
        socket.send(bytes)
        socket.end()
        assert.strictEqual(kindOf(yield* Effect.flip(Fiber.join(fiber))), "RequestError Transport ConnectionBroken")
        assert.strictEqual(network.sockets.length, count + 1)
      }
    }).pipe(serving)
  )

  it.effect("is replaced once only: the fresh one's end is the request's", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection
      const fiber = yield* Effect.fork(text(get()))
      yield* old.takeRequest
      old.end()
      const fresh = yield* socketNumber(1)
      yield* fresh.takeRequest
      fresh.end()
      assert.strictEqual(kindOf(yield* Effect.flip(Fiber.join(fiber))), "RequestError Transport ClosedBeforeUse")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 2)
    }).pipe(serving)
  )

  it.effect("is replaced when the server had given up waiting: 408 with close", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection
      const fiber = yield* Effect.fork(text(get()))
      yield* old.takeRequest
      old.send(Wire.response({ status: 408, headers: { connection: "close" } }))
      yield* answer(yield* socketNumber(1), Wire.ok("saved"))
      assert.strictEqual(yield* Fiber.join(fiber), "saved")
    }).pipe(serving)
  )

  it.effect("a fresh connection that dies is not replaced", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(get()))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.end()
      assert.strictEqual(kindOf(yield* Effect.flip(Fiber.join(fiber))), "RequestError Transport ClosedBeforeUse")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(serving)
  )

  it.effect("a server that closes behind every answer costs no GET", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 30; i++) assert.strictEqual(yield* text(get()), "x")
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x"), { closeAfter: 1 }))))
  )
})
