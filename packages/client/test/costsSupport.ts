/** What an effect costs on a connection that has carried a request before, in counts. */
import { HttpClient } from "@effect/platform"
import { assert } from "@effect/vitest"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket } from "@hotaru/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import * as Supervisor from "effect/Supervisor"
import * as Tracer from "effect/Tracer"
import { get } from "./support.js"

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

/** Runs a request before, so that what follows finds its connection. */
const onKeptConnection = <A, E, R>(measure: (socket: FakeSocket.FakeSocket) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    yield* Effect.flatMap(HttpClient.execute(get("/first")), (response) => response.text)
    yield* network.settle
    return yield* measure(network.sockets[0]!)
  })

export const costsOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  onKeptConnection((socket) =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const { unsafe } = yield* ConnectionPool.ConnectionPool
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
      assert.isTrue(Exit.isSuccess(exit), String(exit))
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
  )

type Step = (step: unknown) => unknown

/**
 * The steps that a fiber takes for an effect, by Effect's names for them: those between the step that begins it and the
 * one that has its result. All that a fiber does costs steps, and each goes through its tracer.
 */
export const stepsOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  onKeptConnection(() =>
    Effect.withFiberRuntime<ReadonlyArray<string>, E, R>((fiber) => {
      const tracer = Context.get(fiber.currentDefaultServices, Tracer.Tracer) as { context: Tracer.Tracer["context"] }
      const { context } = tracer
      // The fiber's methods are named by the steps they take: shadowed, they tell their names.
      const methods = fiber as unknown as Record<string, Step>
      const names = Object.getOwnPropertyNames(Object.getPrototypeOf(fiber)).filter((name) => /^[A-Z]/.test(name))
      const steps: Array<string> = []
      let counted = 0
      const begin = Effect.suspend(() => {
        tracer.context = (f, on) => {
          if (on === fiber) counted++
          return context(f, on)
        }
        for (const name of names) {
          const method = methods[name]!
          methods[name] = (step) => {
            steps.push(name)
            return method.call(fiber, step)
          }
        }
        return effect
      })
      const end = () => {
        tracer.context = context
        for (const name of names) delete methods[name]
      }
      return Effect.matchCauseEffect(begin, {
        onFailure: (cause) => Effect.zipRight(Effect.sync(end), Effect.failCause(cause)),
        onSuccess: () => {
          end()
          assert.strictEqual(steps.length, counted, "the names of steps are no longer where they were")
          return Effect.succeed(steps)
        }
      })
    })
  )
