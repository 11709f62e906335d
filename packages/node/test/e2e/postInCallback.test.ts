/**
 * A POST that begins inside another socket's callback, onto a kept connection whose end this machine has already, and
 * this process has not seen.
 */
import * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { type LoopbackServer, type ServeOptions, serve } from "../peers/support/LoopbackServer.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { assertBalanced } from "./support/balance.js"
import { CLOSE_WAIT, ESTABLISHED, statesInTheKernel } from "./support/kernel.js"

const ROUNDS = 100

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

interface Ending {
  readonly how: string
  readonly end: (transport: Net.Socket) => void
  /** What the kernel may say of the client's side from then on. */
  readonly isEnded: (state: string | undefined) => boolean
}

const endings: ReadonlyArray<Ending> = [
  { how: "an end", end: (transport) => void transport.destroy(), isEnded: (state) => state === CLOSE_WAIT },
  { how: "a reset", end: (transport) => void transport.resetAndDestroy(), isEnded: (state) => state !== ESTABLISHED }
]

/** In each round a GET, whose connection is kept; then, in a callback, its end and at once a POST. */
const rounds = (
  server: LoopbackServer,
  ending: Ending
): Effect.Effect<ReadonlyArray<Exit.Exit<string, unknown>>, unknown, HttpClient.HttpClient> =>
  Effect.scoped(
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
      const states: Array<string | undefined> = []
      for (let i = 0; i < ROUNDS; i++) {
        const text = yield* Effect.flatMap(HttpClient.get(`${server.url}/${i}`), (response) => response.text)
        assert.strictEqual(text, `GET /${i}`)
        const kept = [...server.sockets]
        const ports = kept.map((transport) => transport.remotePort ?? 0)
        const post = Effect.flatMap(HttpClient.post(`${server.url}/${i}`), (response) => response.text)
        const exit = Effect.async<Exit.Exit<string, unknown>>((resume) => {
          other.once("data", () => {
            // Below TLS, where there is TLS.
            for (const transport of kept) ending.end(transport)
            states.push(...ports.map((port) => statesInTheKernel(server.port, port)[0]))
            Runtime.runFork(runtime)(post).addObserver((exit) => resume(Effect.succeed(exit)))
          })
          other.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        })
        assert.lengthOf(kept, 1)
        exits.push(yield* exit)
      }
      // Only Linux can be asked.
      if (process.platform === "linux") {
        assert.deepStrictEqual(
          states.filter((state) => !ending.isEnded(state)),
          []
        )
      }
      return exits
    })
  )

const start = (options: ServeOptions = {}) =>
  serve((request, reply) => reply.send({ body: `${request.method} ${request.target}` }), options)

const targets = Array.from({ length: ROUNDS }, (_, i) => `/${i}`)

describe("a POST from inside another socket's callback onto a connection that has ended unseen", () => {
  for (const transport of ["tcp", "tls"] as const) {
    for (const ending of endings) {
      it.scopedLive(`by ${ending.how}, over ${transport}: 100 of 100 succeed, each sent once`, () =>
        Effect.gen(function* () {
          const server = yield* start(transport === "tls" ? { tls: certs.server } : {})
          const program = Effect.gen(function* () {
            const exits = yield* rounds(server, ending)
            assert.deepStrictEqual(
              exits,
              targets.map((target) => Exit.succeed(`POST ${target}`))
            )
            const pool = yield* ConnectionPool.ConnectionPool
            const stats = yield* pool.stats
            assert.strictEqual(stats.staleRetries, 0)
            // Each went onto a connection of its own: the kept one was taken for what it was.
            assert.strictEqual(stats.created, ROUNDS + 1)
            assertBalanced(stats)
          })
          yield* Effect.provide(program, NodePooledHttpClient.layer({ connector: { tls: { ca: certs.ca.cert } } }))
          const posts = server.requests.filter(({ method }) => method === "POST").map(({ target }) => target)
          assert.deepStrictEqual(posts, targets)
        })
      )
    }
  }

  it.scopedLive("fails on layerUndici", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const exits = yield* Effect.provide(rounds(server, endings[0]!), NodeHttpClient.layerUndici)
      const failed = exits.filter(Exit.isFailure).length
      console.log(`layerUndici: ${failed} of ${ROUNDS} POSTs failed`)
      assert.isAbove(failed, 0)
    })
  )
})
