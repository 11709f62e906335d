/** A server that has seen enough of an upload, says so, and closes with most of it unread: the connection is reset. */
import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { assertBalanced, settled } from "./support/balance.js"
import { ESTABLISHED, statesInTheKernel } from "./support/kernel.js"
import { blockUntil, served } from "./support/processes.js"
import { scaled } from "./support/scale.js"

const UPLOADS = 100
const SIZE = 8 * 1024 * 1024
const PIECE = 64 * 1024

const piece = new Uint8Array(PIECE).fill(97)
const whole = new Uint8Array(SIZE).fill(97)
const pieces = Stream.repeatValue(piece).pipe(Stream.take(SIZE / PIECE), Stream.rechunk(1))

/**
 * The third piece is not given before this machine has the reset, and nobody has polled meanwhile: its write fails while
 * the answer lies unread.
 */
const untilReset = (port: number) =>
  Stream.mapEffect(Stream.zipWithIndex(pieces), ([bytes, index]) =>
    Effect.sync(() => {
      if (index === 2) blockUntil(() => !statesInTheKernel(port).includes(ESTABLISHED))
      return bytes
    })
  )

const bodies: Readonly<Record<string, (port: number) => HttpBody.HttpBody>> = {
  "of bytes": () => HttpBody.uint8Array(whole),
  "of a stream": () => HttpBody.stream(pieces),
  "of a stream of known length": () => HttpBody.stream(pieces, "application/octet-stream", SIZE),
  "of a stream whose next write fails": (port) => HttpBody.stream(untilReset(port))
}

const uploads = (port: number, body: HttpBody.HttpBody, count = UPLOADS) =>
  Effect.gen(function* () {
    const request = HttpClientRequest.setBody(HttpClientRequest.post(`http://127.0.0.1:${port}/`), body)
    const response = yield* HttpClient.execute(request)
    return `${response.status} ${yield* response.text}`
  }).pipe(Effect.either, (upload) => Effect.replicateEffect(upload, count))

describe("a 413 during an upload of 8 MB", () => {
  for (const [what, body] of Object.entries(bodies)) {
    // Where a write fails, the client reads on for a quarter of a second.
    const count = what.endsWith("fails") ? scaled(UPLOADS, UPLOADS / 5) : UPLOADS
    it.scopedLive(
      `${what}: ${count} of ${count} get the answer`,
      () =>
        Effect.gen(function* () {
          const { port, report } = yield* served("refusingServer.mjs")
          const program = Effect.gen(function* () {
            const answers = yield* uploads(port, body(port), count)
            assert.deepStrictEqual(
              answers,
              answers.map(() => Either.right("413 too large"))
            )
            const stats = yield* Effect.flatMap(ConnectionPool.ConnectionPool, settled)
            // None of these connections is fit to carry another request.
            assert.deepInclude(stats, { created: count, pooledConnections: 0, staleRetries: 0 })
            assertBalanced(stats)
          })
          yield* Effect.provide(program, NodePooledHttpClient.layer())
          assert.strictEqual(yield* report, count)
        }),
      60_000
    )
  }

  it.scopedLive("is lost on layerUndici where the next write fails", () =>
    Effect.gen(function* () {
      const { port } = yield* served("refusingServer.mjs")
      const answers = yield* uploads(port, HttpBody.stream(untilReset(port)), UPLOADS / 5).pipe(
        Effect.provide(NodeHttpClient.layerUndici)
      )
      const lost = answers.filter(Either.isLeft).length
      console.log(`layerUndici: ${lost} of ${answers.length} answers lost`)
      assert.isAbove(lost, 0)
    })
  )
})
