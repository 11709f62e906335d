/**
 * What only real sockets can show.
 */

import * as Http from "node:http"
import * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import { serve } from "../peers/support/LoopbackServer.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { turnUntil } from "../support/dialling.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const text = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.text)

const stats = Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.stats)

describe("An idle connection", () => {
  for (const transport of ["tcp", "tls"] as const) {
    it.scopedLive(`that is reset is nobody's unhandled error, over ${transport} (nodejs/node#3595)`, () =>
      Effect.gen(function* () {
        const uncaught: Array<unknown> = []
        const note = (error: unknown) => void uncaught.push(error)
        process.on("uncaughtExceptionMonitor", note)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.off("uncaughtExceptionMonitor", note)))
        const server = yield* serve(
          (request, reply) => reply.send({ body: request.target }),
          transport === "tls" ? { tls: certs.server } : {}
        )
        const program = Effect.gen(function* () {
          yield* Effect.all(
            Array.from({ length: 5 }, (_, i) => text(`${server.url}/${i}`)),
            { concurrency: 5 }
          )
          const pool = yield* ConnectionPool.ConnectionPool
          const { pooledConnections } = yield* pool.stats
          assert.isAbove(pooledConnections, 0)
          for (const socket of server.sockets) socket.resetAndDestroy()
          yield* turnUntil(() => Effect.runSync(pool.stats).pooledConnections === 0)
          const { closed } = yield* pool.stats
          assert.strictEqual((closed.PeerReset ?? 0) + (closed.SocketError ?? 0), pooledConnections)
          // The pool lives on.
          assert.strictEqual(yield* text(`${server.url}/after`), "/after")
        })
        yield* Effect.provide(program, NodePooledHttpClient.layer({ connector: { tls: { ca: certs.ca.cert } } }))
        assert.deepStrictEqual(uncaught, [])
      })
    )
  }

  it.scopedLive("does not hold up the end of a server that waits for its connections (nodejs/undici#1481)", () =>
    Effect.gen(function* () {
      const server = Http.createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end("x"))
      yield* Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      const { port } = server.address() as Net.AddressInfo
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(NodePooledHttpClient.layer({}), scope)
      yield* Effect.provide(text(`http://127.0.0.1:${port}/`), context)
      const connections = Effect.async<number, Error>((resume) => {
        server.getConnections((error, count) => resume(error === null ? Effect.succeed(count) : Effect.fail(error)))
      })
      assert.strictEqual(yield* connections, 1)
      // As a test's teardown does: the client's scope, then the server, which waits for what is open.
      yield* Scope.close(scope, Exit.void)
      yield* Effect.async<void, Error>((resume) => {
        // Only what the client has closed ends: the server is asked to close nothing itself.
        Net.Server.prototype.close.call(server, (error) =>
          resume(error === undefined ? Effect.void : Effect.fail(error))
        )
      })
    })
  )
})

describe("A POST from inside another socket's callback", () => {
  it.scopedLive(
    "is not written on a kept connection whose end the kernel holds already, 50 of 50 (nodejs/undici#3492)",
    () =>
      Effect.gen(function* () {
        const server = yield* serve((request, reply) => reply.send({ body: `${request.method} ${request.target}` }))
        const clock = yield* serve((_request, reply) => reply.send())
        const other = yield* Effect.acquireRelease(
          Effect.async<Net.Socket>((resume) => {
            const socket = Net.connect(clock.port, "127.0.0.1", () => resume(Effect.succeed(socket)))
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
        const program = Effect.gen(function* () {
          const runtime = yield* Effect.runtime<HttpClient.HttpClient>()
          for (let i = 0; i < 50; i++) {
            assert.strictEqual(yield* text(`${server.url}/${i}`), `GET /${i}`)
            const kept = server.connections.filter((connection) => connection.isOpen)
            assert.lengthOf(kept, 1)
            const exit = yield* Effect.async<Exit.Exit<string, unknown>>((resume) => {
              other.once("data", () => {
                // Closed in this very call: the FIN is in the kernel, and nobody has polled since.
                kept[0]?.socket.destroy()
                const post = Effect.flatMap(HttpClient.post(`${server.url}/${i}`), (response) => response.text)
                Runtime.runFork(runtime)(post).addObserver((exit) => resume(Effect.succeed(exit)))
              })
              other.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            })
            assert.deepStrictEqual(exit, Exit.succeed(`POST /${i}`))
          }
          const posts = server.requests.filter((request) => request.method === "POST")
          assert.lengthOf(posts, 50)
          assert.strictEqual((yield* stats).staleRetries, 0)
        })
        yield* Effect.provide(program, NodePooledHttpClient.layer({}))
      })
  )
})
