/**
 * The policies that `EgressPolicy.guard` puts in force. One such policy is not replaced by a connector's own option, and
 * at least one connector must have been built under it: a guard around a layer whose connections are opened elsewhere
 * would guard nothing.
 *
 * @internal
 */
import type { EgressPolicyShape } from "../EgressPolicy.js"
import { all } from "./egressCombined.js"

interface Guard {
  /** The guard around it. */
  readonly around: EgressPolicyShape
  built: boolean
}

const guards = new WeakMap<EgressPolicyShape, Guard>()

/** A policy of its own for one build of a guarded layer, under the guard that is in force around it, if one is. */
export const begin = (policy: EgressPolicyShape, around: EgressPolicyShape): EgressPolicyShape => {
  const guard = guards.has(around) ? all(around, policy) : { label: policy.label, judge: policy.judge }
  guards.set(guard, { around, built: false })
  return guard
}

/** Whether a connector was built under the guard. */
export const wasUsed = (guard: EgressPolicyShape): boolean => guards.get(guard)?.built === true

/** What a connector is to ask, with a policy given to itself and the one in force where it is built. */
export const inForce = (own: EgressPolicyShape | undefined, around: EgressPolicyShape): EgressPolicyShape => {
  for (let guard = guards.get(around); guard !== undefined; guard = guards.get(guard.around)) guard.built = true
  if (own === undefined) return around
  return guards.has(around) ? all(around, own) : own
}
