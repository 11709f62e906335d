import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, get, kindOf, type Options, post } from "./support.js"

const chunked = Wire.head({ headers: { "transfer-encoding": "chunked" } })

/** Answers that end, and such as need not. */
const server = () =>
  ScriptedServer.make(({ target }) => {
    if (target.startsWith("/events")) return [chunked, "2\r\nhi\r\n", ScriptedServer.hang]
    if (target.startsWith("/large"))
      return [Wire.head({ headers: { "content-length": "10000000" } }), "x".repeat(100_000), ScriptedServer.hang]
    if (target.startsWith("/thinks")) return [ScriptedServer.hang]
    return Wire.ok("small")
  })

const story = <A, E>(
  tell: Effect.Effect<
    A,
    E,
    Effect.Effect.Context<typeof text> | FakeNetwork.FakeNetwork | ConnectionPool.ConnectionPool
  >,
  options: Options = {}
) => Effect.provide(tell, clientLayer(server(), options))

const text = Effect.flatMap(HttpClient.execute(get("/small")), (response) => response.text)
const settle = Effect.flatMap(FakeNetwork.FakeNetwork, ({ settle }) => settle)
const waitsInVain = Effect.map(ConnectionPool.ConnectionPool, ({ unsafe }) => unsafe.waitsInVain())

/** No dial succeeds from here on; those that are made are refused. */
const refuse = (millis: number) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    network.park()
    for (let passed = 0; passed <= millis; passed += 50) {
      yield* network.settle
      for (const dial of network.dials) if (dial.state === "pending") dial.fail()
      yield* network.settle
      assert.isUndefined(yield* waitsInVain)
      if (passed < millis) yield* TestClock.adjust(50)
    }
  })

const open = (request: HttpClientRequest.HttpClientRequest) => Effect.zipLeft(HttpClient.execute(request), settle)

const reads: ReadonlyArray<
  readonly [string, Effect.Effect<unknown, unknown, Effect.Effect.Context<typeof text> | FakeNetwork.FakeNetwork>]
> = [
  [
    "an event stream that is read",
    Effect.flatMap(open(get("/events")), (response) => Effect.fork(Stream.runDrain(response.stream)))
  ],
  ["an event stream that is collected", Effect.flatMap(open(get("/events")), (response) => Effect.fork(response.text))],
  [
    "a body that is paused because its reader is slow",
    Effect.flatMap(open(get("/large")), (response) => PooledHttpClient.pull(response))
  ],
  [
    "an upload that does not end",
    Effect.fork(
      HttpClient.execute(
        post("/thinks").pipe(
          HttpClientRequest.setBody(
            HttpBody.stream(Stream.repeat(Stream.make(new Uint8Array(1)), Schedule.spaced("1 second")))
          )
        )
      )
    )
  ]
]

describe("A host whose only connection carries what need not end, and that refuses new ones", () => {
  for (const [what, begin] of reads) {
    it.effect(`fails a request with the dial's error within a second: ${what}`, () =>
      story(
        Effect.gen(function* () {
          yield* begin
          yield* settle
          const fiber = yield* Effect.fork(Effect.flip(text))
          yield* refuse(1000)
          const error = Option.getOrThrow(yield* Fiber.poll(fiber))
          assert.strictEqual(kindOf(yield* error), "RequestError Transport ConnectError")
        })
      )
    )
  }

  it.effect("answers a request when it listens again 300 ms later", () =>
    story(
      Effect.gen(function* () {
        yield* open(get("/events"))
        const fiber = yield* Effect.fork(text)
        yield* refuse(300)
        ;(yield* FakeNetwork.FakeNetwork).autoAccept(server())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "small")
      })
    )
  )
})

describe("A host that refuses new connections while an answer is awaited on one", () => {
  it.effect("keeps those in line waiting for it, and answers them within a second of its return", () =>
    story(
      Effect.gen(function* () {
        yield* Effect.fork(HttpClient.execute(get("/thinks")))
        yield* settle
        const fiber = yield* Effect.fork(text)
        yield* refuse(20_000)
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        ;(yield* FakeNetwork.FakeNetwork).autoAccept(server())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "small")
      })
    )
  )

  it.effect("counts on no answer for which no limit in time is set", () =>
    story(
      Effect.gen(function* () {
        yield* Effect.fork(HttpClient.execute(get("/thinks")))
        yield* settle
        const fiber = yield* Effect.fork(Effect.flip(text))
        yield* refuse(1000)
        assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)))
      }),
      { safety: { headersTimeout: Infinity } }
    )
  )
})

describe("AcquireTimeout behind open streams", () => {
  it.effect("says how many stream, for how long, and what to raise", () =>
    story(
      Effect.gen(function* () {
        for (let i = 0; i < 3; i++) {
          const response = yield* open(get("/events"))
          yield* Effect.fork(Stream.runDrain(response.stream))
        }
        const fiber = yield* Effect.fork(Effect.flip(text))
        yield* TestClock.adjust("30 seconds")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(kindOf(error), "RequestError Transport AcquireTimeout")
        assert.include(error.message, "3 active (3 of them have been streaming, the longest for 30000 ms)")
        assert.include(error.message, "raise maxConnectionsPerHost")
      }),
      { pool: { maxConnectionsPerHost: 3 } }
    )
  )

  it.effect("counts no answer that has ended", () =>
    story(
      Effect.gen(function* () {
        assert.strictEqual(yield* text, "small")
        yield* open(get("/events"))
        const fiber = yield* Effect.fork(Effect.flip(text))
        yield* TestClock.adjust("10 millis")
        const error = yield* Fiber.join(fiber)
        assert.include(error.message, "1 active (1 of them has been streaming for 10 ms)")
      }),
      { pool: { maxConnectionsPerHost: 1, acquireTimeout: 10 } }
    )
  )
})
