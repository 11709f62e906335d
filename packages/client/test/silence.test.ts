import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { clientLayer, type Env, get, post } from "./support.js"

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const distrusted = Effect.gen(function* () {
  yield* (yield* FakeNetwork.FakeNetwork).settle
  return (yield* (yield* ConnectionPool.ConnectionPool).stats).distrusted
})

/** So many idle connections, each of which has carried a request. */
const idle = (count: number) =>
  Effect.gen(function* () {
    const fibers = yield* Effect.forEach(Array.from({ length: count }), () => Effect.fork(text(get())))
    const network = yield* FakeNetwork.FakeNetwork
    yield* network.settle
    for (const socket of network.sockets) {
      yield* socket.takeRequest
      socket.send(Wire.ok())
    }
    yield* Fiber.joinAll(fibers)
    yield* network.settle
    assert.strictEqual(network.sockets.length, count)
    return network.sockets
  })

/** The one that is in use of several. */
const busy = (sockets: ReadonlyArray<FakeSocket.FakeSocket>) => sockets.find((socket) => !socket.parked)!

const story = <A, E>(tell: Effect.Effect<A, E, Env>, safety: Partial<HttpSafety.HttpSafety> = {}) =>
  tell.pipe(HttpSafety.withLimits(safety), Effect.provide(clientLayer()))

/** Waits, then gives up by interruption. */
const givenUpAfter = (millis: number, request = get()) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(text(request))
    yield* (yield* FakeNetwork.FakeNetwork).settle
    yield* TestClock.adjust(millis)
    yield* Fiber.interrupt(fiber)
  })

describe("the other connections to a peer are distrusted", () => {
  it.effect("after headersTimeout without a byte on a reused connection, however short", () =>
    story(
      Effect.gen(function* () {
        const sockets = yield* idle(3)
        const fiber = yield* Effect.fork(Effect.flip(text(get())))
        yield* (yield* FakeNetwork.FakeNetwork).settle
        yield* TestClock.adjust("500 millis")
        yield* Fiber.join(fiber)
        assert.strictEqual(yield* distrusted, 2)
        assert.deepStrictEqual(sockets.map(({ destroyed }) => destroyed).sort(), [
          "Distrusted",
          "Distrusted",
          "ExchangeTimeout"
        ])
      }),
      { headersTimeout: "500 millis" }
    )
  )

  for (const [what, millis, expected] of [
    ["two seconds", 2000, 1],
    ["less than two seconds, which says nothing", 1999, 0]
  ] as const) {
    it.effect(`after an interruption that had waited ${what}`, () =>
      story(
        Effect.gen(function* () {
          yield* idle(2)
          yield* givenUpAfter(millis)
          assert.strictEqual(yield* distrusted, expected)
        })
      )
    )

    it.effect(`after a requestTimeout that had waited ${what}`, () =>
      story(
        Effect.gen(function* () {
          yield* idle(2)
          const timed = HttpSafety.withLimits(text(get()), { requestTimeout: millis })
          const fiber = yield* Effect.fork(Effect.flip(timed))
          yield* (yield* FakeNetwork.FakeNetwork).settle
          yield* TestClock.adjust(millis)
          yield* Fiber.join(fiber)
          assert.strictEqual(yield* distrusted, expected)
        })
      )
    )

    it.effect(`after the end of a scope that had waited ${what}`, () =>
      story(
        Effect.gen(function* () {
          yield* idle(2)
          const client = HttpClient.withScope(yield* HttpClient.HttpClient)
          const fiber = yield* Effect.fork(
            Effect.scoped(Effect.zipRight(Effect.fork(client.execute(get())), Effect.sleep(millis)))
          )
          yield* (yield* FakeNetwork.FakeNetwork).settle
          yield* TestClock.adjust(millis)
          yield* Fiber.join(fiber)
          assert.strictEqual(yield* distrusted, expected)
        })
      )
    )
  }
})

describe("nobody is distrusted", () => {
  it.effect("for a new connection, which tells nothing of the idle ones", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        yield* idle(1)
        const first = yield* Effect.fork(text(get("/busy")))
        yield* network.settle
        const second = yield* Effect.fork(text(get("/new")))
        yield* network.settle
        const old = network.sockets[0]!
        yield* old.takeRequest
        old.send(Wire.ok())
        yield* Fiber.join(first)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.interrupt(second)
        assert.strictEqual(yield* distrusted, 0)
        assert.isTrue(old.parked)
      })
    )
  )

  it.effect("once a byte of the answer has come", () =>
    story(
      Effect.gen(function* () {
        const sockets = yield* idle(2)
        const fiber = yield* Effect.fork(text(get()))
        yield* (yield* FakeNetwork.FakeNetwork).settle
        busy(sockets).send("H")
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* distrusted, 0)
      })
    )
  )

  it.effect("if another connection to the peer has heard of it, be it a piece of a body", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const sockets = yield* idle(3)
        const talking = yield* Effect.fork(text(get("/talking")))
        yield* network.settle
        const talks = busy(sockets)
        yield* talks.takeRequest
        talks.send(Wire.head({ headers: { "content-length": "1000" } }))
        const fiber = yield* Effect.fork(text(get("/silent")))
        yield* network.settle
        yield* TestClock.adjust("3 seconds")
        talks.send("x")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* distrusted, 0)
        yield* Fiber.interrupt(talking)
      })
    )
  )

  it.effect("while the request is still on its way: the peer has nothing to answer yet", () =>
    story(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const sockets = yield* idle(2)
        for (const socket of sockets) socket.holdWrites()
        const body = HttpClientRequest.bodyUint8Array(new Uint8Array(1_000_000))
        const fiber = yield* Effect.fork(text(post().pipe(body)))
        yield* network.settle
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* distrusted, 0)
      })
    )
  )

  for (const [how, cut] of [
    ["an end", (socket: FakeSocket.FakeSocket) => socket.end()],
    ["a reset", (socket: FakeSocket.FakeSocket) => socket.reset()]
  ] as const) {
    it.effect(`by ${how} of the connection after three seconds without a byte: the peer has spoken`, () =>
      story(
        Effect.gen(function* () {
          const network = yield* FakeNetwork.FakeNetwork
          const sockets = yield* idle(3)
          const fiber = yield* Effect.fork(Effect.flip(text(post("/once"))))
          yield* network.settle
          const used = busy(sockets)
          yield* TestClock.adjust("3 seconds")
          cut(used)
          yield* Fiber.join(fiber)
          assert.strictEqual(yield* distrusted, 0)
          const siblings = sockets.filter((socket) => socket !== used)
          assert.deepStrictEqual(
            siblings.map(({ destroyed, parked }) => [destroyed, parked]),
            [
              [undefined, true],
              [undefined, true]
            ]
          )
        })
      )
    )
  }
})
