import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { costsOf } from "./costsSupport.js"
import { clientLayer, get, post } from "./support.js"

const text = (request = get()) => Effect.flatMap(HttpClient.execute(request), (response) => response.text)

/** One write, one read, one suspension, one timer (`headersTimeout`), and a turn before it and one after, in which the connection rests. */
const small = { writes: 1, reads: 1, kept: 1, pauses: 0, turns: 2, timers: 1, forked: 0, suspended: 1 }

const serving = Effect.provide(clientLayer(ScriptedServer.make(() => Wire.ok("small"), { later: true })))

describe("a small request on a kept connection costs", () => {
  it.effect("one write, one read, one suspension, one timer and no fiber", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(text()), small)
    }).pipe(serving)
  )

  it.effect("the same without a span", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(Effect.withTracerEnabled(text(), false)), small)
    }).pipe(serving)
  )

  it.effect("the same if nobody reads the answer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(HttpClient.execute(get())), small)
    }).pipe(serving)
  )

  it.effect("the same with limits of its own, but for the timer of requestTimeout", () =>
    Effect.gen(function* () {
      const limits = { acquireTimeout: "1 second", tcpKeepAlive: "10 seconds", bodyTimeout: "1 second" } as const
      assert.deepStrictEqual(yield* costsOf(HttpSafety.withLimits(text(), limits)), small)
      const timed = HttpSafety.withLimits(text(), { requestTimeout: "1 second" })
      assert.deepStrictEqual(yield* costsOf(timed), { ...small, timers: 2 })
      const untimed = HttpSafety.withLimits(text(), { headersTimeout: "1 day" })
      assert.deepStrictEqual(yield* costsOf(untimed), small)
    }).pipe(serving)
  )

  it.effect("the same if it may not be repeated", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(text(post())), small)
    }).pipe(serving)
  )

  it.effect("no more when its body is pulled", () =>
    Effect.gen(function* () {
      const pulled = Effect.flatMap(HttpClient.execute(get()), PooledHttpClient.pull)
      assert.deepStrictEqual(yield* costsOf(pulled), small)
    }).pipe(serving)
  )
})
