/** Real servers that read their configuration again, or end in good order, while requests are under way. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const CONCURRENCY = 16
const RELOADS = scaled(10, 3)
const BATCH = scaled(1000, 150)

const isPlain = ({ name }: Traffic.Failure) => name.startsWith("POST /echo/plain-")

for (const peer of installed) {
  describe(`${peer.name}`, () => {
    it.scopedLive(
      `reloaded ${RELOADS} times under load: no GET and no POST with a key fails; no POST without one is carried out twice`,
      () =>
        Effect.gen(function* () {
          const server = yield* peer.start({})
          const kinds = [...Traffic.repeatable, Traffic.kinds.plainPost]
          const [failures, sent, stats] = yield* Effect.gen(function* () {
            let reloading = true
            const reloads = yield* Effect.fork(
              Effect.ensuring(
                Effect.repeatN(server.reload, RELOADS - 1),
                Effect.sync(() => {
                  reloading = false
                })
              )
            )
            const failures: Array<Traffic.Failure> = []
            let sent = 0
            // Traffic for as long as it takes, and some behind the last reload.
            for (let more = true; more; ) {
              more = reloading
              failures.push(
                ...(yield* Traffic.run(server.url, { kinds, count: BATCH, concurrency: CONCURRENCY, from: sent }))
              )
              sent += BATCH
            }
            yield* Fiber.join(reloads)
            return [failures, sent, yield* settled(yield* ConnectionPool.ConnectionPool)] as const
          }).pipe(Effect.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: CONCURRENCY })))
          const plain = failures.filter(isPlain)
          console.log(
            `${peer.name}, ${RELOADS} reloads: ${sent} requests, ${failures.length - plain.length} failed, and ` +
              `${plain.length} POSTs without a key; ${stats.created} connections, ${stats.staleRetries} sent again; ` +
              `closed ${JSON.stringify(stats.closed)}`
          )
          assert.deepStrictEqual(Traffic.shown(failures.filter((failure) => !isPlain(failure))), [])
          assertBalanced(stats)
          // Connections ended that had not come to their own end.
          assert.isAbove(stats.created, CONCURRENCY)
          for (const { error } of plain) {
            assert.strictEqual((error.cause as { readonly _tag: string })._tag, "ConnectionBroken")
          }
          const { seen } = yield* server.upstream.report
          const posts = Object.entries(seen).filter(([name]) => name.startsWith("POST /echo/plain-"))
          assert.isAtLeast(posts.length, (sent / BATCH) * Math.floor(BATCH / kinds.length) - plain.length)
          for (const [name, count] of posts) assert.strictEqual(count, 1, name)
        }),
      60_000
    )

    it.scopedLive(
      "ended in good order: what it has begun with is answered; what follows is refused, and served by its successor",
      () =>
        Effect.gen(function* () {
          const old = yield* peer.start({})
          const text = (path: string) =>
            Effect.flatMap(HttpClient.get(`${old.url}${path}`), (response) => response.text)
          yield* Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const idle = Array.from({ length: 8 }, (_, i) => `/slow/${i}`)
            yield* Effect.forEach(idle, text, { concurrency: "unbounded" })
            const held = ["/held/1", "/held/2", "/held/3"]
            const answers = yield* Effect.fork(Effect.forEach(held, text, { concurrency: "unbounded" }))
            yield* Effect.repeat(old.upstream.report, { until: (report) => report.held === held.length })
            yield* old.beginStop
            // Its connections end: the idle ones at once, so that no request is tried on them.
            const events = yield* pool.subscribe
            for (let stats = yield* pool.stats; stats.pooledConnections > 0; stats = yield* pool.stats) {
              yield* events.take
            }
            yield* old.upstream.release
            assert.deepStrictEqual(
              yield* Fiber.join(answers),
              held.map((path) => `GET ${path}`)
            )
            yield* old.stopped
            const refused = yield* Effect.flip(text("/small/refused"))
            const cause = refused.cause as { readonly _tag: string; readonly phase: string; readonly code: string }
            assert.deepStrictEqual([cause._tag, cause.phase, cause.code], ["ConnectError", "tcp", "ECONNREFUSED"])
            yield* peer.start({ port: old.port })
            assert.strictEqual(yield* text("/small/after"), "GET /small/after")
            const stats = yield* settled(pool)
            assert.strictEqual(stats.staleRetries, 0)
            assertBalanced(stats)
          }).pipe(Effect.scoped, Effect.provide(NodePooledHttpClient.layer({})))
        }),
      60_000
    )
  })
}
