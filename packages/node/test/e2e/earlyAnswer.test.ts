/** A server that has seen enough of an upload, says so, and closes with most of it unread: the connection is reset. */
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Reply, serve } from "../peers/support/LoopbackServer.js"
import { turns } from "../support/dialling.js"
import { assertBalanced, settled } from "./support/balance.js"

const UPLOADS = 100
const SIZE = 8 * 1024 * 1024
const PIECE = 64 * 1024

const piece = new Uint8Array(PIECE).fill(97)
const whole = new Uint8Array(SIZE).fill(97)

const bodies: Readonly<Record<string, () => HttpBody.HttpBody>> = {
  "of bytes": () => HttpBody.uint8Array(whole),
  "of a stream, a piece a turn": () => aPieceATurn,
  "of a stream": () => HttpBody.stream(Stream.repeatValue(piece).pipe(Stream.take(SIZE / PIECE)))
}

/** The next piece is written before the event loop polls again: a write fails while the answer is still to be read. */
const aPieceATurn = HttpBody.stream(
  Stream.repeatEffect(Effect.as(turns(1), piece)).pipe(Stream.take(SIZE / PIECE), Stream.rechunk(1))
)

const closings: Readonly<Record<string, (reply: Reply) => void>> = {
  "in the same call": ({ connection }) => connection.socket.destroySoon(),
  "a turn later": ({ connection }) => {
    connection.socket.pause()
    setImmediate(() => connection.socket.destroy())
  }
}

describe("a 413 during an upload of 8 MB", () => {
  for (const [what, body] of Object.entries(bodies)) {
    for (const [when, close] of Object.entries(closings)) {
      it.scopedLive(`${what}, the connection closed ${when}: 100 of 100 get the answer`, () =>
        Effect.gen(function* () {
          let heads = 0
          const server = yield* serve(() => {}, {
            onHead: (_, reply) => {
              heads++
              // Half of them do not even say that they close.
              const fields = heads % 2 === 0 ? "connection: close\r\n" : ""
              reply.raw(`HTTP/1.1 413 Content Too Large\r\n${fields}content-length: 9\r\n\r\ntoo large`)
              close(reply)
              return true
            }
          })
          const upload = Effect.gen(function* () {
            const request = HttpClientRequest.setBody(HttpClientRequest.post(server.url), body())
            const response = yield* HttpClient.execute(request)
            return `${response.status} ${yield* response.text}`
          })
          const program = Effect.gen(function* () {
            const answers = yield* Effect.replicateEffect(upload, UPLOADS)
            assert.deepStrictEqual(answers, Array(UPLOADS).fill("413 too large"))
            const pool = yield* ConnectionPool.ConnectionPool
            const stats = yield* settled(pool)
            // None of these connections is fit to carry another request.
            assert.deepInclude(stats, { created: UPLOADS, pooledConnections: 0, staleRetries: 0 })
            assertBalanced(stats)
          })
          yield* Effect.provide(program, NodePooledHttpClient.layer())
          assert.strictEqual(heads, UPLOADS)
          const received = server.connections.reduce((sum, { bytesRead }) => sum + bytesRead, 0)
          assert.isBelow(received, (UPLOADS * SIZE) / 4, "the server was not sent the whole")
        })
      )
    }
  }
})
