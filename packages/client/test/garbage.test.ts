import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { clientLayer, get, socketNumber } from "./support.js"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

describe("a response that nobody holds any more", () => {
  it.live("is collected although its body has not ended, and its connection is closed", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.asVoid(HttpClient.execute(get())))
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.head({ headers: { "content-length": "1000000" } }))
      socket.send("begun")
      yield* Fiber.join(fiber)
      // Bounded by the test's own time: a collection may leave finalization to a later turn of the event loop.
      while (socket.destroyed === undefined) {
        collectGarbage()
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
    }).pipe(Effect.provide(clientLayer()))
  )
})
