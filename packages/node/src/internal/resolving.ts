/**
 * Look-ups by the resolver, as callbacks.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { ResolveError, ResolverShape } from "../Resolver.js"
import { type Address, canonical } from "./addresses.js"
import type { Answer } from "./lookups.js"

/**
 * Look-ups run in fibers of the connector's own, with its context: which request asked first must not matter. They end
 * with its scope.
 */
export const starter = (
  resolver: ResolverShape
): Effect.Effect<(host: string, done: (answer: Answer) => void) => void, never, Scope.Scope> =>
  Effect.map(FiberSet.makeRuntime<never, ReadonlyArray<Address>, ResolveError>(), (run) => (host, done) => {
    run(addressesOf(resolver, host)).addObserver((exit) => done(exit))
  })

/** Addresses that are kept of an answer, which somebody else has made, and which is remembered for every name. */
export const mostKept = 256

/** A host's addresses, each in its canonical form and once. */
export const addressesOf = (
  resolver: ResolverShape,
  host: string
): Effect.Effect<ReadonlyArray<Address>, ResolveError> =>
  Effect.map(
    Effect.suspend(() => resolver.lookup(host)),
    usable
  )

const usable = (addresses: ReadonlyArray<string>): ReadonlyArray<Address> => {
  const seen = new Map<string, Address>()
  for (const literal of addresses) {
    if (seen.size >= mostKept) break
    // What is no string could be spelled differently when it is judged and when it is dialled.
    const address = typeof literal === "string" ? canonical(literal) : undefined
    if (address !== undefined) seen.set(address.address, address)
  }
  return [...seen.values()]
}
