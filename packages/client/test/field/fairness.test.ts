/**
 * Who is served when there is not enough for all, in virtual time.
 */

import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { get } from "../support.js"
import { getFrom, stats, story, text } from "./support.js"

/** Each request takes a tenth of a second. */
const server = () => ScriptedServer.always([ScriptedServer.wait("100 millis"), Wire.ok("x")])

const now = TestClock.currentTimeMillis

describe("One connection", () => {
  it.effect("serves five hundred waiters and a stream of late-comers in the exact order of asking", () => {
    const line = server()
    return story(
      function* () {
        const asked: Array<string> = []
        const come = () => {
          asked.push(`/${asked.length}`)
          return Effect.forkScoped(text(get(asked[asked.length - 1])))
        }
        for (let i = 0; i < 501; i++) yield* come()
        // Late-comers come between two answers, and in the moment of an answer.
        for (let i = 0; i < 40; i++) {
          yield* come()
          yield* TestClock.adjust("50 millis")
          yield* come()
          yield* TestClock.adjust("50 millis")
        }
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(
          line.requests.map((request) => request.target),
          asked
        )
        assert.deepStrictEqual([asked.length, line.perConnection], [581, [581]])
      },
      line,
      { pool: { maxConnectionsPerHost: 1, acquireTimeout: "1 hour", maxLifetime: "1 day" } }
    )
  })
})

describe("The total limit", () => {
  /** Keeps so many requests to a host going, for ever. */
  const load = (host: string, times: number) =>
    Effect.forkScoped(
      Effect.forEach(Array.from({ length: times }), () => Effect.forever(text(getFrom(host))), {
        concurrency: "unbounded"
      })
    )

  it.effect(
    "is shared by two hosts that fight for it: each has its part at once, and an equal one as connections end",
    () => {
      const both = server()
      return story(
        function* () {
          const network = yield* FakeNetwork.FakeNetwork
          yield* load("a.test", 8)
          yield* load("b.test", 8)
          const servedIn = (seconds: number) =>
            Effect.gen(function* () {
              const before = both.requests.length
              for (let i = 0; i < seconds; i++) yield* TestClock.adjust("1 second")
              const hosts = both.requests.slice(before).map((request) => request.key.host)
              // Four connections, ten requests a second each.
              assert.isAtLeast(hosts.length, 0.85 * 40 * seconds)
              return hosts.filter((host) => host === "b.test").length / hosts.length
            })
          assert.approximately(yield* servedIn(3), 0.5, 0.3)
          yield* servedIn(4)
          assert.approximately(yield* servedIn(6), 0.5, 0.05)
          assert.strictEqual(network.maxOpen(), 4)
        },
        both,
        { pool: { maxConnections: 4, maxLifetime: "5 seconds" } }
      )
    }
  )

  it.effect("saturated by one host, lets another in within one service time", () => {
    const all = server()
    return story(
      function* () {
        // Two requests for each of its connections: one is served, the other stands in line.
        yield* load("greedy.test", 10)
        yield* TestClock.adjust("1 second")
        for (let i = 0; i < 10; i++) {
          yield* TestClock.adjust("130 millis")
          const askedAt = yield* now
          const poor = yield* Effect.fork(Effect.zipRight(text(getFrom(`poor${i}.test`)), now))
          yield* TestClock.adjust("500 millis")
          // Those in line before it have theirs, within one service time it has a connection, and then its own answer.
          assert.isAtMost((yield* Fiber.join(poor)) - askedAt, 300)
        }
        assert.isAbove((yield* stats).closed.MadeRoom ?? 0, 9)
      },
      all,
      { pool: { maxConnections: 5 } }
    )
  })
})
