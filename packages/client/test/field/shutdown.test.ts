/**
 * The end of the layer: elsewhere it hangs for ever, or cuts requests off in the middle.
 */

import { HttpClient } from "@effect/platform"
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
    const execute = (path: string) => Context.get(context, HttpClient.HttpClient).execute(get(path))
    return { network, scope, execute: (path: string) => Effect.flatMap(execute(path), (response) => response.text) }
  })

for (const [clock, test] of [
  ["under TestClock", it.effect],
  ["live", it.live]
] as const) {
  describe(`The end of the client's layer, ${clock}`, () => {
    for (const [how, exit] of ends) {
      test(`by ${how}: a request in flight is answered, one in line is refused`, () =>
        Effect.gen(function* () {
          const { execute, network, scope } = yield* client("1 hour")
          const inFlight = yield* Effect.fork(execute("/slow"))
          const socket = yield* socketNumber(0)
          yield* socket.takeRequest
          const inLine = yield* Effect.fork(Effect.flip(execute("/waits")))
          yield* network.settle
          const closing = yield* Effect.fork(Scope.close(scope, exit))
          assert.strictEqual(kindOf(yield* Fiber.join(inLine)), encoded)
          assert.isNull(closing.unsafePoll())
          socket.send(Wire.ok("answered"))
          assert.strictEqual(yield* Fiber.join(inFlight), "answered")
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
