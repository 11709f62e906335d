/**
 * The pool's options as environment variables.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { PoolConfig } from "../PoolConfig.js"

const unlimited: ReadonlySet<string> = new Set(["off", "infinity", "unlimited"])

export const prefix = "HOTARU_POOL_"

/** `maxIdlePerHost` is read from `HOTARU_POOL_MAX_IDLE_PER_HOST`, as one segment: no provider's delimiter can split it. */
export const variableOf = (field: keyof PoolConfig): string =>
  `${prefix}${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/**
 * A field that is absent keeps its default; one that is present and wrong fails, naming the variable, its value and the
 * form wanted. Defaults are given field by field: a group's default would swallow every field that was set.
 */
const field = <A>(
  name: keyof PoolConfig,
  fallback: A,
  expected: string,
  parse: (text: string) => A | undefined
): Config.Config<A> => {
  return Config.string(variableOf(name)).pipe(
    // The path is put in front of what fails here.
    Config.mapOrFail((text) => {
      const parsed = parse(text.trim())
      return parsed === undefined
        ? Either.left(ConfigError.InvalidData([], `expected ${expected}, not ${JSON.stringify(text)}`))
        : Either.right(parsed)
    }),
    Config.withDefault(fallback),
    Config.withDescription(expected)
  )
}

export const count = (
  name: keyof PoolConfig,
  fallback: number,
  least: number,
  mayBeUnlimited: boolean
): Config.Config<number> =>
  field(name, fallback, `a whole number of at least ${least}${mayBeUnlimited ? ', or "off"' : ""}`, (text) => {
    if (mayBeUnlimited && unlimited.has(text.toLowerCase())) return Infinity
    if (!/^\d+$/.test(text)) return undefined
    const value = Number(text)
    return Number.isSafeInteger(value) && value >= least ? value : undefined
  })

export const share = (name: keyof PoolConfig, fallback: number): Config.Config<number> =>
  field(name, fallback, "a number from 0 to 1", (text) => {
    const value = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN
    return value >= 0 && value <= 1 ? value : undefined
  })

export const duration = (
  name: keyof PoolConfig,
  fallback: Duration.DurationInput,
  options: { readonly mayBeOff: boolean; readonly mayBeZero?: boolean }
): Config.Config<Duration.DurationInput> =>
  field<Duration.DurationInput>(
    name,
    fallback,
    `a duration such as "90 seconds" or "250 millis"${options.mayBeOff ? ', or "off"' : ""}`,
    (text) => {
      if (options.mayBeOff && unlimited.has(text.toLowerCase())) return Duration.infinity
      // Effect takes a negative duration for zero.
      const decoded = Duration.decodeUnknown(text.startsWith("-") ? undefined : text)
      if (decoded._tag === "None") return undefined
      const millis = Duration.toMillis(decoded.value)
      return millis > 0 || (options.mayBeZero === true && millis === 0) ? decoded.value : undefined
    }
  )

export const boolean = (name: keyof PoolConfig, fallback: boolean): Config.Config<boolean> =>
  field(name, fallback, '"true" or "false"', (text) => truths.get(text.toLowerCase()))

const truths: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false]
])

export const idleOrder = (name: keyof PoolConfig, fallback: "fifo" | "lifo"): Config.Config<"fifo" | "lifo"> =>
  field(name, fallback, '"fifo" or "lifo"', (text) => {
    const order = text.toLowerCase()
    return order === "fifo" || order === "lifo" ? order : undefined
  })
