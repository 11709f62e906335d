import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import * as Supervisor from "effect/Supervisor"
import { clientLayer, get, post } from "./support.js"

/** Counts what becomes of the fibers of an effect. */
class Counting extends Supervisor.AbstractSupervisor<void> {
  forked = 0
  suspended = 0

  override get value(): Effect.Effect<void> {
    return Effect.void
  }

  override onStart<A, E, R>(
    _context: Context.Context<R>,
    _effect: Effect.Effect<A, E, R>,
    _parent: Option.Option<Fiber.RuntimeFiber<unknown, unknown>>,
    _fiber: Fiber.RuntimeFiber<A, E>
  ): void {
    this.forked++
  }

  override onSuspend(): void {
    this.suspended++
  }
}

/** What an effect costs on a connection that has carried a request before. */
const costsOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const { unsafe } = yield* ConnectionPool.ConnectionPool
    yield* Effect.flatMap(HttpClient.execute(get("/first")), (response) => response.text)
    yield* network.settle
    const socket = network.sockets[0]!
    const before = { ...socket.counts }
    const supervisor = new Counting()
    const deadlines = unsafe.deadlines as { set: typeof unsafe.deadlines.set }
    const { set } = deadlines
    let timers = 0
    deadlines.set = (millis, onExpired) => {
      timers++
      return set(millis, onExpired)
    }
    const exit = yield* Effect.exit(Effect.supervised(effect, supervisor)).pipe(
      Effect.ensuring(Effect.sync(() => (deadlines.set = set)))
    )
    yield* network.settle
    assert.isTrue(Exit.isSuccess(exit))
    const { deliveries, keeps, pauses, turns, writes } = socket.counts
    return {
      writes: writes - before.writes,
      reads: deliveries - before.deliveries,
      kept: keeps - before.keeps,
      pauses: pauses - before.pauses,
      turns: turns - before.turns,
      timers,
      forked: supervisor.forked,
      suspended: supervisor.suspended
    }
  })

const text = (request = get()) => Effect.flatMap(HttpClient.execute(request), (response) => response.text)

/** One write, one read, one suspension, one timer (`headersTimeout`), and the turn in which the connection rests after it. */
const small = { writes: 1, reads: 1, kept: 1, pauses: 0, turns: 1, timers: 1, forked: 0, suspended: 1 }

const serving = Effect.provide(clientLayer(ScriptedServer.make(() => Wire.ok("small"), { later: true })))

describe("a small request on a kept connection costs", () => {
  it.effect("one write, one read, one suspension, one timer and no fiber", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(text()), small)
    }).pipe(serving)
  )

  it.effect("the same without a span", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(Effect.withTracerEnabled(text(), false)), small)
    }).pipe(serving)
  )

  it.effect("the same if nobody reads the answer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(HttpClient.execute(get())), small)
    }).pipe(serving)
  )

  it.effect("the same with limits of its own, but for the timer of requestTimeout", () =>
    Effect.gen(function* () {
      const limits = { acquireTimeout: "1 second", tcpKeepAlive: "10 seconds", bodyTimeout: "1 second" } as const
      assert.deepStrictEqual(yield* costsOf(HttpSafety.withLimits(text(), limits)), small)
      const timed = HttpSafety.withLimits(text(), { requestTimeout: "1 second" })
      assert.deepStrictEqual(yield* costsOf(timed), { ...small, timers: 2 })
      const untimed = HttpSafety.withLimits(text(), { headersTimeout: "1 day" })
      assert.deepStrictEqual(yield* costsOf(untimed), small)
    }).pipe(serving)
  )

  it.effect("a turn more if it may not be repeated", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* costsOf(text(post())), { ...small, turns: 2 })
    }).pipe(serving)
  )

  it.effect("no more when its body is pulled", () =>
    Effect.gen(function* () {
      const pulled = Effect.flatMap(HttpClient.execute(get()), PooledHttpClient.pull)
      assert.deepStrictEqual(yield* costsOf(pulled), small)
    }).pipe(serving)
  )
})
