import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, type FakeSocket, Wire } from "@hotaru/testing"
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

const megabyte = 1024 * 1024

/** Bounded by the test's own time: a collection may leave the rest to a later turn of the event loop. */
const heldFallsBelow = (bytes: number) =>
  Effect.gen(function* () {
    for (;;) {
      collectGarbage()
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      if (process.memoryUsage().arrayBuffers < bytes) return
    }
  })

describe("an error that somebody holds, its stack unread,", () => {
  const failing = (whole: HttpClient.HttpClient, count: number, send: (socket: FakeSocket.FakeSocket) => void) =>
    Effect.gen(function* () {
      const errors: Array<unknown> = []
      for (let number = 0; number < count; number++) {
        const fiber = yield* Effect.fork(Effect.flip(Effect.flatMap(whole.execute(get()), (response) => response.text)))
        const socket = yield* socketNumber(number)
        yield* socket.takeRequest
        send(socket)
        const network = yield* FakeNetwork.FakeNetwork
        yield* network.settle
        socket.reset()
        errors.push(yield* Fiber.join(fiber))
      }
      return errors
    })

  for (const [what, answer] of [
    ["half a head", `HTTP/1.1 200 OK\r\n${`a: ${"b".repeat(50_000)}\r\n`.repeat(10)}`],
    ["half a body that was collected", `HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${"b".repeat(500_000)}`]
  ] as const) {
    it.live(`does not hold ${what}`, () =>
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        collectGarbage()
        const before = process.memoryUsage().arrayBuffers
        const errors = yield* failing(client, 20, (socket) => socket.send(answer))
        yield* heldFallsBelow(before + 4 * megabyte)
        assert.strictEqual(errors.length, 20)
      }).pipe(Effect.provide(clientLayer()))
    )
  }
})

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
