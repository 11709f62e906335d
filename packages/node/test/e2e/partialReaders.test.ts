import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { assertBalanced, settled } from "./support/balance.js"
import { memoryInUse } from "./support/heap.js"
import { served } from "./support/processes.js"

const ROUND = 100

describe("a body of which a stream takes the first piece only", () => {
  it.scopedLive("is held by nobody afterwards", () =>
    Effect.gen(function* () {
      const server = yield* served("manySpeeds.mjs")
      const first = (id: number) =>
        Effect.flatMap(HttpClient.get(`${server.url}/big/${id}`), (response) => Stream.runHead(response.stream))
      const program = Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        // Fibers of their own, as requests have: what they ended with is theirs.
        const round = Effect.forEach(
          Array.from({ length: ROUND }, (_, id) => id),
          (id) => Effect.flatMap(Effect.fork(first(id)), (fiber) => Effect.asVoid(fiber.await)),
          { concurrency: 8, discard: true }
        )
        yield* round
        assertBalanced(yield* settled(pool))
        const before = yield* memoryInUse
        yield* round
        assertBalanced(yield* settled(pool))
        const after = yield* memoryInUse
        assert.isBelow((after.buffers - before.buffers) / ROUND, 1000, "bytes in buffers for each")
      })
      yield* Effect.provide(program, NodePooledHttpClient.layer({ maxConnectionsPerHost: 16 }))
    })
  )
})
