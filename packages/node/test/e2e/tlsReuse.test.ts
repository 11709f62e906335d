import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { HttpBody, HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { certificates } from "../support/certificates.js"

const server = Effect.gen(function* () {
  const { server: pair } = yield* Effect.promise(certificates)
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => fork(fileURLToPath(new URL("./fixtures/tlsResponder.mjs", import.meta.url)))),
    (started) => Effect.sync(() => started.disconnect())
  )
  const port = yield* Effect.async<unknown, Error>((resume) => {
    child.once("error", (cause) => resume(Effect.fail(cause)))
    child.once("message", (message) => resume(Effect.succeed(message)))
    child.send(pair)
  })
  return `https://127.0.0.1:${port}/`
})

// On loopback an answer over TLS is often here before the socket says that the request has left.
describe("an answer that comes back at once over TLS", () => {
  for (const concurrency of [1, 8]) {
    it.scopedLive(`costs no connection, ${concurrency} at a time`, () =>
      Effect.gen(function* () {
        const url = yield* server
        const { ca } = yield* Effect.promise(certificates)
        const layer = NodePooledHttpClient.layer({
          maxConnectionsPerHost: concurrency,
          connector: { tls: { ca: ca.cert } }
        })
        const context = yield* Layer.build(layer)
        yield* Effect.gen(function* () {
          const client = yield* HttpClient.HttpClient
          const pool = yield* ConnectionPool.ConnectionPool
          yield* Effect.forEach(
            Array.from({ length: 600 }, (_, i) => i),
            (i) =>
              Effect.gen(function* () {
                const response = yield* i % 3 === 0
                  ? client.post(url, { body: HttpBody.text("x".repeat(i)) })
                  : client.get(url)
                assert.strictEqual(yield* response.text, "ok")
              }),
            { concurrency, discard: true }
          )
          const stats = yield* pool.stats
          assert.deepStrictEqual(stats.closed, {})
          assert.deepStrictEqual([stats.created, stats.hits + stats.misses], [concurrency, 600])
        }).pipe(Effect.provide(context))
      })
    )
  }
})
