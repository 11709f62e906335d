import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { serve } from "../peers/support/LoopbackServer.js"

const ROUNDS = 20

describe("a response that nobody asked for", () => {
  it.live("in a segment of its own, with a request in line: it never answers that request", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        reply.send({ body: request.target })
        // The client reads the answer in the next turn; the stray one is with the operating system after it, before the
        // turn for which a returned connection rests is over.
        if (request.target.startsWith("/first/")) {
          setImmediate(() => setImmediate(() => reply.send({ body: "stray" })))
        }
      })
      const get = (path: string) => Effect.flatMap(HttpClient.get(`${server.url}${path}`), (response) => response.text)
      for (let round = 0; round < ROUNDS; round++) {
        const wanted = [`/first/${round}`, `/second/${round}`]
        const texts = yield* Effect.all(wanted.map(get), { concurrency: 2 })
        assert.deepStrictEqual(texts, wanted)
      }
      // The connection was given up each time; nothing was sent twice.
      assert.strictEqual(server.requests.length, 2 * ROUNDS)
      const stats = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
      assert.isAtLeast(stats.created, ROUNDS)
      assert.strictEqual(stats.staleRetries, 0)
      // The last one comes when the program has ended.
      const { LeftoverBytes = 0, UnexpectedBytes = 0 } = stats.closed
      assert.isAtLeast(LeftoverBytes + UnexpectedBytes, ROUNDS - 1)
      assert.strictEqual(stats.created, LeftoverBytes + UnexpectedBytes + stats.pooledConnections)
    }).pipe(Effect.scoped, Effect.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: 1 })))
  )
})
