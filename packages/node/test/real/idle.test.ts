/** Real servers that keep an idle connection for a second, used at just that age. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool, type PoolStats } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import { type Certificates, certificates } from "../support/certificates.js"
import type { Report } from "./support/peer.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const LANES = scaled(128, 64)
const ROUNDS = scaled(20, 2)
/** What may be sent on a connection that dies, and is small enough for all to be sent within milliseconds. */
const kinds = [Traffic.kinds.small, Traffic.kinds.keyedPost, Traffic.kinds.head]

const isTogether = (report: Report): boolean => report.held === LANES

const hasSeenClosing = ({ closed, staleRetries }: PoolStats.PoolStats): boolean =>
  staleRetries + (closed["PeerClosed"] ?? 0) + (closed["IdleTimeout"] ?? 0) > 0

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const servers = installed.flatMap((peer) => [false, true].map((secure) => ({ peer, secure })))

// The servers wait beside each other, so this costs the time of one.
describe("an idle connection is kept for a second", { concurrent: true }, () => {
  for (const { peer, secure } of servers) {
    const name = secure ? `${peer.name} behind TLS` : peer.name
    it.scopedLive(
      `by ${name}: none of ${LANES * (ROUNDS + 1)} requests fails, sent when it is just closing`,
      () =>
        Effect.gen(function* () {
          const server = yield* peer.start({
            idle: 1,
            ...(secure ? { tls: { certificates: certs, version: "1.3" } } : {})
          })
          const [failures, stats] = yield* Effect.gen(function* () {
            // Answers that are kept back until all are asked for: so many connections, idle from one moment on.
            const together = yield* Effect.fork(
              Traffic.run(server.url, { kinds: [Traffic.kinds.held], count: LANES, concurrency: LANES })
            )
            yield* Effect.repeat(server.upstream.report, { until: isTogether })
            yield* server.upstream.release
            assert.deepStrictEqual(Traffic.shown(yield* Fiber.join(together)), [])
            /** The load itself is timed: each lane's requests are a second apart, give or take, each its own way. */
            const lane = (number: number) =>
              Effect.forEach(
                Array.from({ length: ROUNDS }, (_, round) => round),
                (round) =>
                  Effect.zipRight(
                    Effect.sleep(1000 - LANES / 2 + number),
                    Traffic.run(server.url, { kinds, count: 1, concurrency: 1, from: number * 100 + round })
                  )
              )
            const failures = yield* Effect.forEach(
              Array.from({ length: LANES }, (_, number) => number),
              lane,
              { concurrency: "unbounded" }
            )
            const pool = yield* ConnectionPool.ConnectionPool
            // It closes connections at just that age, if not under the load then after it; Node says beforehand that it will.
            const closing = Effect.repeat(Effect.zipRight(Effect.sleep(50), pool.stats), {
              until: (stats) => hasSeenClosing(stats)
            })
            yield* Effect.timeoutFail(closing, { duration: 20_000, onTimeout: () => new Error("nothing was closed") })
            return [failures.flat(2), yield* settled(pool)] as const
          }).pipe(
            Effect.provide(
              NodePooledHttpClient.layer({ maxIdlePerHost: LANES, connector: { tls: { ca: certs.ca.cert } } })
            )
          )
          console.log(
            `${name}, a second idle: ${LANES * (ROUNDS + 1)} requests, ${failures.length} failed; ${stats.created} ` +
              `connections, ${stats.staleRetries} sent again; closed ${JSON.stringify(stats.closed)}`
          )
          assert.deepStrictEqual(Traffic.shown(failures), [])
          assertBalanced(stats)
        }),
      scaled(300_000, 90_000)
    )
  }
})
