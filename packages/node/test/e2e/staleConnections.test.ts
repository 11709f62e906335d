import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { type Handler, serve } from "../peers/support/LoopbackServer.js"
import { assertBalanced } from "./support/balance.js"
import { seeded } from "./support/random.js"

/** Answers, and closes the connection a moment later without having said so. */
const closing =
  (random: () => number, how: "end" | "reset"): Handler =>
  (request, reply) => {
    reply.send({ body: request.target })
    const kind = random()
    if (kind < 0.25) setImmediate(() => reply[how]())
    else if (kind < 0.5) setTimeout(() => reply[how](), Math.floor(random() * 4))
  }

describe("a server that closes idle connections under us", () => {
  for (const how of ["end", "reset"] as const) {
    it.scopedLive(
      `2,000 GETs against connections closed by ${how === "end" ? "an end" : "a reset"}: not one fails`,
      () =>
        Effect.gen(function* () {
          const random = seeded(7)
          const server = yield* serve(closing(random, how))
          const one = (i: number) =>
            HttpClient.get(`${server.url}/${i}`).pipe(
              Effect.flatMap((response) => response.text),
              Effect.map((text) => assert.strictEqual(text, `/${i}`)),
              // A pause, so that connections are idle when the server closes them.
              Effect.zipLeft(Effect.sleep(Math.floor(random() * 4)))
            )
          const program = Effect.gen(function* () {
            yield* Effect.forEach(
              Array.from({ length: 2000 }, (_, i) => i),
              one,
              { concurrency: 8, discard: true }
            )
            const pool = yield* ConnectionPool.ConnectionPool
            const stats = yield* pool.stats
            assertBalanced(stats)
            // Reuse and death both happened, or nothing was tested.
            assert.isAbove(stats.hits, 200)
            assert.isAbove(stats.created, 200)
          })
          yield* Effect.provide(program, NodePooledHttpClient.layer({ maxConnectionsPerHost: 8 }))
        }),
      60_000
    )
  }

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
