/**
 * A server that closes one keep-alive connection in twenty answers at random and whose hints are lies, in a process of
 * its own; and the same program on the client that comes with the platform.
 */
import { HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { turns } from "../support/dialling.js"
import { assertBalanced, settled } from "./support/balance.js"
import { served } from "./support/processes.js"
import { seeded } from "./support/random.js"
import { scaled } from "./support/scale.js"

/** GETs and PUTs with an `Idempotency-Key`; a POST without one comes after every ten of them. */
const REPEATABLE = 20_000
const PEERS_SHARE = scaled(REPEATABLE, REPEATABLE / 5)
const CONCURRENCY = 32
const SEED = 20_261_124

type Method = "GET" | "PUT" | "POST"

interface Report {
  readonly connections: number
  readonly closings: Readonly<Record<string, number>>
  readonly arrived: Readonly<Record<Method, number>>
  readonly moreThanOnce: Readonly<Record<Method, number>>
}

interface Failure {
  readonly method: Method
  readonly error: HttpClientError.HttpClientError
}

const methodOf = (id: number): Method => (id % 11 === 10 ? "POST" : id % 4 === 0 ? "PUT" : "GET")

const requestOf = (url: string, id: number): HttpClientRequest.HttpClientRequest => {
  switch (methodOf(id)) {
    case "GET":
      return HttpClientRequest.get(`${url}/${id}`)
    case "PUT":
      return HttpClientRequest.put(`${url}/${id}`, {
        headers: { "idempotency-key": `key-${id}` },
        body: HttpBody.text("x".repeat(id % 100))
      })
    case "POST":
      return HttpClientRequest.post(`${url}/${id}`, { body: HttpBody.text("once") })
  }
}

/** All requests; answers those that failed. */
const program = (
  url: string,
  repeatable: number
): Effect.Effect<ReadonlyArray<Failure>, never, HttpClient.HttpClient> => {
  const random = seeded(SEED)
  const failures: Array<Failure> = []
  const one = (id: number) =>
    Effect.gen(function* () {
      // So that connections idle for different times.
      if (random() < 0.25) yield* turns(Math.floor(random() * 10))
      const outcome = yield* HttpClient.execute(requestOf(url, id)).pipe(
        Effect.flatMap((response) => response.text),
        Effect.either
      )
      if (Either.isLeft(outcome)) failures.push({ method: methodOf(id), error: outcome.left })
      else assert.strictEqual(outcome.right, String(id))
    })
  const ids = Array.from({ length: repeatable * 1.1 }, (_, id) => id)
  return Effect.as(Effect.forEach(ids, one, { concurrency: CONCURRENCY, discard: true }), failures)
}

const isRepeatable = ({ method }: Failure) => method !== "POST"

describe("a server that closes connections at random and lies about it", () => {
  it.scopedLive(
    "20,000 GETs and PUTs with a key: none fails, and nine in ten go onto a kept connection; no POST is sent twice",
    () =>
      Effect.gen(function* () {
        const server = yield* served("lyingServer.mjs", [SEED])
        const [failures, stats] = yield* Effect.gen(function* () {
          const failures = yield* program(server.url, REPEATABLE)
          const pool = yield* ConnectionPool.ConnectionPool
          return [failures, yield* settled(pool)] as const
        }).pipe(Effect.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: CONCURRENCY })))
        const report = (yield* server.report) as Report
        const posts = failures.filter((failure) => !isRepeatable(failure))
        console.log(
          `hotaru: ${REPEATABLE} repeatable requests, ${failures.length - posts.length} failed; ${REPEATABLE / 10} POSTs, ` +
            `${posts.length} failed; hit rate ${stats.hitRate.toFixed(3)}, ${stats.staleRetries} sent again; ` +
            `${report.connections} connections, closed ${JSON.stringify(report.closings)}`
        )
        assert.deepStrictEqual(failures.filter(isRepeatable), [])
        assert.isAbove(stats.hitRate, 0.9)
        // The server counts: a POST arrives once or, if its connection was closed under it, not at all.
        assert.strictEqual(report.moreThanOnce.POST, 0)
        assert.isTrue(stats.failedRetries === 0 && stats.retriesRefused === 0)
        assert.strictEqual(report.arrived.GET + report.arrived.PUT, REPEATABLE)
        assert.isAtLeast(report.arrived.POST, REPEATABLE / 10 - posts.length)
        for (const { error } of posts) {
          assert.deepStrictEqual([error._tag, error.reason], ["RequestError", "Transport"])
          const cause = error.cause as { readonly _tag: string; readonly bytesWritten: number }
          assert.strictEqual(cause._tag, "ConnectionBroken")
          assert.isAbove(cause.bytesWritten, 0)
          assert.isFalse(PooledHttpClient.isSafeToRetry(error))
        }
        // Every way of closing happened often, and requests were under way when it did; or nothing was shown.
        for (const [how, count] of Object.entries(report.closings)) assert.isAbove(count, 50, how)
        assert.isAbove(stats.staleRetries, 50)
        assertBalanced(stats)
      }),
    60_000
  )

  it.scopedLive(
    "the same program on layerUndici fails",
    () =>
      Effect.gen(function* () {
        const server = yield* served("lyingServer.mjs", [SEED])
        const failures = yield* Effect.provide(program(server.url, PEERS_SHARE), NodeHttpClient.layerUndici)
        const repeatable = failures.filter(isRepeatable)
        console.log(
          `layerUndici: ${PEERS_SHARE} repeatable requests, ${repeatable.length} failed; ` +
            `${PEERS_SHARE / 10} POSTs, ${failures.length - repeatable.length} failed`
        )
        assert.isAbove(repeatable.length, 0)
      }),
    60_000
  )
})
