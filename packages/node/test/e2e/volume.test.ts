import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { serve } from "../peers/support/LoopbackServer.js"
import { assertBalanced } from "./support/balance.js"
import { seeded } from "./support/random.js"

const REQUESTS = 10_000
const CONNECTIONS = 32

describe("many requests over few connections", () => {
  it.scopedLive(
    "10,000 requests over 32 connections: every response belongs to its request",
    () =>
      Effect.gen(function* () {
        const random = seeded(20_261_124)
        const server = yield* serve((request, reply) => {
          const id = request.header("x-id") ?? ""
          const answer = () =>
            reply.send({
              headers: { "x-id": id },
              body: `${id}|${request.target}|${request.text.length}|${"x".repeat(Number(id) % 300)}`
            })
          // Connections overtake each other, and some answers come in another turn than their request.
          if (random() < 0.3) setImmediate(answer)
          else answer()
        })
        const one = (id: number) => {
          const url = `${server.url}/path/${id}?q=${id}`
          const request =
            id % 4 === 0
              ? HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.text("y".repeat(id % 1000))))
              : HttpClientRequest.get(url)
          return HttpClient.execute(HttpClientRequest.setHeader(request, "x-id", String(id))).pipe(
            Effect.flatMap((response) =>
              Effect.map(response.text, (text) => {
                const sent = id % 4 === 0 ? id % 1000 : 0
                const wanted = `${id}|/path/${id}?q=${id}|${sent}|${"x".repeat(id % 300)}`
                return response.headers["x-id"] === String(id) && text === wanted ? undefined : { id, text, wanted }
              })
            )
          )
        }
        const program = Effect.gen(function* () {
          const results = yield* Effect.forEach(
            Array.from({ length: REQUESTS }, (_, id) => id),
            one,
            { concurrency: 200 }
          )
          assert.deepStrictEqual(
            results.filter((wrong) => wrong !== undefined),
            []
          )
          const pool = yield* ConnectionPool.ConnectionPool
          const stats = yield* pool.stats
          assertBalanced(stats)
          assert.strictEqual(stats.hits + stats.misses, REQUESTS)
          assert.strictEqual(stats.staleRetries, 0)
          assert.strictEqual(stats.created, CONNECTIONS)
        })
        yield* Effect.provide(program, NodePooledHttpClient.layer({ maxConnectionsPerHost: CONNECTIONS }))
        assert.strictEqual(server.requests.length, REQUESTS)
        assert.strictEqual(server.maxOpen, CONNECTIONS)
        const ids = new Set(server.requests.map((request) => request.header("x-id")))
        assert.strictEqual(ids.size, REQUESTS, "each request arrived once")
        yield* server.until(() => server.open === 0)
      }),
    60_000
  )
})
