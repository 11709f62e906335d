/** Thousands of requests of every kind through each real server, whose connections carry few requests each. */
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const CONCURRENCY = 16
const COUNT = scaled(20_000, 1000)

for (const peer of installed) {
  describe(`${peer.name}`, () => {
    for (const [what, requests] of [
      ["three requests on a connection", 3],
      ["a thousand requests on a connection", 1000]
    ] as const) {
      it.scopedLive(
        `with ${what}: none fails, and each answer is its request's`,
        () =>
          Effect.gen(function* () {
            const server = yield* peer.start({ requests })
            const [failures, stats] = yield* Effect.gen(function* () {
              const failures = yield* Traffic.run(server.url, {
                kinds: [...Traffic.repeatable, Traffic.kinds.streamed, Traffic.kinds.plainPost],
                count: COUNT,
                concurrency: CONCURRENCY
              })
              return [failures, yield* settled(yield* ConnectionPool.ConnectionPool)] as const
            }).pipe(Effect.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: CONCURRENCY })))
            console.log(
              `${peer.name}, ${what}: ${COUNT} requests, ${failures.length} failed; ${stats.created} connections, ` +
                `hit rate ${stats.hitRate.toFixed(3)}, ${stats.staleRetries} sent again; closed ${JSON.stringify(stats.closed)}`
            )
            assert.deepStrictEqual(Traffic.shown(failures), [])
            assertBalanced(stats)
            // As often as the server lets it, and no more often; Apache does not count the first.
            assert.isAtLeast(stats.created, COUNT / (requests + 1))
            assert.isAbove(stats.hitRate, requests === 3 ? 0.5 : 0.7)
          }),
        scaled(300_000, 60_000)
      )
    }
  })
}
