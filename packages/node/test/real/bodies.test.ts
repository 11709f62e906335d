/** Bodies and heads of awkward sizes and speeds through real servers. */

import { createHash } from "node:crypto"
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import { turns } from "../support/dialling.js"
import type { Running } from "./support/peer.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const CONCURRENCY = 8
const LIMIT = scaled(300_000, 30_000)

/** Runs with a server whose connections carry few requests; the pool's books must balance in the end. */
const against = (
  start: Effect.Effect<Running, never, Scope.Scope>,
  program: (url: string) => Effect.Effect<void, unknown, HttpClient.HttpClient>
) =>
  Effect.gen(function* () {
    const { url } = yield* start
    yield* Effect.gen(function* () {
      yield* program(url)
      assertBalanced(yield* settled(yield* ConnectionPool.ConnectionPool))
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: CONCURRENCY })))
  })

const each = <E>(count: number, one: (i: number) => Effect.Effect<void, E, HttpClient.HttpClient>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    one,
    { concurrency: CONCURRENCY, discard: true }
  )

const sent = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) =>
    Effect.map(response.text, (text) => ({ status: response.status, text }))
  )

/** A body that comes a piece in some turns of the event loop. */
const slow = (pieces: number, size: number) =>
  HttpBody.stream(
    Stream.range(1, pieces).pipe(Stream.mapEffect(() => Effect.as(turns(5), new Uint8Array(size).fill(97))))
  )

for (const peer of installed) {
  describe(`${peer.name}`, () => {
    for (const [what, kind, count] of [
      ["chunked", Traffic.kinds.chunked, scaled(2000, 150)],
      ["close-delimited", Traffic.kinds.closeDelimited, scaled(2000, 150)],
      ["slow", Traffic.kinds.slow, scaled(2000, 150)],
      ["trickling", Traffic.kinds.trickle, scaled(2000, 100)],
      ["large and half-read", Traffic.kinds.bigInPart, scaled(2000, 150)],
      ["large and slowly read", Traffic.kinds.readSlowly, scaled(500, 16)],
      ["long-headed", Traffic.kinds.longHeaders, scaled(2000, 150)],
      ["huge-headed", Traffic.kinds.hugeHead, scaled(2000, 100)]
    ] as const) {
      it.scopedLive(
        `with nothing but ${what} answers: none of ${count} fails`,
        () =>
          against(peer.start({ requests: 3 }), (url) =>
            Effect.map(Traffic.run(url, { kinds: [kind], count, concurrency: CONCURRENCY }), (failures) => {
              assert.deepStrictEqual(Traffic.shown(failures), [])
              console.log(`${peer.name}, ${what} answers: ${count} requests, ${failures.length} failed`)
            })
          ),
        LIMIT
      )
    }

    it.scopedLive(
      "with uploads that come slowly, of unknown length: each arrives whole",
      () =>
        against(peer.start({ requests: 3 }), (url) =>
          each(scaled(2000, 30), (i) => {
            const request = HttpClientRequest.post(`${url}/echo/slow-${i}`, { body: slow(20, 1000) })
            const hash = createHash("sha256").update("a".repeat(20_000)).digest("hex")
            return Effect.map(sent(request), ({ text }) =>
              assert.strictEqual(text, `POST /echo/slow-${i} 20000 ${hash}`)
            )
          })
        ),
      LIMIT
    )

    it.scopedLive(
      "with uploads that wait for its word (100-continue): each arrives whole",
      () =>
        against(peer.start({ requests: 3 }), (url) => {
          const options = { kinds: [Traffic.kinds.expecting], count: scaled(2000, 150), concurrency: CONCURRENCY }
          return Effect.map(Traffic.run(url, options), (failures) =>
            assert.deepStrictEqual(Traffic.shown(failures), [])
          )
        }),
      LIMIT
    )

    for (const expect of [false, true]) {
      it.scopedLive(
        `that refuses uploads${expect ? " before they are sent" : " under way"}: its 413 is read`,
        () =>
          against(peer.start({}), (url) =>
            each(scaled(1000, 20), (i) =>
              Effect.gen(function* () {
                const request = HttpClientRequest.post(`${url}/refuse/${i}`, {
                  body: HttpBody.uint8Array(new Uint8Array(2_000_000)),
                  headers: expect ? { expect: "100-continue" } : {}
                })
                // nginx takes no more than a megabyte: it refuses by itself, and closes.
                const { status, text } = yield* sent(request)
                assert.strictEqual(status, 413)
                if (peer.name !== "nginx") assert.strictEqual(text, `POST /refuse/${i}`)
                assert.strictEqual((yield* sent(HttpClientRequest.get(`${url}/small/${i}`))).text, `GET /small/${i}`)
              })
            )
          ),
        LIMIT
      )
    }

    it.scopedLive(
      "with long heads: 45 KB are taken, 80 KB are refused by an answer and not by a broken connection",
      () =>
        against(peer.start({}), (url) =>
          each(scaled(1000, 30), (i) =>
            Effect.gen(function* () {
              const get = HttpClientRequest.get(`${url}/small/${i}`)
              const long = HttpClientRequest.setHeaders(
                get,
                Object.fromEntries(Array.from({ length: 3 }, (_, n) => [`x-long-${n}`, "h".repeat(15_000)]))
              )
              assert.deepStrictEqual(yield* sent(long), { status: 200, text: `GET /small/${i}` })
              const { status } = yield* sent(HttpClientRequest.setHeader(get, "x-too-long", "h".repeat(80_000)))
              assert.include([400, 431], status)
            })
          )
        ),
      LIMIT
    )
  })
}
