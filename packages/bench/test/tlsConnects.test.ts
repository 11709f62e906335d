import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inSequence } from "../src/contestants.js"
import { contestant } from "../src/lineup.js"
import { clients, names } from "../src/measures/tlsConnecting.js"
import { books, check, work } from "../src/measures/tlsConnects.js"
import { type Options, serve } from "../src/responder/serve.js"
import { measureAll } from "../src/rounds.js"

const responder = (options: Options = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => serve({ ...options, tls: true })),
      ({ close }) => Effect.sync(close)
    ),
    ({ stats, tls }) => ({ stats, origin: `https://127.0.0.1:${tls!.port}`, ca: tls!.ca })
  )

/** As many connections, one after the other; what the responder saw of them. */
const connecting = (make: (typeof clients)[keyof typeof clients], options: Options, operations: number, together = 1) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { stats, ...target } = yield* responder(options)
      const operation = yield* make({ ...target, connections: together }, work)
      yield* contestant("", operation, together).run(operations)
      const { handshakes, requests, resumed } = stats()
      return { handshakes, requests, resumed }
    })
  )

describe.each(names)("a TLS connection for each request by %s", (name) => {
  const make = clients[name]

  it.live("is a handshake each, however many there are at a time", () =>
    Effect.gen(function* () {
      const { handshakes, requests } = yield* connecting(make, {}, 12, 4)
      assert.deepStrictEqual({ handshakes, requests }, { handshakes: 12, requests: 12 })
    })
  )

  it.live("resumes sessions where the responder lets it, and only there", () =>
    Effect.gen(function* () {
      const { resumed } = yield* connecting(make, {}, 4)
      // A responder on Node.js gives two tickets with a full handshake and none with a resumed one.
      if (name === "hotaru") assert.strictEqual(resumed, 2)
      // undici holds sessions weakly: whether one is still there is up to the garbage collector.
      else if (!/undici/i.test(name)) assert.strictEqual(resumed, 3)
      assert.strictEqual((yield* connecting(make, { tickets: false }, 4)).resumed, 0)
    })
  )

  it.scopedLive("notices a wrong answer, and whom not to trust", () =>
    Effect.gen(function* () {
      const { ca, origin } = yield* responder()
      const other = yield* responder()
      const fails = (trusted: string, expected: string) =>
        Effect.gen(function* () {
          const operation = yield* make({ origin, ca: trusted, connections: 1 }, { ...work, expected })
          const exit = yield* Effect.exit(contestant("", operation, 1).run(1))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        })
      yield* fails(ca, work.expected.replace("hotaru", "hotara"))
      yield* fails(other.ca, work.expected)
    })
  )
})

describe("the responder's books", () => {
  const counted = { cpu: 0, requests: 0, connections: 0, open: 0, handshakes: 0, resumed: 0 }

  it.effect("tell the turns apart, and nothing of what is between them", () =>
    Effect.gen(function* () {
      let now = counted
      const stats = Effect.sync(() => now)
      const act = (handshakes: number, requests: number) =>
        Effect.sync(() => {
          now = { ...now, handshakes: now.handshakes + handshakes, requests: now.requests + requests }
        })
      const { audited, close, seen } = books(stats)
      yield* measureAll([audited(inSequence("a", act(1, 1))), audited(inSequence("b", act(1, 2)))], {
        warmUp: 3,
        operations: 5,
        rounds: 1
      })
      yield* close
      yield* act(100, 100)
      yield* close
      assert.deepStrictEqual(
        seen.map(({ handshakes, name, requests }) => [name, handshakes, requests]),
        [
          ["a", 3, 3],
          ["b", 3, 6],
          ["a", 5, 5],
          ["b", 5, 10]
        ]
      )
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(check(seen.filter(({ name }) => name === "a")))))
      const exit = yield* Effect.exit(check(seen))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "b: 3 TLS handshakes for 6 requests")
    })
  )
})
