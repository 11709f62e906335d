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

/** A list as it is asked: the names it adds to those of always, in small letters, and its patterns. */
interface Compiled {
  /** As many as the list had: one that grew meanwhile is compiled anew. */
  readonly length: number
  readonly names: ReadonlyArray<string>
  readonly patterns: ReadonlyArray<RegExp>
}

/** Programs have one list, and each traced request asks it of some ten fields. */
const compiled = new WeakMap<SecretNames, Compiled>()

const compile = (named: SecretNames): Compiled => {
  const known = compiled.get(named)
  if (known !== undefined && known.length === named.length) return known
  const names = named.filter((one) => typeof one === "string").map((name) => name.toLowerCase())
  const made = {
    length: named.length,
    names: names.filter((name) => !always.has(name)),
    patterns: named.filter((one) => typeof one !== "string")
  }
  compiled.set(named, made)
  return made
}

/** Whether a list has the name, or a pattern of it. */
export const isNamed = (name: string, named: SecretNames): boolean => {
  const lower = name.toLowerCase()
  const { names, patterns } = compile(named)
  return names.includes(lower) || (patterns.length > 0 && patterns.some((pattern) => fits(pattern, lower)))
}

/** Whether a field is secret, to a program that calls these names so. */
export const isSecret = (name: string, named: SecretNames): boolean =>
  always.has(name.toLowerCase()) || isNamed(name, named)

/** What is shown for the value of a field that is secret; the platform's loggers show the same. */
export const hidden = "<redacted>"

/**
 * A pattern as it is, and one that knows that names have no case (a negated class may fit only without). Without `g`
 * and `y`, which make a pattern remember where it stopped and skip every other name.
 */
const stateless = new WeakMap<RegExp, readonly [RegExp, RegExp]>()

const fits = (pattern: RegExp, name: string): boolean => {
  let both = stateless.get(pattern)
  if (both === undefined) {
    const flags = pattern.flags.replace(/[giy]/g, "")
    both = [new RegExp(pattern.source, flags), new RegExp(pattern.source, `${flags}i`)]
    stateless.set(pattern, both)
  }
  return both[0].test(name) || both[1].test(name)
}
