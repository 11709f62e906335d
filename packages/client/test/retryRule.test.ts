import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type ExchangeError, HttpSafety, PooledHttpClient } from "@hotaru/client"
import { type Connection, ConnectionKey, ConnectionPool, PoolError } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, post, socketNumber } from "./support.js"

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const pool = ConnectionPool.ConnectionPool
const stats = Effect.flatMap(pool, ({ stats }) => stats)

const serving = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, clientLayer())

/** An idle connection of that number which has carried one request. */
const idleConnection = (number = 0) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(text(get("/first")))
    const socket = yield* socketNumber(number)
    yield* socket.takeRequest
    socket.send(Wire.ok("first"))
    yield* Fiber.join(fiber)
    yield* (yield* FakeNetwork.FakeNetwork).settle
    return socket
  })

const keyed = HttpClientRequest.setHeader("idempotency-key", "1")
const xKeyed = HttpClientRequest.setHeader("x-idempotency-key", "1")
const bytes = new TextEncoder().encode("body")
const streamed = HttpClientRequest.bodyStream(Stream.make(bytes), { contentLength: 4 })
const put = HttpClientRequest.put("http://a.test/")

type Die = (socket: FakeSocket.FakeSocket) => void
const ends: Die = (socket) => socket.end()
const isReset: Die = (socket) => socket.reset()
const breaks: Die = (socket) => socket.fail()
const says408: Die = (socket) => socket.send(Wire.response({ status: 408, headers: { connection: "close" } }))

describe("a request whose reused connection dies before a byte of its answer", () => {
  const table: ReadonlyArray<readonly [what: string, HttpClientRequest.HttpClientRequest, Die, again: boolean]> = [
    ["GET", get(), ends, true],
    ["GET, reset", get(), isReset, true],
    ["GET, broken", get(), breaks, true],
    ["GET, 408 with close", get(), says408, true],
    ["HEAD", HttpClientRequest.head("http://a.test/"), ends, true],
    ["OPTIONS", HttpClientRequest.options("http://a.test/"), ends, true],
    ["TRACE", HttpClientRequest.make("TRACE" as "GET")("http://a.test/"), ends, true],
    ["GET with a body of bytes", get().pipe(HttpClientRequest.bodyUint8Array(bytes)), ends, true],
    ["GET with a stream", get().pipe(streamed), ends, false],
    ["POST", post(), ends, false],
    ["POST, 408 with close", post().pipe(HttpClientRequest.bodyUint8Array(bytes)), says408, false],
    ["POST with Idempotency-Key", post().pipe(keyed, HttpClientRequest.bodyUint8Array(bytes)), ends, true],
    ["POST with Idempotency-Key, 408 with close", post().pipe(keyed), says408, true],
    ["POST with X-Idempotency-Key", post().pipe(xKeyed, HttpClientRequest.bodyText("body")), ends, true],
    ["POST with Idempotency-Key and a stream", post().pipe(keyed, streamed), ends, false],
    ["POST with Idempotency-Key and a stream, 408 with close", post().pipe(keyed, streamed), says408, false],
    ["PUT", put.pipe(HttpClientRequest.bodyUint8Array(bytes)), ends, false],
    ["PUT with Idempotency-Key", put.pipe(keyed, HttpClientRequest.bodyUint8Array(bytes)), isReset, true],
    ["PATCH", HttpClientRequest.patch("http://a.test/"), ends, false],
    ["DELETE", HttpClientRequest.del("http://a.test/"), ends, false]
  ]
  for (const [what, request, die, again] of table) {
    it.effect(`${again ? "is sent again" : "is not sent again"}: ${what}`, () =>
      Effect.gen(function* () {
        const old = yield* idleConnection()
        const fiber = yield* Effect.fork(Effect.either(HttpClient.execute(request)))
        const before = yield* old.takeRequest
        die(old)
        const network = yield* FakeNetwork.FakeNetwork
        yield* network.settle
        assert.strictEqual(network.sockets.length, again ? 2 : 1)
        if (again) {
          const after = yield* network.sockets[1]!.takeRequest
          assert.deepStrictEqual(
            [after.method, after.headers, after.body],
            [before.method, before.headers, before.body]
          )
          network.sockets[1]!.send(Wire.response({ status: 204, framing: "none" }))
        }
        const result = yield* Fiber.join(fiber)
        const { retriesRefused, staleRetries } = yield* stats
        assert.deepStrictEqual([staleRetries, retriesRefused], [again ? 1 : 0, 0])
        if (result._tag === "Left") {
          assert.isFalse(again)
          assert.strictEqual(kindOf(result.left), "RequestError Transport ConnectionBroken")
          assert.isUndefined((result.left.cause as ExchangeError.ConnectionBroken).retryRefused)
          assert.isFalse(PooledHttpClient.isSafeToRetry(result.left))
        } else {
          assert.strictEqual(result.right.status, again ? 204 : 408)
        }
      }).pipe(serving)
    )
  }
})

describe("nothing was written", () => {
  /** As a socket of Node whose first write fails in the call itself: not a byte was taken. */
  const refuseWrites = (socket: FakeSocket.FakeSocket) => {
    const connection = socket.connection as Connection.Connection & { isOpen: boolean }
    connection.write = () => {
      connection.isOpen = false
      return true
    }
    return Effect.sync(() => connection.receiver.onError(new Error("write EPIPE")))
  }

  for (const [what, request] of [
    ["a POST", post().pipe(HttpClientRequest.bodyUint8Array(bytes))],
    ["a POST with a stream that was not touched", post().pipe(streamed)]
  ] as const) {
    it.effect(`${what} is sent again, whole`, () =>
      Effect.gen(function* () {
        const old = yield* idleConnection()
        const breaking = refuseWrites(old)
        const fiber = yield* Effect.fork(text(request))
        const network = yield* FakeNetwork.FakeNetwork
        yield* network.settle
        yield* breaking
        const fresh = yield* socketNumber(1)
        const sent = yield* fresh.takeRequest
        assert.strictEqual(new TextDecoder().decode(sent.body), "body")
        fresh.send(Wire.ok("done"))
        assert.strictEqual(yield* Fiber.join(fiber), "done")
        assert.strictEqual((yield* stats).staleRetries, 1)
      }).pipe(serving)
    )
  }

  it.effect("a head that waits for 100-continue was written: a POST on it is not sent again", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const expecting = post().pipe(
        HttpClientRequest.setHeader("expect", "100-continue"),
        HttpClientRequest.bodyUint8Array(bytes)
      )
      const fiber = yield* Effect.fork(Effect.flip(text(expecting)))
      yield* old.takeHead
      old.end()
      assert.strictEqual(kindOf(yield* Fiber.join(fiber)), "RequestError Transport ConnectionBroken")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(serving)
  )
})

describe("reused", () => {
  it.effect("is a connection that came straight from another request", () =>
    Effect.gen(function* () {
      const first = yield* Effect.fork(text(get("/1")))
      const second = yield* Effect.fork(text(get("/2")))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.ok("1"))
      yield* Fiber.join(first)
      yield* socket.takeRequest
      socket.end()
      const fresh = yield* socketNumber(1)
      yield* fresh.takeRequest
      fresh.send(Wire.ok("2"))
      assert.strictEqual(yield* Fiber.join(second), "2")
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("is a connection that idled before its first request: a GET on it is saved", () =>
    Effect.gen(function* () {
      yield* (yield* pool).warm(ConnectionKey.make({ host: "a.test", port: 80, useTls: false }), 1)
      const fiber = yield* Effect.fork(text(get()))
      const warm = yield* socketNumber(0)
      yield* warm.takeRequest
      warm.end()
      const fresh = yield* socketNumber(1)
      yield* fresh.takeRequest
      fresh.send(Wire.ok("saved"))
      assert.strictEqual(yield* Fiber.join(fiber), "saved")
    }).pipe(serving)
  )

  it.effect("is not one that was opened for the request", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(text(get()))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.response({ status: 408, body: "too late", headers: { connection: "close" } }))
      assert.strictEqual(yield* Fiber.join(fiber), "too late")
      assert.strictEqual((yield* stats).staleRetries, 0)
    }).pipe(serving)
  )
})

describe("a 408", () => {
  it.effect("behind an interim answer is the answer: bytes had come", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(HttpClient.execute(get()))
      yield* old.takeRequest
      old.send(Wire.interim(103))
      old.send(Wire.response({ status: 408, headers: { connection: "close" } }))
      assert.strictEqual((yield* Fiber.join(fiber)).status, 408)
      assert.strictEqual((yield* stats).staleRetries, 0)
    }).pipe(serving)
  )

  it.effect("that does not close is the answer", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(HttpClient.execute(get()))
      yield* old.takeRequest
      old.send(Wire.response({ status: 408 }))
      assert.strictEqual((yield* Fiber.join(fiber)).status, 408)
    }).pipe(serving)
  )
})

describe("a request that is sent again", () => {
  it.effect("keeps its place at the front of the line", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const old = yield* idleConnection()
      const retried = yield* Effect.fork(text(get("/retried")))
      yield* old.takeRequest
      const others = yield* Effect.forEach([1, 2, 3], (i) => Effect.fork(text(get(`/${i}`))))
      yield* network.settle
      old.end()
      const fresh = yield* socketNumber(1)
      const order: Array<string> = []
      for (let i = 0; i < 4; i++) {
        order.push((yield* fresh.takeRequest).target)
        fresh.send(Wire.ok())
        yield* network.settle
      }
      assert.deepStrictEqual(order, ["/retried", "/1", "/2", "/3"])
      yield* Fiber.join(retried)
      yield* Fiber.joinAll(others)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("keeps the deadline of its first wait", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* old.takeRequest
      yield* TestClock.adjust("9 seconds")
      network.park()
      old.end()
      yield* network.settle
      yield* TestClock.adjust("999 millis")
      assert.isTrue((yield* Fiber.poll(fiber))._tag === "None")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(kindOf(yield* Fiber.join(fiber)), "RequestError Transport AcquireTimeout")
    }).pipe(HttpSafety.withLimits({ acquireTimeout: "10 seconds" }), serving)
  )

  it.effect("is sent again while the pool drains, too: a drain loses nothing that is safe to repeat", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(text(get()))
      yield* old.takeRequest
      const draining = yield* Effect.fork((yield* pool).drain)
      yield* (yield* FakeNetwork.FakeNetwork).settle
      old.end()
      const fresh = yield* socketNumber(1)
      yield* fresh.takeRequest
      assert.isNull(draining.unsafePoll())
      fresh.send(Wire.ok("saved"))
      assert.strictEqual(yield* Fiber.join(fiber), "saved")
      yield* Fiber.join(draining)
      assert.strictEqual((yield* stats).staleRetries, 1)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { drainTimeout: "10 seconds" } })))
  )

  it.effect("is not sent a third time: its fresh connection's end is its own", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* old.takeRequest
      old.end()
      const fresh = yield* socketNumber(1)
      yield* fresh.takeRequest
      fresh.end()
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(kindOf(error), "RequestError Transport ClosedBeforeUse")
      const { failedRetries, staleRetries } = yield* stats
      assert.deepStrictEqual([staleRetries, failedRetries], [1, 1])
    }).pipe(serving)
  )
})

describe("a retry that the pool refuses", () => {
  it.effect("fails its request, which says that the host's retry budget is used up", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* old.takeRequest
      old.end()
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(kindOf(error), "RequestError Transport ConnectionBroken")
      const cause = error.cause as ExchangeError.ConnectionBroken
      assert.strictEqual(cause.retryRefused, "RetryBudget")
      assert.include(error.message, "not sent again, because the host's retry budget is used up (retryBudgetPerHost)")
      assert.isTrue(PooledHttpClient.isSafeToRetry(error))
      const { retriesRefused, staleRetries } = yield* stats
      assert.deepStrictEqual([staleRetries, retriesRefused], [0, 1])
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { retryBudgetPerHost: 0 } })))
  )

  it.effect("hands out the 408 that would have been mended", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(HttpClient.execute(get()))
      yield* old.takeRequest
      says408(old)
      assert.strictEqual((yield* Fiber.join(fiber)).status, 408)
      assert.strictEqual((yield* stats).retriesRefused, 1)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { retryBudgetPerHost: 0 } })))
  )

  it.effect("because its budget is used up says so while it drains, too", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* old.takeRequest
      const draining = yield* Effect.fork((yield* pool).drain)
      yield* (yield* FakeNetwork.FakeNetwork).settle
      old.end()
      const error = yield* Fiber.join(fiber)
      assert.strictEqual((error.cause as ExchangeError.ConnectionBroken).retryRefused, "RetryBudget")
      yield* Fiber.join(draining)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { drainTimeout: "10 seconds", retryBudgetPerHost: 0 } })))
  )

  it.effect("because it has closed says so, and uses up no budget", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* old.takeRequest
      const draining = yield* Effect.fork((yield* pool).drain)
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual((error.cause as ExchangeError.ConnectionBroken).retryRefused, "PoolClosing")
      assert.include(error.message, "not sent again, because the pool is closing")
      assert.strictEqual((yield* stats).retriesRefused, 0)
      yield* Fiber.join(draining)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { drainTimeout: "10 seconds" } })))
  )

  it.effect("is not asked for where the rule says no already", () =>
    Effect.gen(function* () {
      const old = yield* idleConnection()
      const fiber = yield* Effect.fork(Effect.flip(text(post())))
      yield* old.takeRequest
      old.end()
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* stats).retriesRefused, 0)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { retryBudgetPerHost: 0 } })))
  )
})

describe("a connection that is closed before it has answered anybody", () => {
  const dying: ReadonlyArray<readonly [Die, ExchangeError.Fault, string]> = [
    [ends, "peer", "the peer closed it"],
    [isReset, "network", "the peer reset it"],
    [breaks, "network", "ECONNRESET"]
  ]
  for (const [die, fault, detail] of dying) {
    it.effect(`is told as such: ${detail}`, () =>
      Effect.gen(function* () {
        for (const [request, safe] of [
          [get(), true],
          [post(), false]
        ] as const) {
          const network = yield* FakeNetwork.FakeNetwork
          const number = network.sockets.length
          const fiber = yield* Effect.fork(Effect.flip(text(request)))
          const socket = yield* socketNumber(number)
          yield* socket.takeRequest
          die(socket)
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(kindOf(error), "RequestError Transport ClosedBeforeUse")
          const cause = error.cause as ExchangeError.ClosedBeforeUse
          assert.deepStrictEqual(
            [cause.fault, cause.detail, cause.reusedConnection, cause.responseStarted, cause.safeToRetry],
            [fault, detail, false, false, safe]
          )
          assert.isAbove(cause.bytesWritten, 0)
          assert.include(
            error.message,
            "The peer accepted the connection and closed it before it had answered anything"
          )
          assert.strictEqual(PooledHttpClient.isSafeToRetry(error), safe)
        }
        assert.strictEqual((yield* stats).connectFailures, 2)
      }).pipe(serving)
    )
  }

  it.effect("by a TLS alert is the failed dial that it is", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
      socket.fail(new PoolError.ConnectError({ key, phase: "tls", detail: "alert: bad certificate", local: false }))
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(kindOf(error), "RequestError Transport ConnectError")
    }).pipe(serving)
  )

  it.effect("but not once a byte has come, nor by the pool itself", () =>
    Effect.gen(function* () {
      const begun = yield* Effect.fork(Effect.flip(text(get())))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send("H")
      socket.end()
      assert.strictEqual(kindOf(yield* Fiber.join(begun)), "RequestError Transport ConnectionBroken")
      const stuck = yield* Effect.fork(Effect.flip(text(get())))
      const other = yield* socketNumber(1)
      yield* other.takeRequest
      const draining = yield* Effect.fork((yield* pool).drain)
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(draining)))
      const error = yield* Fiber.join(stuck)
      assert.strictEqual(kindOf(error), "RequestError Transport ConnectionBroken")
      assert.instanceOf((error.cause as ExchangeError.ConnectionBroken).cause, PoolError.PoolClosed)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { drainTimeout: "10 seconds" } })))
  )
})
