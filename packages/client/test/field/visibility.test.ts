/**
 * What can be seen of a pool: elsewhere users had to guess why connections came and went.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import { get } from "../support.js"
import { getFrom, stats, story, text } from "./support.js"

const hostStats = (host: string) =>
  Effect.map(
    Effect.flatMap(ConnectionPool.ConnectionPool, (pool) => pool.hostStats),
    (hosts) => Option.getOrThrow(HashMap.get(hosts, ConnectionKey.make({ host, port: 80, useTls: false })))
  )

describe("A pool", () => {
  it.effect("says why each connection ended (nodejs/undici#4331, nodejs/undici#4332)", () =>
    story(
      function* () {
        const events = yield* (yield* ConnectionPool.ConnectionPool).subscribe
        // As if the client did not respect keep-alive: it is the server that closes after five seconds.
        for (let i = 0; i < 3; i++) {
          yield* text(get())
          yield* TestClock.adjust("6 seconds")
        }
        assert.deepStrictEqual((yield* stats).closed, { PeerClosed: 3 })
        const retired = Array.from(yield* Queue.takeAll(events)).flatMap((event) =>
          event._tag === "Retired" ? [[event.reason, event.age, event.requests]] : []
        )
        assert.deepStrictEqual(retired, Array(3).fill(["PeerClosed", 5000, 1]))
      },
      ScriptedServer.always(Wire.ok("x"), { idleTimeout: "5 seconds" })
    )
  )

  it.effect("shows its numbers, as a whole and by origin (nodejs/undici#1255, nodejs/undici#4157)", () =>
    story(
      function* () {
        for (let i = 0; i < 3; i++) yield* text(getFrom("a.test"))
        yield* Effect.forkScoped(text(getFrom("b.test", "/hangs")))
        yield* Effect.forkScoped(text(getFrom("b.test", "/hangs")))
        yield* TestClock.adjust(0)
        const [a, b] = [yield* hostStats("a.test"), yield* hostStats("b.test")]
        assert.deepInclude(a, { pooledConnections: 1, activeConnections: 0, hits: 2, misses: 1 })
        assert.deepInclude(b, { pooledConnections: 0, activeConnections: 1, pendingAcquires: 1, hits: 0, misses: 1 })
        assert.deepInclude(yield* stats, {
          hosts: 2,
          pooledConnections: 1,
          activeConnections: 1,
          pendingAcquires: 1,
          hits: 2,
          misses: 2,
          hitRate: 0.5
        })
      },
      ScriptedServer.make((request) => (request.target === "/hangs" ? ScriptedServer.hang : Wire.ok("x"))),
      { pool: { maxConnectionsPerHost: 1 } }
    )
  )
})
