import { HttpClient, type HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { PoolError } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, socketNumber } from "./support.js"

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

/** How long two requests made together, one of them under limits of its own, take to fail. */
const failures = (limits: Partial<HttpSafety.HttpSafety>, seconds: number) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const usual = yield* Effect.fork(text(get("/usual")))
    yield* network.settle
    const own = yield* Effect.fork(HttpSafety.withLimits(text(get("/own")), limits))
    yield* network.settle
    yield* TestClock.adjust(seconds * 1000 - 1)
    yield* network.settle
    assert.isTrue(Option.isNone(yield* Fiber.poll(own)), "it failed too early")
    yield* TestClock.adjust(1)
    yield* network.settle
    assert.isTrue(Option.isNone(yield* Fiber.poll(usual)), "the limit held for another call")
    return kindOf(yield* Effect.flip(Fiber.join(own)))
  })

describe("a limit in time, for one call alone", () => {
  it.effect("headersTimeout", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failures({ headersTimeout: "2 seconds" }, 2), "RequestError Transport ExchangeTimeout")
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("bodyTimeout", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failures({ bodyTimeout: "3 seconds" }, 3), "ResponseError Decode ExchangeTimeout")
    }).pipe(
      Effect.provide(
        clientLayer(ScriptedServer.always([Wire.head({ headers: { "content-length": "3" } }), ScriptedServer.hang]))
      )
    )
  )

  it.effect("requestTimeout", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failures({ requestTimeout: "4 seconds" }, 4), "RequestError Transport ExchangeTimeout")
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("acquireTimeout, shorter than the pool's", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* failures({ acquireTimeout: "5 seconds" }, 5), "RequestError Transport AcquireTimeout")
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("acquireTimeout, longer than the pool's", () =>
    Effect.gen(function* () {
      const socket = yield* Effect.zipRight(Effect.fork(text(get("/holds"))), socketNumber(0))
      const usual = yield* Effect.fork(Effect.flip(text(get("/usual"))))
      const patient = yield* Effect.fork(HttpSafety.withLimits(text(get("/patient")), { acquireTimeout: "1 minute" }))
      yield* (yield* FakeNetwork.FakeNetwork).settle
      yield* TestClock.adjust("59 seconds")
      assert.include((yield* Fiber.join(usual)).message, "within 30000 ms (acquireTimeout)")
      for (const body of ["held", "patient"]) {
        yield* socket.takeRequest
        socket.send(Wire.ok(body))
      }
      assert.strictEqual(yield* Fiber.join(patient), "patient")
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("is the layer's where the layer names it", () =>
    Effect.gen(function* () {
      yield* Effect.zipRight(Effect.fork(text(get("/holds"))), socketNumber(0))
      const fiber = yield* Effect.fork(Effect.flip(text(get())))
      yield* (yield* FakeNetwork.FakeNetwork).settle
      yield* TestClock.adjust("2 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "within 2000 ms (acquireTimeout)")
    }).pipe(
      Effect.provide(
        clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 }, safety: { acquireTimeout: "2 seconds" } })
      )
    )
  )
})

describe("tcpKeepAlive", () => {
  const told = (socket: FakeSocket.FakeSocket) => {
    const calls: Array<readonly [number | undefined, boolean]> = []
    socket.connection.keepAlive = (millis) => {
      calls.push([millis, socket.parked])
    }
    return calls
  }

  it.effect("is set before the request is written and undone before the connection is somebody else's", () =>
    Effect.gen(function* () {
      yield* text(get())
      const socket = yield* socketNumber(0)
      const calls = told(socket)
      yield* text(get())
      assert.deepStrictEqual(calls, [], "a call that does not ask for it")
      yield* HttpSafety.withLimits(text(get()), { tcpKeepAlive: "10 seconds" })
      yield* HttpSafety.withLimits(text(get()), { tcpKeepAlive: "off" })
      yield* HttpSafety.withLimits(text(get()), { tcpKeepAlive: 0 })
      assert.deepStrictEqual(calls, [
        [10_000, false],
        [undefined, false],
        [0, false],
        [undefined, false],
        [0, false],
        [undefined, false]
      ])
      yield* (yield* FakeNetwork.FakeNetwork).settle
      assert.isTrue(socket.parked)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x")))))
  )

  it.effect("does nothing on a connection that has none", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* HttpSafety.withLimits(text(get()), { tcpKeepAlive: "10 seconds" }), "x")
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x")))))
  )

  it.effect("and acquireTimeout that make no sense are refused, naming field and value", () =>
    Effect.gen(function* () {
      for (const safety of [
        { tcpKeepAlive: "10 millis" },
        { tcpKeepAlive: "10 hours" },
        { tcpKeepAlive: "soon" as "off" },
        { acquireTimeout: 0 },
        { acquireTimeout: "soon" as "1 second" }
      ] as const) {
        const exit = yield* Effect.exit(Effect.provide(text(get()), clientLayer(undefined, { safety })))
        const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.deepStrictEqual(
          [defect.field, defect.value],
          [`safety.${Object.keys(safety)[0]}`, Object.values(safety)[0]]
        )
      }
    })
  )
})
