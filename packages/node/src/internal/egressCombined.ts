/**
 * Policies of policies.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { EgressPolicyShape, Verdict } from "../EgressPolicy.js"

const nobody = "no policy allows it"

type Judged = Verdict | Effect.Effect<Verdict>

export const all = (...policies: ReadonlyArray<EgressPolicyShape>): EgressPolicyShape => ({
  label: labelOf(policies, "and"),
  judge: (destination) => {
    // A list that came out empty is not to open the way.
    if (policies.length === 0) return { _tag: "Denied", rule: nobody }
    const ask = (next: number): Judged => {
      const policy = policies[next]
      if (policy === undefined) return { _tag: "Allowed" }
      return then(policy.judge(destination), (verdict) => (verdict._tag === "Allowed" ? ask(next + 1) : verdict))
    }
    return ask(0)
  }
})

export const any = (...policies: ReadonlyArray<EgressPolicyShape>): EgressPolicyShape => ({
  label: labelOf(policies, "or"),
  judge: (destination) => {
    const ask = (next: number, rules: ReadonlyArray<string>): Judged => {
      const policy = policies[next]
      if (policy === undefined) return { _tag: "Denied", rule: rules.length === 0 ? nobody : rules.join("; ") }
      return then(policy.judge(destination), (verdict) =>
        verdict._tag === "Allowed" ? verdict : ask(next + 1, [...rules, verdict.rule])
      )
    }
    return ask(0, [])
  }
})

/** In brackets where it is made of several itself. */
const labelOf = (policies: ReadonlyArray<EgressPolicyShape>, word: "and" | "or"): string =>
  policies.length === 0
    ? "none"
    : policies
        .map(({ label }) => (policies.length > 1 && / (and|or) /.test(label) ? `(${label})` : label))
        .join(` ${word} `)

/** Waits only where there is something to wait for. */
const then = (judged: Judged, next: (verdict: Verdict) => Judged): Judged => {
  if (!Effect.isEffect(judged)) return next(judged)
  return Effect.flatMap(judged, (verdict) => {
    const following = next(verdict)
    return Effect.isEffect(following) ? following : Effect.succeed(following)
  })
}
