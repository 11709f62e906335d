/** Real servers that read their configuration again, or end in good order, while requests are under way. */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import * as Load from "./support/load.js"
import type { Report } from "./support/peer.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const CONCURRENCY = 16
const RELOADS = scaled(10, 2)
/** Requests from one reload, or end, to the next. */
const BETWEEN = scaled(500, 60)

const kinds = [...Traffic.repeatable, Traffic.kinds.plainPost]

const isPlain = ({ name }: Traffic.Failure) => name.startsWith("POST /echo/plain-")
const layer = NodePooledHttpClient.layer({ maxConnectionsPerHost: CONCURRENCY })

/** What became of the load, once its pool has come to rest. */
const settledWith = (load: Load.Load) =>
  Effect.gen(function* () {
    const { failures, sent } = yield* load.end
    const stats = yield* settled(yield* ConnectionPool.ConnectionPool)
    const plain = failures.filter(isPlain)
    return { stats, plain, sent, failures: failures.filter((failure) => !isPlain(failure)) }
  })

type Settled = Effect.Effect.Success<ReturnType<typeof settledWith>>

const log = (what: string, { failures, plain, sent, stats }: Settled) =>
  console.log(
    `${what}: ${sent} requests, ${failures.length} failed, and ${plain.length} POSTs without a key; ${stats.created} ` +
      `connections, ${stats.staleRetries} sent again; closed ${JSON.stringify(stats.closed)}`
  )

/**
 * None failed but POSTs without a key whose connection broke: nobody can know whether those were carried out, and none was
 * carried out twice.
 */
const assertUnharmed = ({ failures, plain, sent, stats }: Settled, reports: ReadonlyArray<Report>) => {
  assert.deepStrictEqual(Traffic.shown(failures), [])
  assertBalanced(stats)
  for (const { error } of plain) {
    assert.strictEqual((error.cause as { readonly _tag: string })._tag, "ConnectionBroken")
  }
  const seen = new Map<string, number>()
  for (const [name, count] of reports.flatMap((report) => Object.entries(report.seen))) {
    seen.set(name, (seen.get(name) ?? 0) + count)
  }
  const posts = [...seen].filter(([name]) => name.startsWith("POST /echo/plain-"))
  assert.isAtLeast(posts.length, Math.floor(sent / kinds.length) - plain.length)
  for (const [name, count] of posts) assert.strictEqual(count, 1, name)
}

for (const peer of installed) {
  describe(`${peer.name}`, () => {
    it.scopedLive(
      `reloaded ${RELOADS} times under load: no GET and no POST with a key fails; no POST without one is carried out twice`,
      () =>
        Effect.gen(function* () {
          const server = yield* peer.start({})
          const outcome = yield* Effect.gen(function* () {
            const load = yield* Load.start(server.url, kinds, CONCURRENCY)
            yield* Effect.repeatN(Effect.zipRight(load.more(BETWEEN), server.reload), RELOADS - 1)
            yield* load.more(BETWEEN)
            return yield* settledWith(load)
          }).pipe(Effect.scoped, Effect.provide(layer))
          log(`${peer.name}, ${RELOADS} reloads`, outcome)
          assertUnharmed(outcome, [yield* server.upstream.report])
          // Connections ended that had not come to their own end.
          assert.isAbove(outcome.stats.created, CONCURRENCY)
        }),
      scaled(300_000, 60_000)
    )

    it.scopedLive(
      `ended in good order ${RELOADS} times under load, and each time followed by another: whoever sends again what is ` +
        "safe to send again sees no failure, and nothing is carried out twice",
      () =>
        Effect.gen(function* () {
          let server = yield* peer.start({})
          const upstreams = [server.upstream]
          const [outcome, reports] = yield* Effect.gen(function* () {
            const load = yield* Load.start(server.url, kinds.map(Traffic.insisting), CONCURRENCY)
            for (let i = 0; i < RELOADS; i++) {
              yield* load.more(BETWEEN)
              yield* server.beginStop
              yield* server.stopped
              server = yield* peer.start({ port: server.port })
              upstreams.push(server.upstream)
            }
            yield* load.more(BETWEEN)
            return [yield* settledWith(load), yield* Effect.all(upstreams.map(({ report }) => report))] as const
          }).pipe(Effect.scoped, Effect.provide(layer))
          log(`${peer.name}, ended ${RELOADS} times`, outcome)
          assertUnharmed(outcome, reports)
          assert.isAbove(outcome.stats.created, CONCURRENCY)
        }),
      scaled(300_000, 60_000)
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
