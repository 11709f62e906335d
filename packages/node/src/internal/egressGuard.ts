/**
 * A policy, asked on behalf of dials: verdicts as callbacks, and nothing but an explicit "allowed" allows.
 *
 * @internal
 */
import type { EgressDenial } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { type Destination, deniedAddresses, type EgressPolicyShape, type Verdict } from "../EgressPolicy.js"
import { forking, interruption } from "./forking.js"

/** Told whether the destination is denied; undefined: it may be dialled. */
type Told = (denial: EgressDenial | undefined) => void

export interface EgressGuard {
  readonly label: string
  /** Tells once, within the call if the policy is no effect; answers how to have it not tell. */
  readonly judge: (destination: Destination, told: Told) => () => void
}

const nothing = () => {}

/** Effects run in fibers of the connector's own, with its context, and end with its scope. */
export const guarding = (policy: EgressPolicyShape): Effect.Effect<EgressGuard, never, Scope.Scope> =>
  Effect.map(forking, (run) => {
    const count = Metric.tagged(deniedAddresses, "policy", policy.label)
    const conclude = (destination: Destination, verdict: unknown, cause: unknown): EgressDenial | undefined => {
      const reached = isVerdict(verdict) ? verdict : undefined
      if (reached?._tag === "Allowed") return undefined
      count.unsafeUpdate(1, [])
      const address = destination._tag === "Address" ? destination.address : destination.path
      if (reached !== undefined) return { address, rule: reached.rule }
      return { address, rule: "the policy gave no verdict", ...(cause === undefined ? {} : { cause }) }
    }
    return {
      label: policy.label,
      judge: (destination, told) => {
        let verdict: Verdict | Effect.Effect<Verdict>
        try {
          verdict = policy.judge(destination)
        } catch (thrown) {
          told(conclude(destination, undefined, thrown))
          return nothing
        }
        if (!Effect.isEffect(verdict)) {
          told(conclude(destination, verdict, undefined))
          return nothing
        }
        let waiting = true
        const fiber = run(verdict)
        fiber.addObserver((exit) => {
          if (!waiting) return
          waiting = false
          told(
            exit._tag === "Success"
              ? conclude(destination, exit.value, undefined)
              : conclude(destination, undefined, Cause.squash(exit.cause))
          )
        })
        return () => {
          waiting = false
          interruption(fiber)()
        }
      }
    }
  })

const isVerdict = (verdict: unknown): verdict is Verdict =>
  typeof verdict === "object" &&
  verdict !== null &&
  "_tag" in verdict &&
  (verdict._tag === "Allowed" || (verdict._tag === "Denied" && "rule" in verdict && typeof verdict.rule === "string"))
