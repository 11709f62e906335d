/**
 * Records of options, checked by their names.
 *
 * TypeScript finds a misspelt name where a record is written down as it is passed. It finds none in plain JavaScript, in a
 * spread object or in a record of `Config`s. A misspelt option is an option that is not in force, and where the option is
 * a limit or a policy, nothing shows it. So each record is looked at once, when what it describes is built.
 *
 * @since 0.1.0
 */
import { InvalidPoolConfig } from "./PoolError.js"

/**
 * What is known of a record of options.
 *
 * @since 0.1.0
 * @category models
 */
export interface Known {
  /** Where the record stands, such as `connector.tls`; empty for the outermost one. */
  readonly at: string
  /** The names it may have. */
  readonly names: ReadonlyArray<string>
  /**
   * The names among them whose absence opens something: a policy, trusted roots. One that is there and undefined is
   * refused, because a value that did not arrive looks the same.
   */
  readonly guards?: ReadonlyArray<string>
}

/**
 * Throws an `InvalidPoolConfig` if the record is none, has a name that is not known, or has an undefined value under a
 * name that guards something. Names that are inherited do not count.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (options: unknown, { at, guards = [], names }: Known): void => {
  if (typeof options !== "object" || options === null) {
    throw new InvalidPoolConfig({ field: at === "" ? "options" : at, value: options, expected: "a record of options" })
  }
  for (const name of Object.keys(options)) {
    const field = at === "" ? name : `${at}.${name}`
    const value = (options as Record<string, unknown>)[name]
    if (!names.includes(name)) {
      // Without its value: under a misspelt name it may be a secret.
      throw new InvalidPoolConfig({ field, value: undefined, expected: hint(name, names), unknown: true })
    }
    if (value === undefined && guards.includes(name)) {
      throw new InvalidPoolConfig({
        field,
        value,
        expected: "left out, or given a value: it guards what is built with it"
      })
    }
  }
}

const hint = (name: string, names: ReadonlyArray<string>): string => {
  const right = nearest(name, names)
  return right === undefined ? `the options are ${names.join(", ")}` : `did you mean ${right}?`
}

/**
 * The name that was probably meant: the one with the fewest letters to change, in whatever case. One that begins like the
 * given name, contains it, or is contained in it, is near too. Undefined if none is.
 *
 * @since 0.1.0
 * @category checks
 */
export const nearest = (name: string, names: ReadonlyArray<string>): string | undefined => {
  const given = name.toLowerCase()
  let best: string | undefined
  let least = Infinity
  for (const candidate of names) {
    const wanted = candidate.toLowerCase()
    const changes = changesBetween(given, wanted)
    const isPart = given.length >= 4 && wanted.length >= 4 && (wanted.includes(given) || given.includes(wanted))
    const isNear = changes <= Math.max(2, Math.floor(wanted.length / 3))
    const beginsNear = given.length >= 6 && changesBetween(given, wanted.slice(0, given.length)) <= 2
    if ((isNear || isPart || beginsNear) && changes < least) {
      least = changes
      best = candidate
    }
  }
  return best
}

/** The longest name that is compared letter by letter. */
const longestName = 64

/** How many letters to put in, take out, replace, or swap with their neighbour make one word of the other. */
const changesBetween = (one: string, other: string): number => {
  if (Math.max(one.length, other.length) > longestName) return Infinity
  let before: Array<number> = []
  let last = Array.from({ length: other.length + 1 }, (_, j) => j)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      if (swapped) least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[other.length]!
}
