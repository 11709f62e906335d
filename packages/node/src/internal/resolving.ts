/**
 * Look-ups by the resolver, as callbacks, and how many of them there may be.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ResolveError, type ResolverShape, system } from "../Resolver.js"
import { type Address, canonical } from "./addresses.js"
import { type Fork, forking, interruption } from "./forking.js"
import { Lookups } from "./lookups.js"

/** Look-ups of a resolver of the user's that may be under way at once. */
export const mostLookups = 64

/** libuv's bounds (`threadpool.c`). */
const usualThreads = 4
const mostThreads = 1024

/** The threads that look-ups of the operating system share with files and crypto. */
const threads = (): number => {
  const said = process.env["UV_THREADPOOL_SIZE"]
  if (said === undefined) return usualThreads
  // As libuv reads it: what is no number is 0, 0 is 1, and less than 0 is more than there can be.
  const size = Number.parseInt(said, 10) || 0
  return size < 0 ? mostThreads : Math.min(mostThreads, Math.max(1, size))
}

/** Look-ups of the operating system that may be under way at once: all threads but one, which is left to files. */
export const mostSystemLookups = (): number => Math.max(1, threads() - 1)

/**
 * The look-ups by a resolver. Only the very value `Resolver.system` is bound to threads: whatever a user has made of it is
 * an effect like any other.
 */
export const lookupsBy = (resolver: ResolverShape, run: Fork, now = () => performance.now()): Lookups => {
  const isSystem = resolver === system
  return new Lookups(
    (host, done) => {
      const fiber = run(addressesOf(resolver, host))
      fiber.addObserver(done)
      return interruption(fiber)
    },
    now,
    {
      inAll: isSystem ? mostSystemLookups : () => mostLookups,
      interruptible: !isSystem,
      because: isSystem ? " (one less than the threads that UV_THREADPOOL_SIZE sets)" : "",
      after: (millis, then) => interruption(run(Effect.delay(Effect.sync(then), millis)))
    }
  )
}

/**
 * Look-ups run in fibers of the connector's own, with its context: which request asked first must not matter. They end
 * with its scope.
 */
export const lookupsOf = (resolver: ResolverShape, now?: () => number): Effect.Effect<Lookups, never, Scope.Scope> =>
  Effect.map(forking, (run) => lookupsBy(resolver, run, now))

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
