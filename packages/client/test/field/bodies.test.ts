/**
 * Bodies that nobody reads, or not to their end: elsewhere they hold their connections until the garbage collector comes.
 */

import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { get, socketNumber } from "../support.js"
import { answer, stats, story, text } from "./support.js"

/** So many bytes are announced, so many sent, and no more come. */
const partly = (announced: number, sent: number) => [
  Wire.head({ headers: { "content-length": `${announced}` } }),
  "x".repeat(sent),
  ScriptedServer.hang
]

describe("A body that nobody reads", () => {
  it.effect(
    "gives its connection back if it is small (Effect-TS/effect#3553, cerbos/cerbos-sdk-javascript#956, bluesky-social/atproto#3819)",
    () =>
      story(
        function* () {
          for (let i = 0; i < 20; i++) yield* HttpClient.execute(get())
          assert.deepStrictEqual([(yield* stats).created, (yield* stats).activeConnections], [1, 0])
        },
        ScriptedServer.always(Wire.ok("x".repeat(50_000)))
      )
  )

  it.effect(
    "loses its connection after a while if it is large, without the help of a garbage collector (nodejs/undici#4364)",
    () =>
      story(
        function* () {
          const responses = []
          for (let i = 0; i < 20; i++) responses.push(yield* HttpClient.execute(get()))
          assert.strictEqual((yield* stats).activeConnections, 20)
          yield* TestClock.adjust("31 seconds")
          assert.deepStrictEqual(
            [(yield* stats).activeConnections, (yield* FakeNetwork.FakeNetwork).open.length],
            [0, 0]
          )
          // Held all the while: nothing was collected.
          assert.strictEqual(responses.length, 20)
        },
        ScriptedServer.always(partly(10_000_000, 100_000))
      )
  )
})

describe("A body that is read in part", () => {
  it.effect("is drained, and saves its connection, if the rest is small (golang/go#77370, google/go-github#317)", () =>
    story(function* () {
      const reader = yield* Effect.fork(
        Effect.flatMap(HttpClient.execute(get()), (response) => Stream.runHead(response.stream))
      )
      const socket = yield* socketNumber(0)
      yield* socket.takeRequest
      socket.send(Wire.head({ headers: { "content-length": "200000" } }))
      socket.send("x".repeat(1000))
      yield* Fiber.join(reader)
      socket.send("x".repeat(199_000))
      const next = yield* Effect.fork(text(get("/next")))
      yield* answer(socket, Wire.ok("on the same connection"))
      assert.strictEqual(yield* Fiber.join(next), "on the same connection")
      assert.strictEqual((yield* stats).created, 1)
    })
  )

  it.effect("is drained for so long and no longer (golang/go#77370, google/go-github#317)", () =>
    story(
      function* () {
        yield* Effect.flatMap(HttpClient.execute(get()), (response) => Stream.runHead(response.stream))
        yield* TestClock.adjust("249 millis")
        assert.strictEqual((yield* stats).activeConnections, 1)
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual((yield* stats).closed, { BodyNotDrained: 1 })
      },
      ScriptedServer.always(partly(200_000, 1000))
    )
  )

  it.effect(
    "leaves no connection behind, however its stream ends (Effect-TS/effect-smol#1678, Effect-TS/effect#5402)",
    () =>
      story(
        function* () {
          const take = HttpClient.execute(get()).pipe(
            Effect.map((response) => response.stream),
            Stream.unwrap
          )
          const ends: ReadonlyArray<Effect.Effect<unknown, unknown, HttpClient.HttpClient>> = [
            Stream.runHead(take),
            Stream.runDrain(Stream.take(take, 1)),
            Stream.runDrain(Stream.mapEffect(take, () => Effect.fail("no"))),
            Stream.runDrain(Stream.mapEffect(take, () => Effect.die("no"))),
            Stream.runDrain(Stream.mapEffect(take, () => Effect.interrupt)),
            Effect.timeoutOption(Stream.runDrain(take), "1 second")
          ]
          for (const end of ends) {
            const fiber = yield* Effect.fork(Effect.exit(end))
            yield* TestClock.adjust("1 second")
            yield* Fiber.join(fiber)
          }
          assert.deepStrictEqual([(yield* stats).created, (yield* stats).activeConnections], [ends.length, 0])
          assert.deepStrictEqual((yield* FakeNetwork.FakeNetwork).open, [])
        },
        ScriptedServer.always(partly(10_000_000, 1000))
      )
  )
})
