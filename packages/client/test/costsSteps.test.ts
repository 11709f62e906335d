import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { stepsOf } from "./costsSupport.js"
import { clientLayer, get, post } from "./support.js"

const server = ScriptedServer.make(() => Wire.ok("{}"), { later: true })
const serving = Effect.provide(clientLayer(server))

/** `HttpClient.execute`: the client is looked up, and called. */
const called = ["OnSuccess", "Tag", "Sync"]

/** Plan, span and exchange are made in one step; then comes a mask, in it what follows the answer, in that the wait. */
const asked = ["WithRuntime", "UpdateRuntimeFlags", "OnSuccessAndFailure", "UpdateRuntimeFlags", "Commit", "Async"]

/** The answer, out of the region that can be interrupted; the response, out of the mask. */
const answered = ["Success", "Success", "Success", "Success"]

const executed = [...called, ...asked, ...answered]

/** The body lies ready and is decoded in one step. */
const collected = ["WithRuntime", "Success"]

const execute = HttpClient.execute(get())
const text = Effect.flatMap(execute, (response) => response.text)
const untraced = Effect.withTracerEnabled(false)

describe("the fiber of a small request takes", () => {
  it.effect("13 steps until it has the response", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* stepsOf(execute), executed)
    }).pipe(untraced, serving)
  )

  it.effect("3 more for its text: what is done next, and the text", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* stepsOf(text), ["OnSuccess", ...executed, ...collected])
    }).pipe(untraced, serving)
  )

  it.effect("as many to send JSON and to read it", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.setBody(post(), HttpBody.unsafeJson({ a: 1 }))
      const json = Effect.flatMap(HttpClient.execute(request), (response) => response.json)
      assert.deepStrictEqual(yield* stepsOf(json), ["OnSuccess", ...executed, ...collected])
    }).pipe(untraced, serving)
  )

  it.effect("as many with limits of the layer's, timed ones among them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* stepsOf(execute), executed)
    }).pipe(
      untraced,
      Effect.provide(clientLayer(server, { safety: { requestTimeout: "1 second", bodyTimeout: "1 second" } }))
    )
  )

  it.effect("25 more with limits of its own: they are put into the context around it, and taken out again", () =>
    Effect.gen(function* () {
      const limited = HttpSafety.withLimits(execute, { requestTimeout: "1 second" })
      assert.strictEqual((yield* stepsOf(limited)).length, executed.length + 25)
    }).pipe(untraced, serving)
  )

  it.effect("one more to make a span, none to end it", () =>
    Effect.gen(function* () {
      const [first, ...others] = asked
      const traced = [first!, others[0]!, "Commit", ...others.slice(1)]
      assert.deepStrictEqual(yield* stepsOf(text), ["OnSuccess", ...called, ...traced, ...answered, ...collected])
    }).pipe(serving)
  )
})
