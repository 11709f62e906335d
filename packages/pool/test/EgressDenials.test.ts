/**
 * What a connector says of a policy that denies addresses reaches the caller, the events and the numbers.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, Connector, PoolError, PoolEvent } from "@hotaru/pool"
import { FakeSocket } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { a } from "./support/stories.js"

const denials = [{ address: "127.0.0.1", rule: "loopback" }] as const
const deniedAll = new PoolError.EgressDenied({ key: a, policy: "ours", denials })
const deniedSome = new PoolError.ConnectError({ key: a, phase: "tcp", detail: "refused", local: false, denials })

const pooled = (connect: Connector.ConnectorShape["connect"]) =>
  Effect.provideService(ConnectionPool.make({ drainTimeout: 0 }), Connector.Connector, { connect })

const denialsIn = (events: Iterable<PoolEvent.PoolEvent>) => [...events].filter(PoolEvent.$is("EgressDenied"))

describe("A policy that denies", () => {
  it.scoped("all addresses fails the request with its own error, which names host, port, address and rule", () =>
    Effect.gen(function* () {
      const pool = yield* pooled(() => Effect.fail(deniedAll))
      const error = yield* Effect.flip(pool.lease(a))
      assert.instanceOf(error, PoolError.EgressDenied)
      assert.deepInclude(
        { ...error },
        { _tag: "EgressDenied", fault: "policy", host: "a.test", port: 80, address: "127.0.0.1", rule: "loopback" }
      )
      assert.strictEqual(error.message, 'The egress policy "ours" denies http://a.test:80: 127.0.0.1 (loopback)')
    })
  )

  it.scoped("is counted and told, with whether anything was dialled", () =>
    Effect.gen(function* () {
      const answers = [
        Effect.fail(deniedAll),
        Effect.fail(deniedSome),
        Effect.sync(() => FakeSocket.make({ facts: { denials } }).connection)
      ]
      const pool = yield* pooled(() => answers.shift() ?? Effect.die("dialled once too often"))
      const events = yield* pool.subscribe
      yield* Effect.flip(pool.lease(a))
      yield* Effect.flip(pool.lease(a))
      yield* pool.lease(a)
      const told = denialsIn(yield* Queue.takeAll(events))
      assert.deepStrictEqual(
        told.map((event) => [event.key, event.denials, event.dialled]),
        [
          [a, denials, false],
          [a, denials, true],
          [a, denials, true]
        ]
      )
      const { connectFailures, created, egressDenied } = yield* pool.stats
      assert.deepStrictEqual(
        { connectFailures, created, egressDenied },
        { connectFailures: 2, created: 1, egressDenied: 3 }
      )
    })
  )

  it.scoped("says nothing about the peer: what comes next is not held to one dial at a time", () =>
    Effect.gen(function* () {
      let dials = 0
      const pool = yield* pooled(() => Effect.suspend(() => (++dials === 1 ? Effect.fail(deniedAll) : Effect.never)))
      yield* Effect.flip(pool.lease(a))
      const waiting = yield* Effect.forEach([1, 2, 3], () => Effect.fork(pool.lease(a)))
      yield* Effect.repeatN(Effect.yieldNow(), 10)
      assert.strictEqual(dials, 4)
      yield* Fiber.interruptAll(waiting)
    })
  )

  it("shows three addresses in its message and counts the rest", () => {
    const many = Array.from({ length: 5 }, (_, i) => ({ address: `127.0.0.${i}`, rule: "loopback" }))
    const [first, ...rest] = many
    assert.isDefined(first)
    if (first === undefined) return
    const { message } = new PoolError.EgressDenied({ key: a, policy: "ours", denials: [first, ...rest] })
    assert.include(message, "127.0.0.0 (loopback), 127.0.0.1 (loopback), 127.0.0.2 (loopback) and 2 more")
  })
})
