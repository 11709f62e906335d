/** Runs seeds. */
import type { PoolStats } from "@hotaru/pool/PoolStats"
import * as Effect from "effect/Effect"
import { Draw } from "./Draw.js"
import * as Plan from "./Plan.js"
import { Run } from "./Run.js"
import type { Sabotage } from "./Sabotage.js"

export interface Options {
  readonly steps: number
  /** Lines of the trace that are kept. */
  readonly kept: number
  /** Whether errors have stacks: for looking at one seed. Typed failures are made by the thousand. */
  readonly stacks: boolean
  readonly sabotage: Sabotage
}

export interface Report {
  readonly seed: number
  readonly plan: Plan.Plan
  /** Undefined if every invariant held. */
  readonly failure: string | undefined
  readonly trace: ReadonlyArray<string>
  /** Of the whole trace. */
  readonly hash: string
  readonly outcomes: ReadonlyMap<string, number>
  readonly stats: PoolStats | undefined
}

/** Steps of a run, where nothing else is said. */
export const defaultSteps = 80

export const run = (seed: number, options: Partial<Options> = {}): Report => {
  const { kept = 60, sabotage = {}, stacks = false, steps = defaultSteps } = options
  const plan = Plan.make(new Draw(seed, 1))
  const run = new Run(seed, plan, kept, sabotage)
  let failure: string | undefined
  const { stackTraceLimit } = Error
  if (!stacks) Error.stackTraceLimit = 0
  try {
    run.play(steps)
  } catch (error) {
    const first = run.trace.failure ?? error
    failure = first === run.trace.failure ? run.trace.failure?.message : `the run itself died: ${stackOf(first)}`
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return {
    seed,
    plan,
    failure,
    trace: run.trace.last,
    hash: run.trace.hash,
    outcomes: run.outcomes,
    stats: failure === undefined ? run.stats : undefined
  }
}

/**
 * To be taken between two seeds: a run leaves no turn to the process, and what is weakly held is held until one has
 * passed. A signal to stop is heard then as well.
 */
export const breath: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
