/**
 * Options wrapped in `Config`.
 *
 * @internal
 */
import * as Options from "@hotaru/pool/Options"
import * as Config from "effect/Config"
import { known as connector } from "./settings.js"
import { known as tls } from "./tlsIdentity.js"

/**
 * `Config.unwrap`, which stumbles over a record without fields and over a field that is there and undefined. What guards
 * something must not be there and undefined: it is looked at before such fields are left out.
 */
export const unwrap = <A>(wrapped: Config.Config.Wrap<A>, known: Options.Known): Config.Config<A> =>
  Config.suspend(() => {
    checkWrapped(wrapped, known)
    return plain(wrapped) as Config.Config<A>
  })

/** The records in which a value that did not arrive opens something, outermost first. */
const inner: ReadonlyArray<readonly [name: string, known: Options.Known]> = [
  ["connector", connector],
  ["tls", tls]
]

const checkWrapped = (wrapped: unknown, known: Options.Known): void => {
  Options.check(wrapped, known)
  for (const [name, within] of inner) {
    const record = (wrapped as Record<string, unknown>)[name]
    if (isRecord(record)) checkWrapped(record, within)
  }
}

const plain = (wrapped: unknown): Config.Config<unknown> => {
  if (Config.isConfig(wrapped)) return wrapped
  // What is no record of configurations is meant as it is.
  if (!isRecord(wrapped)) return Config.succeed(wrapped)
  const fields = Object.entries(wrapped).filter(([, value]) => value !== undefined)
  if (fields.length === 0) return Config.succeed({})
  return Config.all(Object.fromEntries(fields.map(([field, value]) => [field, plain(value)])))
}

const isRecord = (value: unknown): value is object => {
  if (typeof value !== "object" || value === null || Config.isConfig(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
