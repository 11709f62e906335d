/**
 * Header fields whose values are for the peer alone: they stay behind on the way to another origin, and are not shown.
 *
 * @internal
 */
import * as Headers from "@effect/platform/Headers"
import * as FiberRefs from "effect/FiberRefs"

/** Names and patterns of names, as `Headers.currentRedactedNames` holds them. */
export type SecretNames = ReadonlyArray<string | RegExp>

/** Those of the platform's own list, also for a program that has put its own in its place. */
const always = new Set(["proxy-authorization"])
for (const name of FiberRefs.getOrDefault(FiberRefs.empty(), Headers.currentRedactedNames)) {
  if (typeof name === "string") always.add(name.toLowerCase())
}

/** Whether a field is secret, to a program that calls these names so. */
export const isSecret = (name: string, named: SecretNames): boolean => {
  const lower = name.toLowerCase()
  return (
    always.has(lower) || named.some((one) => (typeof one === "string" ? one.toLowerCase() === lower : fits(one, lower)))
  )
}

/** The headers with what is secret hidden, as a plain object. */
export const redact = (headers: Headers.Headers, named: SecretNames): Record<string, string> => {
  const shown: Array<[string, string]> = []
  for (const name of Object.keys(headers)) {
    shown.push([name, isSecret(name, named) ? "<redacted>" : headers[name]!])
  }
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(shown)
}

/**
 * A pattern as it is, and one that knows that names have no case (a negated class may fit only without). Without `g`
 * and `y`, which make a pattern remember where it stopped and skip every other name.
 */
const patterns = new WeakMap<RegExp, readonly [RegExp, RegExp]>()

const fits = (pattern: RegExp, name: string): boolean => {
  let both = patterns.get(pattern)
  if (both === undefined) {
    const flags = pattern.flags.replace(/[giy]/g, "")
    both = [new RegExp(pattern.source, flags), new RegExp(pattern.source, `${flags}i`)]
    patterns.set(pattern, both)
  }
  return both[0].test(name) || both[1].test(name)
}
