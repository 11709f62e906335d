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

/** A wait that begins in one step and is looked after from the next: the work itself is begun before anybody owns it. */
const syncThenOnExit = Effect.sync(() => {
  const { leaks, register, release } = held()
  const operation = Effect.flatMap(Effect.sync(register), () => Effect.onExit(Effect.never, () => Effect.sync(release)))
  return { operation, leaks }
})

const withSignal = Effect.sync(() => {
  const { leaks, register, release } = held()
  const operation = Effect.async<void>((_, signal) => {
    register()
    signal.addEventListener("abort", release)
  })
  return { operation, leaks }
})

/** What is granted inside a mask is taken over a step later, outside of it. */
const takenOverLate = Effect.sync(() => {
  const { leaks, register, release } = held()
  const grant = Effect.uninterruptibleMask((restore) => Effect.zipRight(restore(Effect.void), Effect.sync(register)))
  const operation = Effect.flatMap(grant, () => Effect.ensuring(Effect.never, Effect.sync(release)))
  return { operation, leaks }
})

const inAcquireUseRelease = Effect.sync(() => {
  const { leaks, register, release } = held()
  const operation = Effect.acquireUseRelease(
    Effect.sync(register),
    () => Effect.never,
    () => Effect.sync(release)
  )
  return { operation, leaks }
})

const noLeaks = Effect.succeed<ReadonlyArray<string>>([])

/** The one wrong thing that a sweep of a thousand timings says of a trial. */
const verdict = (trial: Effect.Effect<Sweep.Trial>, options: Sweep.SweepOptions = { sample: 20 }) =>
  Effect.map(Effect.exit(Sweep.check(trial, options)), (exit) =>
    Exit.isSuccess(exit) ? "clean" : (Cause.squash(exit.cause) as Error).message
  )

describe("Sweep", () => {
  const bad = {
    "Effect.async with a canceler: an interruption between registering and waiting runs no canceler": asyncWithCanceler,
    "Effect.async with a signal": withSignal,
    "a beginning in one step and onExit in the next": syncThenOnExit,
    "a grant that is taken over a step after its mask": takenOverLate
  }
  for (const [name, trial] of Object.entries(bad)) {
    it.effect(
      `catches, in a thousand timings, ${name}`,
      () =>
        Effect.gen(function* () {
          const report = yield* Sweep.run(trial, { sample: 1000 })
          assert.isAbove(report.leaks.length, 0)
          assert.isBelow(report.leaks.length, report.timings / 4, "most timings do not show it")
          assert.strictEqual(report.timings, 1000)
          assert.strictEqual(report.interrupted, 1000)
        }),
      60_000
    )
  }

  const good = {
    "a wait under a mask with matchCauseEffect": maskAndMatchCause,
    acquireUseRelease: inAcquireUseRelease
  }
  for (const [name, trial] of Object.entries(good)) {
    it.effect(
      `passes ${name}, whenever the interruption comes`,
      () =>
        Effect.gen(function* () {
          const report = yield* Sweep.check(trial, { delays: [0, 1, 3, 20] })
          assert.strictEqual(report.timings, 49 * 4 * 31)
          assert.strictEqual(report.interrupted, report.timings)
        }),
      60_000
    )
  }

  it.effect("says how many leaks there were, and when the first came", () =>
    Effect.gen(function* () {
      assert.match(
        yield* verdict(syncThenOnExit, { budgets: Sweep.range(16, 24), delays: [0, 1] }),
        /^\d+ leaks in 558 timings \(.*\):\n {2}1 held \(budget 1\d, delay \d+, steps \d+\)/
      )
    })
  )

  it.effect("says so when no timing interrupted anything", () =>
    Effect.gen(function* () {
      const trial = Effect.succeed({ operation: Effect.void, leaks: noLeaks })
      const said = yield* verdict(trial, { budgets: [64], delays: [20], steps: [0] })
      assert.match(said, /nothing was interrupted in 1 timings/)
    })
  )

  it.effect("finds a fiber that outlives its operation, and lets go one that ends with it", () =>
    Effect.gen(function* () {
      const leaving = (operation: Effect.Effect<unknown>) => Effect.succeed({ operation, leaks: noLeaks })
      assert.match(yield* verdict(leaving(Effect.zipRight(Effect.forkDaemon(Effect.never), Effect.never))), /1 fibers/)
      assert.strictEqual(yield* verdict(leaving(Effect.zipRight(Effect.fork(Effect.never), Effect.never))), "clean")
    })
  )

  it.effect("goes on after an operation that does not end when it is interrupted, and says that", () =>
    Effect.gen(function* () {
      const trial = Effect.succeed({ operation: Effect.uninterruptible(Effect.never), leaks: noLeaks })
      assert.match(yield* verdict(trial, { sample: 2, delays: [20] }), /the operation did not end/)
    })
  )

  it.effect("waits for an operation whose end takes some turns of the event loop", () =>
    Effect.gen(function* () {
      const turns = Effect.repeatN(
        Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void))),
        10
      )
      const trial = Effect.succeed({ operation: Effect.ensuring(Effect.never, turns), leaks: noLeaks })
      assert.strictEqual(yield* verdict(trial, { sample: 2, delays: [20] }), "clean")
    })
  )

  it.effect("finds an operation that dies of its interruption", () =>
    Effect.gen(function* () {
      const trial = Effect.succeed({
        operation: Effect.onInterrupt(Effect.never, () => Effect.die("of it")),
        leaks: noLeaks
      })
      assert.match(yield* verdict(trial, { sample: 2, delays: [20] }), /it died: .*of it/)
    })
  )

  it.effect("counts where the interruptions came, turns of the event loop later too", () =>
    Effect.gen(function* () {
      const trial = Effect.sync(() => {
        let at = "begun"
        const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
        const operation = Effect.zipRight(
          turn,
          Effect.zipRight(
            Effect.sync(() => (at = "turned")),
            turn
          )
        )
        return { operation, leaks: noLeaks, moment: () => at }
      })
      const one: Sweep.SweepOptions = { budgets: [64], steps: [0], delays: [5] }
      assert.deepStrictEqual((yield* Sweep.check(trial, one)).moments, { begun: 1 })
      const more = yield* Sweep.check(trial, { ...one, turns: [0, 2] })
      assert.deepStrictEqual([more.timings, more.moments], [2, { begun: 1, turned: 1 }])
      assert.strictEqual((yield* Sweep.run(trial, { ...one, turns: [9] })).succeeded, 1)
    })
  )

  it.effect("takes a sample that is the same each time and spread over all there is", () =>
    Effect.gen(function* () {
      const seen = (sample: number) =>
        Effect.map(
          Sweep.run(Effect.succeed({ operation: Effect.never, leaks: Effect.succeed(["a leak"]) }), {
            sample,
            turns: [0, 1]
          }),
          ({ leaks }) => leaks.map(({ timing }) => timing)
        )
      const first = yield* seen(200)
      assert.deepStrictEqual(first, yield* seen(200))
      assert.strictEqual(new Set(first.map((timing) => JSON.stringify(timing))).size, 200)
      for (const field of ["budget", "delay", "steps", "turns"] as const) {
        const values = new Set(first.map((timing) => timing[field]))
        assert.strictEqual(values.size, { budget: 49, delay: 21, steps: 31, turns: 2 }[field])
      }
    })
  )
})
