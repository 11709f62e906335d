/**
 * Options wrapped in `Config`.
 *
 * @internal
 */
import * as Config from "effect/Config"

/** `Config.unwrap`, which stumbles over a field that is there and undefined. */
export const unwrap = <A>(wrapped: Config.Config.Wrap<A>): Config.Config<A> =>
  Config.unwrap(withoutUndefined(wrapped) as Config.Config.Wrap<A>)

const withoutUndefined = (wrapped: unknown): unknown => {
  if (typeof wrapped !== "object" || wrapped === null || Config.isConfig(wrapped)) return wrapped
  return Object.fromEntries(
    Object.entries(wrapped)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [field, withoutUndefined(value)])
  )
}
