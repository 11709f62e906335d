/**
 * Variables that look like the pool's and are none of its options: most likely misspelt, and so not in force.
 */
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Options from "../Options.js"
import { defaults, type PoolConfig } from "../PoolConfig.js"
import { prefix, variableOf } from "./environment.js"

/** Functions cannot be written in a variable. */
const variables = (Object.keys(defaults) as Array<keyof PoolConfig>)
  .filter((field) => field !== "perHost" && field !== "shouldEvict")
  .map(variableOf)

/** Each is named in a warning of its own; values are not shown. */
export const warnOfUnknown: Effect.Effect<void> = Effect.flatMap(
  Effect.configProviderWith((provider) => namesBelow(provider, [])),
  (names) =>
    Effect.forEach(
      names.filter((name) => name.startsWith(prefix) && !variables.includes(name)).sort(),
      (name) => Effect.logWarning(warning(name)),
      { discard: true }
    )
)

const warning = (name: string): string => {
  const right = Options.nearest(
    name.slice(prefix.length),
    variables.map((variable) => variable.slice(prefix.length))
  )
  const hint = right === undefined ? `the pool reads ${variables.join(", ")}` : `did you mean ${prefix}${right}?`
  return `${name} is not a variable of the connection pool and has no effect; ${hint}`
}

/**
 * The names that a provider has and that may begin with the prefix. A provider that takes `_` for a delimiter, as Effect's
 * own for the environment does, tells them a segment at a time.
 */
const namesBelow = (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.flatMap(
    // A provider that cannot tell has nothing to warn of; what it cannot read has failed the build already.
    Effect.orElseSucceed(provider.flattened.enumerateChildren(path), () => []),
    (children) => {
      const names = [...children].map((child) => [...path, child])
      const own = names.map((segments) => segments.join("_"))
      const deeper = names.filter((_, i) => prefix.startsWith(`${own[i]}_`) || own[i]!.startsWith(prefix))
      return Effect.map(
        Effect.forEach(deeper, (segments) => namesBelow(provider, segments)),
        (below) => [...own.filter((name) => !deeperHas(below.flat(), name)), ...below.flat()]
      )
    }
  )

const deeperHas = (names: ReadonlyArray<string>, name: string): boolean =>
  names.some((other) => other.startsWith(`${name}_`))
