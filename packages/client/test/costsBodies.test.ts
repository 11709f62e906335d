import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { costsOf, stepsOf } from "./costsSupport.js"
import { clientLayer, get, post } from "./support.js"

const size = 64 * 1024
const pieces = 16

/** The client comes to rest before the next piece. */
const rest = ScriptedServer.run(Effect.repeatN(Effect.yieldNow(), 20))

const server = ScriptedServer.make((request) => {
  if (request.target === "/first" || request.body.length > 0) return Wire.ok("small")
  const head = Wire.head({ headers: { "content-length": String(pieces * size) } })
  return [head, rest, ...Array.from({ length: pieces }, () => [new Uint8Array(size), rest]).flat()]
})

const serving = Effect.provide(clientLayer(server))

const execute = HttpClient.execute(get())
const text = Effect.flatMap(execute, (response) => response.text)
const arrayBuffer = Effect.flatMap(execute, (response) => response.arrayBuffer)
const streamed = Effect.flatMap(execute, (response) => Stream.runDrain(response.stream))
const each = Effect.flatMap(execute, (response) => PooledHttpClient.forEachChunk(response, () => Effect.void))

/**
 * One write; one read for the head and one for each piece, which is kept once; two timers (`headersTimeout`,
 * `unreadBodyTimeout`), none for a piece; a turn before it and one after, in which the connection rests.
 */
const big = { writes: 1, reads: 1 + pieces, kept: pieces, pauses: 0, turns: 2, timers: 2, forked: 0 }

describe("an answer of 1 MiB, in 16 pieces after its head, costs", () => {
  for (const [name, collected] of [
    ["text", text],
    ["arrayBuffer", arrayBuffer]
  ] as const) {
    it.effect(`two suspensions if it is collected (${name}): for the head, and for all the rest`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* costsOf<unknown, unknown, HttpClient.HttpClient>(collected), {
          ...big,
          suspended: 2
        })
      }).pipe(serving)
    )
  }

  it.effect("26 steps of the fiber if it is collected, as many as in two pieces", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* stepsOf(text)).length, 26)
      const two = [Wire.head({ headers: { "content-length": "4096" } }), rest, new Uint8Array(4096)]
      const steps = yield* stepsOf(text).pipe(
        Effect.provide(clientLayer(ScriptedServer.make(({ target }) => (target === "/first" ? Wire.ok("small") : two))))
      )
      assert.strictEqual(steps.length, 26)
    }).pipe(Effect.withTracerEnabled(false), serving)
  )

  it.effect("a suspension for each piece, and for the head, if it is taken piece by piece", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(each), { ...big, suspended: 1 + pieces })
    }).pipe(serving)
  )

  it.effect("a fiber of its own, and some suspensions more for what is between the two, if it is a stream", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(streamed), { ...big, forked: 1, suspended: 23 })
    }).pipe(serving)
  )
})

describe("a request with a body of 1 MiB costs", () => {
  /** The answer is small. */
  const answered = { reads: 1, kept: 1, pauses: 0, turns: 2, timers: 1, forked: 0, suspended: 1 }

  it.effect("five writes if its bytes are there: the head, and pieces of 256 KiB", () =>
    Effect.gen(function* () {
      const body = HttpBody.uint8Array(new Uint8Array(pieces * size))
      assert.deepStrictEqual(yield* costsOf(HttpClient.execute(HttpClientRequest.setBody(post(), body))), {
        ...answered,
        writes: 5
      })
    }).pipe(serving)
  )
})
