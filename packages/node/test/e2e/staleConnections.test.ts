import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { serve } from "../peers/support/LoopbackServer.js"

describe("a server that closes idle connections under us", () => {
  it.scopedLive("a connection closed upon its second request: the GET is sent again, once, and counted", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        if (request.index === 1) reply.send({ body: `connection ${request.connection}` })
        else reply.reset()
      })
      const get = Effect.flatMap(HttpClient.get(server.url), (response) => response.text)
      const program = Effect.gen(function* () {
        assert.strictEqual(yield* get, "connection 1")
        assert.strictEqual(yield* get, "connection 2")
        assert.strictEqual(yield* get, "connection 3")
        const pool = yield* ConnectionPool.ConnectionPool
        assert.strictEqual((yield* pool.stats).staleRetries, 2)
      })
      yield* Effect.provide(program, NodePooledHttpClient.layer({ maxConnectionsPerHost: 1 }))
      assert.strictEqual(server.requests.length, 5)
    })
  )

  it.scopedLive("a POST whose bytes were written is not sent again, unless it says that it may be", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        if (request.index === 1) reply.send({ body: `connection ${request.connection}` })
        else reply.reset()
      })
      const post = (headers: Record<string, string>) =>
        HttpClient.execute(HttpClientRequest.post(server.url, { headers }).pipe(HttpClientRequest.bodyText("x"))).pipe(
          Effect.flatMap((response) => response.text)
        )
      const program = Effect.gen(function* () {
        assert.strictEqual(yield* post({}), "connection 1")
        const error = yield* Effect.flip(post({}))
        assert.strictEqual(error.reason, "Transport")
        assert.strictEqual(server.requests.length, 2)
        assert.strictEqual(yield* post({}), "connection 2")
        assert.strictEqual(yield* post({ "idempotency-key": "1" }), "connection 3")
      })
      yield* Effect.provide(program, NodePooledHttpClient.layer({ maxConnectionsPerHost: 1 }))
    })
  )
})
