/**
 * Answers that nobody asked for, by when they arrive: whatever reached this machine before a request was given its
 * connection is not taken for that request's answer, seen or not.
 */
import { constants } from "node:crypto"
import * as Net from "node:net"
import type * as Tls from "node:tls"
import { HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import type { ExchangeError } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Runtime from "effect/Runtime"
import { type LoopbackServer, type Reply, serve } from "../peers/support/LoopbackServer.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { turns } from "../support/dialling.js"
import { assertBalanced } from "./support/balance.js"
import { head, poison } from "./support/desync.js"
import { unreadInTheKernel } from "./support/kernel.js"

const ROUNDS = 20

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const text = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

/** A server that answers with the target; `latest` writes on the connection of the last request. */
const start = (transport: "tcp" | "tls") =>
  Effect.gen(function* () {
    let latest: Reply | undefined
    const server = yield* serve(
      (request, reply) => {
        latest = reply
        reply.send({ body: `${request.method} ${request.target}` })
      },
      transport === "tls" ? { tls: certs.server } : {}
    )
    return { server, stray: (bytes: string) => latest?.raw(bytes) }
  })

const layer = () => NodePooledHttpClient.layer({ maxConnectionsPerHost: 1, connector: { tls: { ca: certs.ca.cert } } })

describe("an answer that comes while the connection is idle", () => {
  for (const transport of ["tcp", "tls"] as const) {
    for (const [what, bytes] of [
      ["a whole one", poison],
      ["a single byte", "H"],
      ["an empty line", "\r\n"],
      ["an interim one", head("HTTP/1.1 100 Continue")],
      ["a 408 with close", `${head("HTTP/1.1 408 Request Timeout", "connection: close", "content-length: 0")}`]
    ] as const) {
      it.scopedLive(`${what}, over ${transport}: ends the connection at once, and for this reason`, () =>
        Effect.gen(function* () {
          const { server, stray } = yield* start(transport)
          yield* Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const events = yield* pool.subscribe
            for (let round = 0; round < 3; round++) {
              const get = HttpClientRequest.get(`${server.url}/${round}`)
              assert.strictEqual(yield* text(get), `GET /${round}`)
              // So that it rests no more.
              yield* turns(10)
              stray(bytes)
              let event: PoolEvent.PoolEvent
              do event = yield* Queue.take(events)
              while (!PoolEvent.$is("Retired")(event))
              assert.deepInclude(event, { reason: "UnexpectedBytes", requests: 1, unused: false })
            }
            const stats = yield* pool.stats
            assert.deepInclude(stats, { staleRetries: 0, created: 3, closed: { UnexpectedBytes: 3 } })
          }).pipe(Effect.scoped, Effect.provide(layer()))
        })
      )
    }
  }
})

const requests: Readonly<Record<string, (url: string) => HttpClientRequest.HttpClientRequest>> = {
  GET: HttpClientRequest.get,
  POST: HttpClientRequest.post,
  "POST with a key": (url) => HttpClientRequest.post(url, { headers: { "idempotency-key": "1" } })
}

/** In each round a GET, whose connection is kept; then, in a callback, an answer too many and at once a request. */
const rounds = (
  { server, stray }: { readonly server: LoopbackServer; readonly stray: (bytes: string) => void },
  request: (url: string) => HttpClientRequest.HttpClientRequest
) =>
  Effect.gen(function* () {
    const pacer = yield* serve((_request, reply) => reply.send())
    const other = yield* Effect.acquireRelease(
      Effect.async<Net.Socket>((resume) => {
        const socket = Net.connect(pacer.port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const runtime = yield* Effect.runtime<HttpClient.HttpClient>()
    const exits: Array<Exit.Exit<string, unknown>> = []
    for (let i = 0; i < ROUNDS; i++) {
      assert.strictEqual(yield* text(HttpClientRequest.get(`${server.url}/${i}`)), `GET /${i}`)
      yield* turns(10)
      const unread: Array<number> = []
      const exit = Effect.async<Exit.Exit<string, unknown>>((resume) => {
        other.once("data", () => {
          stray(poison)
          // Only Linux can be asked.
          if (process.platform === "linux") unread.push(unreadInTheKernel(server.port))
          const fiber = Runtime.runFork(runtime)(text(request(`${server.url}/${i}`)))
          fiber.addObserver((exit) => resume(Effect.succeed(exit)))
        })
        other.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
      })
      exits.push(yield* exit)
      for (const bytes of unread) assert.isAtLeast(bytes, poison.length)
    }
    return exits
  })

describe("an answer that this machine has, and nobody has seen, when a request is made", () => {
  for (const transport of ["tcp", "tls"] as const) {
    for (const [what, request] of Object.entries(requests)) {
      it.scopedLive(`is not taken for that of a ${what}, over ${transport}`, () =>
        Effect.gen(function* () {
          const started = yield* start(transport)
          yield* Effect.gen(function* () {
            const exits = yield* rounds(started, request)
            const method = what.slice(0, 4).trim()
            const wanted = Array.from({ length: ROUNDS }, (_, i) => Exit.succeed(`${method} /${i}`))
            assert.deepStrictEqual(exits, wanted)
            const stats = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
            // Each had a connection of its own, and nothing was sent twice.
            assert.deepInclude(stats, { created: ROUNDS + 1, staleRetries: 0, closed: { UnexpectedBytes: ROUNDS } })
            assertBalanced(stats)
          }).pipe(Effect.provide(layer()))
          assert.lengthOf(started.server.requests, 2 * ROUNDS)
        })
      )
    }
  }
})

// Where the client has the last word of the handshake, as in TLS 1.3 and where a session is resumed, what a server of
// Node's says comes after the request was written.
const lastWord = (): Tls.TlsOptions => ({
  ...certs.server,
  maxVersion: "TLSv1.2",
  secureOptions: constants.SSL_OP_NO_TICKET
})

// RFC 9112 section 9.2.
describe("an answer that comes before any request", () => {
  for (const transport of ["TCP", "TLS 1.2"] as const) {
    it.scopedLive(
      `is nobody's, over ${transport}: the request that opened the connection fails unsent, and says why`,
      () =>
        Effect.gen(function* () {
          const server = yield* serve((request, reply) => reply.send({ body: request.target }), {
            ...(transport === "TCP" ? {} : { tls: lastWord() }),
            onConnection: (reply) => reply.raw(poison)
          })
          yield* Effect.gen(function* () {
            const wanted = ["MalformedResponse", "UnexpectedBytes", 0]
            for (let round = 0; round < ROUNDS; round++) {
              const error = yield* Effect.flip(text(HttpClientRequest.get(`${server.url}/${round}`)))
              const cause = (error as HttpClientError.RequestError).cause as ExchangeError.MalformedResponse
              assert.deepStrictEqual([cause._tag, cause.kind, cause.bytesWritten], wanted)
            }
            const stats = yield* Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)
            assert.deepInclude(stats, { created: ROUNDS, staleRetries: 0, closed: { UnexpectedBytes: ROUNDS } })
          }).pipe(Effect.provide(layer()))
          assert.lengthOf(server.requests, 0)
        })
    )
  }
})
