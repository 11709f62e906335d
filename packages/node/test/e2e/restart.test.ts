/** A server that comes back on its port while every connection to it is stale, and nobody has heard of that yet. */
import type * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { turns, turnUntil } from "../support/dialling.js"
import { listen } from "../support/servers.js"
import { assertBalanced } from "./support/balance.js"
import { killNow, served } from "./support/processes.js"

const REQUESTS = 100

interface Old {
  readonly port: number
  /** The server and all its connections are gone when this answers, and this loop has seen nothing of it. */
  readonly die: () => void
}

/** Answers every request with its target, once `together` of them have come; notes the targets. */
const answering = (together: number, targets: Array<string>) => {
  let held: Array<() => void> = []
  return (socket: Net.Socket) =>
    socket.on("data", (bytes) => {
      const target = /^GET (\S+)/.exec(bytes.toString("latin1"))?.[1] ?? "?"
      targets.push(target)
      held.push(() => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${target.length}\r\n\r\n${target}`))
      if (targets.length < together) return
      for (const answer of held) answer()
      held = []
    })
}

const inThisProcess = (close: (socket: Net.Socket) => void): Effect.Effect<Old, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets: Array<Net.Socket> = []
    const answer = answering(REQUESTS, [])
    const { port, server } = yield* listen({
      onSocket: (socket) => {
        sockets.push(socket)
        answer(socket)
      }
    })
    const die = () => {
      server.close()
      for (const socket of sockets) close(socket)
    }
    return { port, die }
  })

const inAnotherProcess: Effect.Effect<Old, never, Scope.Scope> = Effect.map(
  served("gatheringServer.mjs", [REQUESTS]),
  ({ child, port }) => ({ port, die: () => killNow(child) })
)

const deaths: Readonly<Record<string, Effect.Effect<Old, never, Scope.Scope>>> = {
  "ends its connections in good order": inThisProcess((socket) => socket.destroy()),
  "resets its connections": inThisProcess((socket) => socket.resetAndDestroy()),
  "is killed": inAnotherProcess
}

const allGet = (port: number, path: string): Effect.Effect<void, unknown, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const targets = Array.from({ length: REQUESTS }, (_, i) => `${path}/${i}`)
    const texts = yield* Effect.forEach(
      targets,
      (target) => Effect.flatMap(HttpClient.get(`http://127.0.0.1:${port}${target}`), (response) => response.text),
      { concurrency: "unbounded" }
    )
    assert.deepStrictEqual(texts, targets)
  })

describe("a restart under 100 parallel GETs whose connections are all stale", () => {
  for (const [how, start] of Object.entries(deaths)) {
    for (const seen of [false, true]) {
      it.scopedLive(`when the server ${how}${seen ? ", and the client has seen it," : ""} no GET fails`, () =>
        Effect.gen(function* () {
          const old = yield* start
          const program = Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const arrived: Array<string> = []
            yield* allGet(old.port, "/before")
            assert.strictEqual((yield* pool.stats).pooledConnections, REQUESTS)
            // Or they would still rest from their answers, and what comes meanwhile is seen before they are used.
            yield* turns(10)
            old.die()
            const successor = yield* listen({ port: old.port, onSocket: answering(1, arrived) })
            if (seen) yield* turnUntil(() => Effect.runSync(pool.stats).pooledConnections === 0)
            // Nobody has polled: the pool takes them all for alive.
            else assert.strictEqual((yield* pool.stats).pooledConnections, REQUESTS)
            yield* allGet(old.port, "/after")
            const stats = yield* pool.stats
            // What this machine knows is seen before a request is written: there was nothing to send again.
            assert.deepInclude(stats, { staleRetries: 0, failedRetries: 0, retriesRefused: 0, connectFailures: 0 })
            assertBalanced(stats)
            assert.strictEqual(successor.acceptedCount(), stats.created - REQUESTS)
            assert.deepStrictEqual(arrived.sort(), Array.from({ length: REQUESTS }, (_, i) => `/after/${i}`).sort())
          })
          yield* Effect.provide(program, NodePooledHttpClient.layer({ maxIdlePerHost: REQUESTS }))
        })
      )
    }
  }
})
