/**
 * A new connection before its first request is written. It waits a turn of the event loop for that, so that what its peer
 * says or does unasked is not taken for an answer (RFC 9112 section 9.2).
 */
import { HttpClient, type HttpClientError, type HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type ExchangeError, PooledHttpClient } from "@hotaru/client"
import { ConnectionKey, ConnectionPool, PoolError } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, PoolOperations, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import { clientLayer, get, kindOf, post, socketNumber } from "./support.js"

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const stats = Effect.flatMap(ConnectionPool.ConnectionPool, ({ stats }) => stats)

const onePlace = { manualTurns: true, pool: { maxConnectionsPerHost: 1 } }

/** The request opens a connection, and this happens before it is written. */
const opening = (request: HttpClientRequest.HttpClientRequest, happens: (socket: FakeSocket.FakeSocket) => void) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const fiber = yield* Effect.fork(Effect.either(text(request)))
    const socket = yield* socketNumber(network.sockets.length)
    assert.strictEqual(socket.writtenText, "", "it rests")
    happens(socket)
    yield* network.poll
    return { fiber, socket }
  })

const failed = (outcome: Either.Either<string, HttpClientError.HttpClientError>) =>
  Either.getOrThrowWith(Either.flip(outcome), () => new Error("it was answered"))

describe("a peer that says something before it was asked", () => {
  for (const [what, bytes] of [
    ["an answer", Wire.ok("poison")],
    ["a byte", "H"],
    ["an empty line", "\r\n"],
    ["an interim answer", Wire.interim(103)],
    ["a greeting of another protocol", "220 mail.test ESMTP\r\n"],
    ["408 with close", Wire.response({ status: 408, headers: { connection: "close" } })]
  ] as const) {
    it.effect(`${what}: the request fails unsent, and its connection is not used again`, () =>
      Effect.gen(function* () {
        for (const request of [get("/asked"), post("/asked")]) {
          const { fiber, socket } = yield* opening(request, (socket) => socket.send(bytes))
          const error = failed(yield* Fiber.join(fiber))
          assert.strictEqual(kindOf(error), "RequestError Transport MalformedResponse")
          const cause = error.cause as ExchangeError.MalformedResponse
          assert.deepInclude(cause, {
            fault: "peer",
            kind: "UnexpectedBytes",
            section: "RFC 9112 section 9.2",
            reusedConnection: false,
            bytesWritten: 0,
            responseStarted: false,
            safeToRetry: true
          })
          assert.include(error.message, "the peer sent bytes before it was sent a request")
          assert.isTrue(PooledHttpClient.isSafeToRetry(error))
          assert.deepStrictEqual([socket.writtenText, socket.destroyed], ["", "UnexpectedBytes"])
        }
        assert.deepInclude(yield* stats, { created: 2, staleRetries: 0, connectFailures: 0, activeConnections: 0 })
        assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
      }).pipe(Effect.provide(clientLayer(undefined, onePlace)))
    )
  }

  it.effect("fails the request it opened the connection for, and not the one behind it in line", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const first = yield* Effect.fork(Effect.either(text(get("/first"))))
      yield* network.settle
      const second = yield* Effect.fork(text(get("/second")))
      const bad = yield* socketNumber(0)
      bad.send(Wire.ok("poison"))
      yield* network.poll
      assert.strictEqual(kindOf(failed(yield* Fiber.join(first))), "RequestError Transport MalformedResponse")
      yield* network.poll
      const good = yield* socketNumber(1)
      assert.strictEqual((yield* good.takeRequest).target, "/second")
      good.send(Wire.ok("second"))
      yield* network.poll
      assert.strictEqual(yield* Fiber.join(second), "second")
    }).pipe(Effect.provide(clientLayer(undefined, onePlace)))
  )
})

describe("a peer that is gone before it was asked", () => {
  const dying: ReadonlyArray<readonly [string, (socket: FakeSocket.FakeSocket) => void, "peer" | "network", string]> = [
    ["the peer closed it", (socket) => socket.end(), "peer", "PeerClosed"],
    ["the peer reset it", (socket) => socket.reset(), "network", "PeerReset"],
    ["ECONNRESET", (socket) => socket.fail(), "network", "SocketError"]
  ]
  for (const [detail, die, fault, reason] of dying) {
    it.effect(`${detail}: the request fails unsent, and dials no more`, () =>
      Effect.gen(function* () {
        for (const request of [get(), post()]) {
          const { fiber, socket } = yield* opening(request, die)
          const error = failed(yield* Fiber.join(fiber))
          assert.strictEqual(kindOf(error), "RequestError Transport ClosedBeforeUse")
          assert.deepInclude(error.cause as ExchangeError.ClosedBeforeUse, {
            fault,
            detail,
            reusedConnection: false,
            bytesWritten: 0,
            responseStarted: false,
            safeToRetry: true
          })
          assert.strictEqual(socket.destroyed, reason)
        }
        assert.deepInclude(yield* stats, { created: 2, staleRetries: 0, connectFailures: 2, activeConnections: 0 })
        assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
      }).pipe(Effect.provide(clientLayer(undefined, onePlace)))
    )
  }

  it.effect("with a TLS alert: the failed dial that it is", () =>
    Effect.gen(function* () {
      const { fiber } = yield* opening(get(), (socket) => {
        const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
        socket.fail(new PoolError.ConnectError({ key, phase: "tls", detail: "alert: bad certificate", local: false }))
      })
      assert.strictEqual(kindOf(failed(yield* Fiber.join(fiber))), "RequestError Transport ConnectError")
    }).pipe(Effect.provide(clientLayer(undefined, onePlace)))
  )
})
