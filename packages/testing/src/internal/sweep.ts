/**
 * The interruption sweep.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { SweepReport, Timing, Trial } from "../Sweep.js"
import { quiet } from "./quiet.js"
import { SweepFailed } from "./sweepFailed.js"

interface Ranges {
  readonly budgets: ReadonlyArray<number>
  readonly delays: ReadonlyArray<number>
  readonly steps: ReadonlyArray<number>
}

/** `n` steps of the fiber's budget, then the operation. */
const after = <A, E, R>(steps: number, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  let effect = operation
  for (let i = 0; i < steps; i++) effect = Effect.zipRight(Effect.void, effect)
  return effect
}

/** Goes on after `n` microtasks, whatever else runs in them. */
const microtasks = (n: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const next = (left: number): void => {
      if (left === 0) resume(Effect.void)
      else queueMicrotask(() => next(left - 1))
    }
    next(n)
  })

const attempt = <R, R2>(
  make: Effect.Effect<Trial<R2>, never, R>,
  { budget, delay, steps }: Timing
): Effect.Effect<
  { readonly exit: Exit.Exit<unknown, unknown>; readonly leaks: ReadonlyArray<string> },
  never,
  Exclude<R | R2, Scope.Scope>
> =>
  Effect.scoped(
    Effect.flatMap(make, (trial) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(after(steps, trial.operation), budget))
        yield* microtasks(delay)
        const exit = yield* Fiber.interrupt(fiber)
        yield* quiet
        return { exit, leaks: yield* trial.leaks }
      })
    )
  )

export const sweep = <R, R2>(
  make: Effect.Effect<Trial<R2>, never, R>,
  ranges: Ranges
): Effect.Effect<SweepReport, never, Exclude<R | R2, Scope.Scope>> =>
  Effect.gen(function* () {
    const counts = { timings: 0, interrupted: 0, succeeded: 0, failed: 0 }
    const leaks: Array<{ readonly timing: Timing; readonly leak: string }> = []
    for (const budget of ranges.budgets) {
      for (const delay of ranges.delays) {
        for (const steps of ranges.steps) {
          const timing = { budget, delay, steps }
          const result = yield* attempt(make, timing)
          counts.timings++
          if (Exit.isSuccess(result.exit)) counts.succeeded++
          else if (Exit.isInterrupted(result.exit)) counts.interrupted++
          else counts.failed++
          for (const leak of result.leaks) leaks.push({ timing, leak })
        }
      }
    }
    return { ...counts, leaks }
  })

const shown = 5

export const assertClean = <E, R>(run: Effect.Effect<SweepReport, E, R>): Effect.Effect<SweepReport, E, R> =>
  Effect.tap(run, (report) => {
    const exits = `${report.interrupted} interrupted, ${report.succeeded} succeeded, ${report.failed} failed`
    if (report.leaks.length > 0) {
      const first = report.leaks
        .slice(0, shown)
        .map(({ leak, timing: t }) => `  ${leak} (budget ${t.budget}, delay ${t.delay}, steps ${t.steps})`)
      return Effect.die(
        new SweepFailed(`${report.leaks.length} leaks in ${report.timings} timings (${exits}):\n${first.join("\n")}`)
      )
    }
    if (report.interrupted === 0) {
      return Effect.die(new SweepFailed(`nothing was interrupted in ${report.timings} timings (${exits})`))
    }
    return Effect.void
  })
