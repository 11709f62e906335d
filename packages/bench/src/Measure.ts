/** What a measure is. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Finding } from "./findings.js"
import type { Report } from "./Report.js"
import type { Rounds } from "./rounds.js"

export interface Effort {
  /** Whether a rough answer will do. */
  readonly quick: boolean
}

/** Tells its tables as soon as it has them. */
export type Measure = (effort: Effort) => Effect.Effect<ReadonlyArray<Finding>, never, Scope.Scope | Report>

/** Rounds of a fifth of that many operations each; far less of both if a rough answer will do. */
export const rounds = ({ quick }: Effort, operations: number): Rounds =>
  quick
    ? { warmUp: Math.ceil(operations / 12), operations: Math.ceil(operations / 25), rounds: 5 }
    : { warmUp: Math.ceil(operations / 2), operations: Math.ceil(operations / 5), rounds: 9 }
