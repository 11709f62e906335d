/**
 * The end of the layer: elsewhere it hangs for ever, or cuts requests off in the middle.
 */

import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, Wire } from "@hotaru/testing"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { get, kindOf, socketNumber } from "../support.js"

const ends: ReadonlyArray<readonly [how: string, exit: Exit.Exit<void, string>]> = [
  ["success", Exit.void],
  ["failure", Exit.fail("no")],
  ["interruption", Exit.interrupt(FiberId.none)]
]

/** A client in a scope of its own, and the end of that scope. */
const client = (drainTimeout: Duration.DurationInput) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    network.autoAccept()
    const scope = yield* Scope.make()
    const layer = Layer.provideMerge(
      PooledHttpClient.layer,
      ConnectionPool.layer({ drainTimeout, lifetimeJitter: 0, maxConnectionsPerHost: 1 })
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    const send = (request: HttpClientRequest.HttpClientRequest) =>
      Context.get(context, HttpClient.HttpClient).execute(request)
    return {
      network,
      scope,
      execute: (path: string) => Effect.flatMap(send(get(path)), (response) => response.text),
      post: (path: string) =>
        Effect.flatMap(send(HttpClientRequest.post(`http://a.test${path}`)), (response) => response.text),
      stream: (path: string) =>
        Effect.flatMap(send(get(path)), (response) => Stream.mkString(Stream.decodeText(response.stream)))
    }
  })

for (const [clock, test] of [
  ["under TestClock", it.effect],
  ["live", it.live]
] as const) {
  describe(`The end of the client's layer, ${clock}`, () => {
    for (const [how, exit] of ends) {
      test(`by ${how}: a request in flight is answered, one in line is served after it, a newcomer is refused`, () =>
        Effect.gen(function* () {
          const { execute, network, scope } = yield* client("1 hour")
          const inFlight = yield* Effect.fork(execute("/slow"))
          const socket = yield* socketNumber(0)
          yield* socket.takeRequest
          const inLine = yield* Effect.fork(execute("/waits"))
          yield* network.settle
          const closing = yield* Effect.fork(Scope.close(scope, exit))
          yield* network.settle
          const refused = yield* Effect.flip(execute("/newcomer"))
          assert.strictEqual(kindOf(refused), encoded)
          assert.isTrue(PooledHttpClient.isSafeToRetry(refused))
          assert.isNull(closing.unsafePoll())
          socket.send(Wire.ok("answered"))
          assert.strictEqual(yield* Fiber.join(inFlight), "answered")
          assert.isNull(closing.unsafePoll())
          yield* socket.takeRequest
          socket.send(Wire.ok("served"))
          assert.strictEqual(yield* Fiber.join(inLine), "served")
          yield* Fiber.join(closing)
          assert.strictEqual(kindOf(yield* Effect.flip(execute("/late"))), encoded)
          assert.deepStrictEqual([network.open.length, network.sockets.length], [0, 1])
        }).pipe(Effect.provide(FakeNetwork.layer)))
    }
  })
}

const encoded = "RequestError Encode PoolClosed"

describe("The end of the layer", () => {
  it.effect("answers a request in flight instead of destroying it (Effect-TS/effect#5325)", () =>
    Effect.gen(function* () {
      const { execute, scope } = yield* client("1 hour")
      const inFlight = yield* Effect.fork(execute("/slow"))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      // Half of the answer, then the other half: the drain waits for the last byte.
      socket.send(Wire.head({ headers: { "content-length": "6" } }))
      socket.send("ans")
      yield* (yield* FakeNetwork.FakeNetwork).settle
      assert.isNull(closing.unsafePoll())
      socket.send("wer")
      assert.strictEqual(yield* Fiber.join(inFlight), "answer")
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.effect("refuses what is still in line when drainTimeout is over, POST too, as safe to send again", () =>
    Effect.gen(function* () {
      const { execute, post, network, scope } = yield* client("30 millis")
      yield* Effect.fork(Effect.exit(execute("/stuck")))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      const inLine = yield* Effect.fork(Effect.flip(post("/waits")))
      yield* network.settle
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(inLine)
      assert.strictEqual(kindOf(error), encoded)
      assert.isTrue(PooledHttpClient.isSafeToRetry(error))
      assert.include(error.message, "in line, when the drain's time was over (drainTimeout, 30 ms)")
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.effect("sends a request in line again whose connection its server had just closed", () =>
    Effect.gen(function* () {
      const { execute, network, scope } = yield* client("1 hour")
      const inFlight = yield* Effect.fork(execute("/slow"))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      const inLine = yield* Effect.fork(execute("/waits"))
      yield* network.settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* network.settle
      socket.send(Wire.ok("answered"))
      yield* Fiber.join(inFlight)
      yield* socket.takeRequest
      socket.end()
      const other = yield* socketNumber(1)
      yield* other.takeRequest
      assert.isNull(closing.unsafePoll())
      other.send(Wire.ok("served"))
      assert.strictEqual(yield* Fiber.join(inLine), "served")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(network.open, [])
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.effect("lets a reader that has begun go on for as long as the drain may take", () =>
    Effect.gen(function* () {
      const { scope, stream } = yield* client("1 hour")
      const reading = yield* Effect.fork(stream("/large"))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.head({ headers: { "content-length": "6" } }))
      socket.send("ans")
      yield* (yield* FakeNetwork.FakeNetwork).settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 minutes")
      assert.isNull(closing.unsafePoll())
      socket.send("wer")
      assert.strictEqual(yield* Fiber.join(reading), "answer")
      yield* Fiber.join(closing)
    }).pipe(Effect.provide(FakeNetwork.layer))
  )

  it.effect(
    "is held up by a request that is never answered for drainTimeout and no longer (Effect-TS/effect#6485)",
    () =>
      Effect.gen(function* () {
        const { execute, network, scope } = yield* client("30 millis")
        const stuck = yield* Effect.fork(Effect.flip(execute("/stuck")))
        const socket = yield* socketNumber(0)
        yield* socket.takeRequest
        // Nobody moves the test's clock: the drain's deadline is in real time.
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(socket.destroyed, "DrainTimeout")
        const error = yield* Fiber.join(stuck)
        assert.strictEqual(kindOf(error), "RequestError Transport ConnectionBroken")
        assert.deepStrictEqual(network.open, [])
      }).pipe(Effect.provide(FakeNetwork.layer))
  )
})
