import { inspect } from "node:util"
import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool, Connector, PoolError } from "@hotaru/pool"
import { Cause, Effect, Layer } from "effect"

const refusing = Layer.succeed(Connector.Connector, {
  connect: (key) =>
    Effect.fail(
      new PoolError.ConnectError({
        key,
        phase: "tls",
        code: "CERT_HAS_EXPIRED",
        detail: "the certificate has expired (CERT_HAS_EXPIRED)",
        local: false
      })
    )
})

const client = PooledHttpClient.layer.pipe(Layer.provideMerge(ConnectionPool.layer()), Layer.provide(refusing))

const expired =
  "Could not connect to https://a.test:443 (tls): the certificate has expired (CERT_HAS_EXPIRED) (GET https://a.test/x)"

describe("an error's message", () => {
  it.effect("begins with what happened, wherever it is read, and keeps reason, cause and tag", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.get("https://a.test/x"))
      assert.strictEqual(error.message, expired)
      assert.strictEqual(String(error), `RequestError: ${expired}`)
      assert.strictEqual(Cause.pretty(Cause.fail(error)).split("\n")[0], `RequestError: ${expired}`)
      assert.strictEqual(inspect(error).split("\n")[0], `[RequestError: ${expired}] {`)
      assert.isTrue(error instanceof HttpClientError.RequestError)
      assert.isTrue(HttpClientError.isHttpClientError(error))
      assert.deepInclude(error, { _tag: "RequestError", reason: "Encode" })
      assert.instanceOf(error.cause, PoolError.ConnectError)
      assert.isTrue(HttpClientRequest.TypeId in error.request)
    }).pipe(Effect.provide(client))
  )

  it.effect("stands in a printed cause without frames of ours, and with the user's spans", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.withSpan(HttpClient.get("https://a.test/x"), "checkout"))
      assert.isTrue(exit._tag === "Failure")
      if (exit._tag === "Success") return
      const pretty = Cause.pretty(exit.cause, { renderErrorCause: true })
      assert.notMatch(pretty, /hotaru|internal|packages\/(client|pool)\/src/)
      assert.match(pretty, /at checkout \(.*messages\.test\.ts:\d+:\d+\)/)
    }).pipe(Effect.provide(client))
  )
})
