/** Every way in which a value is printed, and all that an error is part of by then. */
import { format, inspect } from "node:util"
import type { HttpClientError } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Runtime from "effect/Runtime"

/** What loggers other than Effect's make of an error before they write it: an object of what can be enumerated. */
const copied = (value: object): object => {
  const copy: Record<string, unknown> = {}
  for (const key in value) copy[key] = Reflect.get(value, key)
  return copy
}

export const ways: Readonly<Record<string, (value: object) => string>> = {
  String: (value) => String(value),
  JSON: (value) => JSON.stringify(value, null, 2),
  "JSON, of a list": (value) => JSON.stringify([{ value }]),
  "JSON, of a copy": (value) => (value instanceof Error ? JSON.stringify(copied(value)) : ""),
  inspect: (value) => inspect(value, { depth: Infinity }),
  "inspect, all": (value) => inspect(value, { depth: Infinity, showHidden: true, getters: true }),
  "inspect, of a list": (value) => inspect([{ value }], { depth: Infinity }),
  "inspect, of a copy": (value) => (value instanceof Error ? inspect({ ...value }, { depth: Infinity }) : ""),
  console: (value) => format("%s %o %O", value, value, value),
  "Effect's format": (value) => Inspectable.format(value),
  "Effect's string": (value) => Inspectable.toStringUnknown(value),
  "Effect's JSON": (value) => JSON.stringify(Inspectable.toJSON(value)),
  "as Node does what is uncaught": (value) => inspect(value, { depth: 8, customInspect: false }),
  stack: (value) => (value instanceof Error ? (value.stack ?? "") : ""),
  clone: (value) => (value instanceof Error ? inspect(structuredClone(value), { depth: Infinity }) : "")
}

export const shown = (value: object): ReadonlyArray<readonly [way: string, text: string]> =>
  Object.entries(ways).map(([way, print]) => [way, print(value)])

/** All that an error is part of by the time it is printed. */
export const around = (
  error: HttpClientError.HttpClientError
): ReadonlyArray<readonly [what: string, value: object]> => [
  ["error", error],
  ["its request", error.request],
  ["its cause", error.cause as object],
  ["cause", Cause.fail(error)],
  ["exit", Exit.fail(error)],
  ["rejection", Runtime.makeFiberFailure(Cause.fail(error))],
  [
    "pretty",
    { pretty: Cause.pretty(Cause.fail(error), { renderErrorCause: true }), all: Cause.prettyErrors(Cause.fail(error)) }
  ]
]

export const assertSilent = (
  values: ReadonlyArray<readonly [string, object | undefined]>,
  secrets: ReadonlyArray<string>
) => {
  for (const [what, value] of values) {
    if (value === undefined) continue
    for (const [way, text] of shown(value)) {
      for (const secret of secrets) {
        const at = text.indexOf(secret)
        assert.strictEqual(at, -1, `${what}, ${way}: ${text.slice(Math.max(0, at - 80), at + 80)}`)
      }
    }
  }
}
