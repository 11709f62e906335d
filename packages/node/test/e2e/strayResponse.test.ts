/** Answers too many, to requests of every kind, with the next in line for their connection. */
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type Reply, type ServeOptions, serve } from "../peers/support/LoopbackServer.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { assertBalanced } from "./support/balance.js"

const ROUNDS = 20

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const layer = () => NodePooledHttpClient.layer({ maxConnectionsPerHost: 1, connector: { tls: { ca: certs.ca.cert } } })

const bytes = new TextEncoder().encode("a request")
const post = (url: string, body: HttpBody.HttpBody) => HttpClientRequest.setBody(HttpClientRequest.post(url), body)
const requests: Readonly<Record<string, (url: string) => HttpClientRequest.HttpClientRequest>> = {
  GETs: HttpClientRequest.get,
  "uploads with a length": (url) => post(url, HttpBody.uint8Array(bytes)),
  "uploads in chunks": (url) => post(url, HttpBody.stream(Stream.make(bytes, bytes)))
}

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

const pairs = (url: string, request: (url: string) => HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    for (let round = 0; round < ROUNDS; round++) {
      const wanted = [`/first/${round}`, `/second/${round}`]
      const texts = yield* Effect.forEach(wanted, (path) => text(request(url + path)), { concurrency: 2 })
      assert.deepStrictEqual(texts, wanted)
    }
  })

const served = (transport: string): ServeOptions => (transport === "tls" ? { tls: certs.server } : {})

const kinds = Object.entries(requests).flatMap(([what, request]) =>
  ["tcp", "tls"].map((transport) => ({ name: `${what}, over ${transport}`, transport, request }))
)

describe("a response that nobody asked for", () => {
  describe("in a segment of its own, with a request in line: it never answers that request", () => {
    for (const { name, request, transport } of kinds) {
      it.scopedLive(name, () =>
        Effect.gen(function* () {
          const server = yield* serve((request, reply) => {
            reply.send({ body: request.target })
            // The client reads the answer in the next turn; the stray one is with the operating system after it, before
            // the turn for which a returned connection rests is over.
            if (request.target.startsWith("/first/")) {
              setImmediate(() => setImmediate(() => reply.send({ body: "stray" })))
            }
          }, served(transport))
          yield* Effect.gen(function* () {
            yield* pairs(server.url, request)
            // The connection was given up each time; nothing was sent twice.
            assert.lengthOf(server.requests, 2 * ROUNDS)
            const stats = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
            assert.isAtLeast(stats.created, ROUNDS)
            assert.strictEqual(stats.staleRetries, 0)
            // The last one comes when the program has ended.
            const { LeftoverBytes = 0, UnexpectedBytes = 0 } = stats.closed
            assert.isAtLeast(LeftoverBytes + UnexpectedBytes, ROUNDS - 1)
            assert.strictEqual(stats.created, LeftoverBytes + UnexpectedBytes + stats.pooledConnections)
          }).pipe(Effect.provide(layer()))
        })
      )
    }
  })

  describe("in the very moment in which a request is given the connection: it never answers that request", () => {
    for (const { name, request, transport } of kinds) {
      it.scopedLive(name, () =>
        Effect.gen(function* () {
          let latest: Reply | undefined
          const server = yield* serve((request, reply) => {
            latest = reply
            reply.send({ body: request.target })
          }, served(transport))
          yield* Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const events = yield* pool.subscribe
            let strays = 0
            const stray = Effect.map(Queue.take(events), (event) => {
              if (!PoolEvent.$is("Acquired")(event) || !event.reused) return
              strays++
              latest?.send({ body: "stray" })
            })
            yield* Effect.forkScoped(Effect.forever(stray))
            yield* pairs(server.url, request)
            // Every request but the very first was given a connection that had carried another, and left it.
            assert.strictEqual(strays, 2 * ROUNDS - 1)
            assert.lengthOf(server.requests, 2 * ROUNDS)
            assert.isTrue(server.requests.every(({ index }) => index === 1))
            const stats = yield* pool.stats
            const closed = { UnexpectedBytes: 2 * ROUNDS - 1 }
            assert.deepInclude(stats, { created: 2 * ROUNDS, staleRetries: 0, closed })
            assertBalanced(stats)
          }).pipe(Effect.scoped, Effect.provide(layer()))
        })
      )
    }
  })
})
