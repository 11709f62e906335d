/**
 * The interruption sweep.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { FiberCensus } from "../FiberCensus.js"
import type { SweepReport, Timing, Trial } from "../Sweep.js"
import { quiet } from "./quiet.js"
import { SweepFailed } from "./sweepFailed.js"

interface Ranges {
  readonly budgets: ReadonlyArray<number>
  readonly delays: ReadonlyArray<number>
  readonly steps: ReadonlyArray<number>
  readonly turns: ReadonlyArray<number>
  /** How many of the timings are tried. */
  readonly sample: number
}

/** `n` steps of the fiber's budget, then the operation. */
const after = <A, E, R>(steps: number, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  let effect = operation
  for (let i = 0; i < steps; i++) effect = Effect.zipRight(Effect.void, effect)
  return effect
}

const soon: (task: () => void) => void = setImmediate

/** Goes on after so many turns of the event loop and then so many microtasks, whatever else runs in them. */
const passing = (turns: number, microtasks: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const next = (turnsLeft: number, microtasksLeft: number): void => {
      if (turnsLeft > 0) soon(() => next(turnsLeft - 1, microtasksLeft))
      else if (microtasksLeft > 0) queueMicrotask(() => next(0, microtasksLeft - 1))
      else resume(Effect.void)
    }
    next(turns, microtasks)
  })

/** An interrupted operation may have to wait for others that end by themselves. One that has not ended by now never will. */
const patience = 50

interface Attempted {
  /** Undefined: it did not end. */
  readonly exit: Exit.Exit<unknown, unknown> | undefined
  readonly moment: string | undefined
  readonly leaks: ReadonlyArray<string>
}

const attempt = <R, R2>(
  make: Effect.Effect<Trial<R2>, never, R>,
  { budget, delay, steps, turns }: Timing
): Effect.Effect<Attempted, never, Exclude<R | R2, Scope.Scope>> =>
  Effect.scoped(
    Effect.flatMap(make, (trial) =>
      Effect.gen(function* () {
        const census = new FiberCensus()
        const operation = Effect.withMaxOpsBeforeYield(after(steps, trial.operation), budget)
        // A fiber that cannot be interrupted must not hold up the sweep that finds it.
        const fiber = yield* Effect.forkDaemon(Effect.supervised(operation, census))
        yield* passing(turns, delay)
        const moment = fiber.unsafePoll() === null ? trial.moment?.() : undefined
        fiber.unsafeInterruptAsFork(FiberId.none)
        yield* quiet
        for (let i = 0; i < patience && fiber.unsafePoll() === null; i++) yield* quiet
        const exit = fiber.unsafePoll() ?? undefined
        const leaks: Array<string> = []
        if (exit === undefined) leaks.push("the operation did not end")
        else if (Exit.isFailure(exit) && Cause.isDie(exit.cause)) leaks.push(`it died: ${Cause.pretty(exit.cause)}`)
        if (census.alive > 0) leaks.push(`${census.alive} fibers`)
        return { exit, moment, leaks: [...leaks, ...(yield* trial.leaks)] }
      })
    )
  )

/** All timings, or as many as are wanted: every so many-th, going round until there are enough. */
function* timings({ budgets, delays, sample, steps, turns }: Ranges): Generator<Timing> {
  const all = budgets.length * delays.length * steps.length * turns.length
  const count = Math.min(all, sample)
  const stride = count === all ? 1 : coprime(Math.max(1, Math.round(all * goldenRatio)), all)
  for (let i = 0, at = 0; i < count; i++, at = (at + stride) % all) {
    let rest = at
    const digit = (values: ReadonlyArray<number>): number => {
      const value = values[rest % values.length] as number
      rest = Math.floor(rest / values.length)
      return value
    }
    yield { steps: digit(steps), delay: digit(delays), turns: digit(turns), budget: digit(budgets) }
  }
}

/** Steps of this share of a circle spread evenly over it, however many are taken. */
const goldenRatio = (Math.sqrt(5) - 1) / 2

/** The first number from `n` on that meets every timing before it meets one twice. */
const coprime = (n: number, all: number): number => {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  while (divisor(n, all) !== 1) n++
  return n
}

export const sweep = <R, R2>(
  make: Effect.Effect<Trial<R2>, never, R>,
  ranges: Ranges
): Effect.Effect<SweepReport, never, Exclude<R | R2, Scope.Scope>> =>
  Effect.gen(function* () {
    const counts = { timings: 0, interrupted: 0, succeeded: 0, failed: 0 }
    const moments: Record<string, number> = {}
    const leaks: Array<{ readonly timing: Timing; readonly leak: string }> = []
    for (const timing of timings(ranges)) {
      const { exit, leaks: found, moment } = yield* attempt(make, timing)
      counts.timings++
      if (exit === undefined || Exit.isInterrupted(exit)) counts.interrupted++
      else if (Exit.isSuccess(exit)) counts.succeeded++
      else counts.failed++
      if (moment !== undefined) moments[moment] = (moments[moment] ?? 0) + 1
      for (const leak of found) leaks.push({ timing, leak })
    }
    return { ...counts, moments, leaks }
  })

const shown = 5

export const assertClean = <E, R>(run: Effect.Effect<SweepReport, E, R>): Effect.Effect<SweepReport, E, R> =>
  Effect.tap(run, (report) => {
    const exits = `${report.interrupted} interrupted, ${report.succeeded} succeeded, ${report.failed} failed`
    if (report.leaks.length > 0) {
      const first = report.leaks
        .slice(0, shown)
        .map(
          ({ leak, timing: t }) =>
            `  ${leak} (budget ${t.budget}, delay ${t.delay}, steps ${t.steps}${t.turns > 0 ? `, turns ${t.turns}` : ""})`
        )
      return Effect.die(
        new SweepFailed(`${report.leaks.length} leaks in ${report.timings} timings (${exits}):\n${first.join("\n")}`)
      )
    }
    if (report.interrupted === 0) {
      return Effect.die(new SweepFailed(`nothing was interrupted in ${report.timings} timings (${exits})`))
    }
    return Effect.void
  })
