import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { clientLayer, get, socketNumber } from "./support.js"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

const logged: Array<{ readonly level: string; readonly message: string }> = []

const recording = Logger.replace(
  Logger.defaultLogger,
  Logger.make(({ logLevel, message }) => {
    logged.push({ level: logLevel.label, message: String(message) })
  })
)

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
      // The last net reports what fell into it, quietly.
      assert.deepStrictEqual(
        logged.filter(({ message }) => message.includes("was dropped with its body unread after 5 bytes")),
        [{ level: "DEBUG", message: logged[0]?.message }]
      )
      assert.include(logged[0]!.message, `http://a.test:80`)
      assert.include(logged[0]!.message, `connection ${socket.id} `)
    }).pipe(Effect.provide(clientLayer()), Effect.provide(recording), Logger.withMinimumLogLevel(LogLevel.All))
  )
})
