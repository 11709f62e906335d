import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { partsOf, takeScopeSignal } from "../src/internal/platformInternals.js"
import { get } from "./support.js"

/** A client that shows each request to a function before it fails. */
const looking = (look: (request: HttpClientRequest.HttpClientRequest) => void) =>
  HttpClient.makeWith(
    (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) =>
      Effect.flatMap(request, (request) => {
        look(request)
        return Effect.fail("looked")
      }),
    Effect.succeed as HttpClient.HttpClient.Preprocess<never, never>
  )

describe("what is read of the platform's internals", () => {
  it.effect("a scoped request is announced by a signal that aborts when its scope closes, and is taken once", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      let again: AbortSignal | undefined
      const client = HttpClient.withScope(
        looking((request) => {
          signal = takeScopeSignal(request)
          again = takeScopeSignal(request)
        })
      )
      const during = yield* Effect.scoped(
        Effect.zipRight(
          Effect.flip(client.execute(get())),
          Effect.sync(() => signal?.aborted)
        )
      )
      assert.strictEqual(during, false)
      assert.isTrue(signal?.aborted)
      assert.isUndefined(again)
    })
  )

  it.effect("a request outside a scope has none", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      yield* Effect.flip(
        looking((request) => {
          signal = takeScopeSignal(request)
        }).execute(get())
      )
      assert.isUndefined(signal)
    })
  )

  it.effect("a client has two halves, and what prepares a request is not in the one that sends it", () =>
    Effect.gen(function* () {
      const sent: Array<string> = []
      const client = HttpClient.mapRequest(
        looking((request) => sent.push(request.method)),
        HttpClientRequest.setMethod("PUT")
      )
      const { postprocess, preprocess } = partsOf(client)
      yield* Effect.flip(postprocess(Effect.succeed(get())))
      yield* Effect.flip(postprocess(preprocess(get())))
      assert.deepStrictEqual(sent, ["GET", "PUT"])
    })
  )
})
