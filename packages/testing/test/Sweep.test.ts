import { assert, describe, it } from "@effect/vitest"
import { Sweep } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** A thing that is held from when it was asked for until it is given back. */
const held = () => {
  let count = 0
  const register = () => {
    count++
  }
  const release = () => {
    count--
  }
  return {
    register,
    release,
    leaks: Effect.sync(() => (count === 0 ? [] : [`${count} held`]))
  }
}

const asyncWithCanceler = Effect.sync(() => {
  const { leaks, register, release } = held()
  const operation = Effect.async<void>(() => {
    register()
    return Effect.sync(release)
  })
  return { operation, leaks }
})

const maskAndMatchCause = Effect.sync(() => {
  const { leaks, register, release } = held()
  let registered = false
  const wait = Effect.async<void>(() => {
    registered = true
    register()
  })
  const operation = Effect.uninterruptibleMask((restore) =>
    Effect.matchCauseEffect(restore(wait), {
      onFailure: (cause) => {
        if (registered) release()
        return Effect.failCause(cause)
      },
      onSuccess: () => Effect.sync(release)
    })
  )
  return { operation, leaks }
})

describe("Sweep", () => {
  it.effect(
    "catches Effect.async with a canceler: an interruption between registering and waiting runs no canceler",
    () =>
      Effect.gen(function* () {
        const report = yield* Sweep.run(asyncWithCanceler, { delays: Sweep.range(0, 2) })
        assert.isAbove(report.leaks.length, 0)
        assert.isBelow(report.leaks.length, report.timings / 4)
        assert.strictEqual(report.timings, 49 * 3 * 31)
        assert.strictEqual(report.interrupted, report.timings)
      }),
    60_000
  )

  it.effect(
    "passes the wait under a mask with matchCauseEffect, whenever it comes",
    () =>
      Effect.gen(function* () {
        const report = yield* Sweep.check(maskAndMatchCause, { delays: [0, 1, 2, 3, 5, 8, 13, 20] })
        assert.strictEqual(report.timings, 49 * 8 * 31)
        assert.strictEqual(report.interrupted, report.timings)
      }),
    60_000
  )

  it.effect(
    "catches a step between a grant and the step that takes it over",
    () =>
      Effect.gen(function* () {
        const trial = Effect.sync(() => {
          const { leaks, register, release } = held()
          const operation = Effect.flatMap(Effect.sync(register), () =>
            Effect.ensuring(Effect.never, Effect.sync(release))
          )
          return { operation, leaks }
        })
        const exit = yield* Effect.exit(Sweep.check(trial, { budgets: Sweep.range(16, 24) }))
        if (Exit.isSuccess(exit)) return assert.fail("nothing was found")
        assert.match(
          (Cause.squash(exit.cause) as Error).message,
          /^\d+ leaks in 5859 timings \(.*\):\n {2}1 held \(budget 1/
        )
      }),
    60_000
  )

  it.effect("says so when no timing interrupted anything", () =>
    Effect.gen(function* () {
      const trial = Effect.succeed({ operation: Effect.void, leaks: Effect.succeed([]) })
      const exit = yield* Effect.exit(Sweep.check(trial, { budgets: [64], delays: [20], steps: [0] }))
      assert.match(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), /nothing was interrupted in 1 timings/)
    })
  )
})
