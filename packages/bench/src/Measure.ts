/** What a measure is. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Finding } from "./findings.js"
import type { Rounds } from "./rounds.js"

export interface Effort {
  /** Whether a rough answer will do. */
  readonly quick: boolean
}

export type Measure = (effort: Effort) => Effect.Effect<ReadonlyArray<Finding>, never, Scope.Scope>

/** As many operations a round as are said for a full measurement; far fewer in fewer rounds for a rough one. */
export const rounds = ({ quick }: Effort, operations: number): Rounds =>
  quick
    ? { warmUp: Math.ceil(operations / 8), operations: Math.ceil(operations / 20), rounds: 5 }
    : { warmUp: operations, operations, rounds: 11 }
