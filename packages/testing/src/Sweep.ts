/**
 * Interrupts an operation at every moment there is, and looks for what was left behind.
 *
 * Effect runs a fiber until it waits or has used up its budget of steps, and an interruption is seen between two steps:
 * so where an interruption lands is decided by the budget, by how many steps came before, and by how long it took to
 * come. A sweep goes through all three. An operation that survives it holds nothing that an interruption can make it
 * forget.
 *
 * Whatever the trial itself looks for, these are leaks too: an operation that does not end when it is interrupted, one
 * that dies, and a fiber that the operation has started and that is alive after it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { assertClean, sweep } from "./internal/sweep.js"

export {
  /**
   * A sweep found leaks. The message holds how many, and the first timings. A defect: a test does not recover from it.
   *
   * @since 0.1.0
   * @category errors
   */
  SweepFailed
} from "./internal/sweepFailed.js"

/**
 * One attempt: made anew for every timing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Trial<R = never> {
  /** What is interrupted. */
  readonly operation: Effect.Effect<unknown, unknown, R>
  /** What was left behind, looked at once the operation has ended and nothing can go on by itself. Nothing, if empty. */
  readonly leaks: Effect.Effect<ReadonlyArray<string>, never, R>
  /**
   * Names where the operation is, asked for when the interruption comes and the operation has not ended. The report
   * counts the answers: whether a sweep has reached a wait is not to be guessed.
   */
  readonly moment?: (() => string) | undefined
}

/**
 * What is swept. Without options: 49 budgets, 21 delays and 31 numbers of steps before, 31,899 timings, which take a
 * few seconds for a small operation.
 *
 * @since 0.1.0
 * @category models
 */
export interface SweepOptions {
  /** `withMaxOpsBeforeYield`: 16 to 64. */
  readonly budgets?: Iterable<number> | undefined
  /** After how many microtasks the interruption comes: 0 to 20. */
  readonly delays?: Iterable<number> | undefined
  /** How many steps the fiber takes before the operation: 0 to 30. */
  readonly steps?: Iterable<number> | undefined
  /** After how many turns of the event loop the microtasks of the delay begin: 0. For waits that microtasks do not reach. */
  readonly turns?: Iterable<number> | undefined
  /** Tries only this many of all the timings, spread evenly over them and the same each time. All by default. */
  readonly sample?: number | undefined
}

/**
 * A moment of interruption.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timing {
  readonly budget: number
  readonly delay: number
  readonly steps: number
  readonly turns: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface SweepReport {
  /** How many moments were tried. */
  readonly timings: number
  /** How many operations ended by interruption, success or failure. A sweep of which none was interrupted proves nothing. */
  readonly interrupted: number
  readonly succeeded: number
  readonly failed: number
  /** How often the interruption came where; see `Trial.moment`. */
  readonly moments: Readonly<Record<string, number>>
  readonly leaks: ReadonlyArray<{ readonly timing: Timing; readonly leak: string }>
}

/**
 * Whole numbers from `first` to `last`, for {@link SweepOptions}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const range = (first: number, last: number, step = 1): ReadonlyArray<number> => {
  const numbers: Array<number> = []
  for (let n = first; n <= last; n += step) numbers.push(n)
  return numbers
}

/**
 * Runs a trial at every timing and reports. What the trial's effect puts into its scope is closed after its leaks were
 * looked at.
 *
 * @example
 * ```ts
 * import { Sweep } from "@hotaru/testing"
 * import { Effect } from "effect"
 *
 * const trial = Effect.sync(() => {
 *   let held = 0
 *   return {
 *     operation: Effect.acquireUseRelease(Effect.sync(() => held++), () => Effect.never, () => Effect.sync(() => held--)),
 *     leaks: Effect.sync(() => held === 0 ? [] : [`${held} held`])
 *   }
 * })
 * const report = Sweep.run(trial, { steps: Sweep.range(0, 8) })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <R, R2>(
  trial: Effect.Effect<Trial<R2>, never, R>,
  options: SweepOptions = {}
): Effect.Effect<SweepReport, never, Exclude<R | R2, Scope.Scope>> =>
  sweep(trial, {
    budgets: [...(options.budgets ?? range(16, 64))],
    delays: [...(options.delays ?? range(0, 20))],
    steps: [...(options.steps ?? range(0, 30))],
    turns: [...(options.turns ?? [0])],
    sample: options.sample ?? Infinity
  })

/**
 * {@link run}, and dies with a `SweepFailed` if something leaked or if no timing interrupted the operation.
 *
 * @since 0.1.0
 * @category combinators
 */
export const check = <R, R2>(
  trial: Effect.Effect<Trial<R2>, never, R>,
  options: SweepOptions = {}
): Effect.Effect<SweepReport, never, Exclude<R | R2, Scope.Scope>> => assertClean(run(trial, options))
