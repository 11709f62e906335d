/**
 * What can happen to a pool, for property tests: arbitraries of it, and a run of it on a fake network.
 *
 * @since 0.1.0
 */
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { keys } from "./Arbitraries.js"
import { FakeNetwork } from "./FakeNetwork.js"
import { leftoversOf } from "./internal/leftovers.js"
import { PoolRun } from "./internal/poolRun.js"

/**
 * Something that happens to a pool. `which` picks among those that exist at that moment, modulo their number: the
 * requests in line, the leases held, the dials pending, the connections open. Where there is none, nothing happens.
 *
 * @since 0.1.0
 * @category models
 */
export type PoolOperation = Data.TaggedEnum<{
  /** A request gets in line; `host` counts from 0. */
  Request: { readonly host: number }
  /** A request leaves the line, or gives up a lease in the very turn in which it gets it. */
  Cancel: { readonly which: number }
  Settle: { readonly which: number; readonly how: "Reusable" | "Spent" | "Broken" }
  DialSucceeds: { readonly which: number }
  DialFails: { readonly which: number }
  /** The server ends or resets a connection, idle or leased. `later`: it has arrived, and is seen at the next poll. */
  ServerEnds: { readonly which: number; readonly kind: "fin" | "reset"; readonly later: boolean }
  /** A byte nobody asked for. */
  ServerSends: { readonly which: number; readonly later: boolean }
  Advance: { readonly millis: number }
  Cleanup: {}
  Clear: {}
  Evict: { readonly host: number }
  /** Everything runs until nothing can go on by itself. Between two of these, all operations fall into one turn. */
  Settled: {}
}>

/** A connection mostly goes back. */
const settlements = ["Reusable", "Reusable", "Spent", "Broken"] as const

const operations = Data.taggedEnum<PoolOperation>()

/**
 * @since 0.1.0
 * @category arbitraries
 */
export const arbitrary = (options: { readonly hosts: number }): FastCheck.Arbitrary<PoolOperation> => {
  const host = FastCheck.nat({ max: options.hosts - 1 })
  const which = FastCheck.nat({ max: 50 })
  const later = FastCheck.boolean()
  const weighted = (weight: number, arbitrary: FastCheck.Arbitrary<PoolOperation>) => ({ weight, arbitrary })
  return FastCheck.oneof(
    weighted(8, FastCheck.record({ host }).map(operations.Request)),
    weighted(3, FastCheck.record({ which }).map(operations.Cancel)),
    weighted(7, FastCheck.record({ which, how: FastCheck.constantFrom(...settlements) }).map(operations.Settle)),
    weighted(6, FastCheck.record({ which }).map(operations.DialSucceeds)),
    weighted(2, FastCheck.record({ which }).map(operations.DialFails)),
    weighted(
      2,
      FastCheck.record({ which, later, kind: FastCheck.constantFrom("fin" as const, "reset" as const) }).map(
        operations.ServerEnds
      )
    ),
    weighted(1, FastCheck.record({ which, later }).map(operations.ServerSends)),
    weighted(
      2,
      FastCheck.record({ millis: FastCheck.constantFrom(1, 100, 1_000, 30_000, 90_000, 300_000) }).map(
        operations.Advance
      )
    ),
    weighted(1, FastCheck.constant(operations.Cleanup())),
    weighted(1, FastCheck.constant(operations.Clear())),
    weighted(1, FastCheck.record({ host }).map(operations.Evict)),
    weighted(5, FastCheck.constant(operations.Settled()))
  )
}

/**
 * @since 0.1.0
 * @category arbitraries
 */
export const sequence = (options: {
  readonly hosts: number
  readonly maxLength?: number | undefined
}): FastCheck.Arbitrary<ReadonlyArray<PoolOperation>> =>
  FastCheck.array(arbitrary(options), { maxLength: options.maxLength ?? 60 })

/**
 * Matchers and constructors of {@link PoolOperation}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match } = operations

/**
 * Does these things to the pool of the context, one after the other, and answers what was wrong: nothing, if the pool
 * kept its promises. Checked as it happens:
 *
 * - a lease is of an open connection to the right host, and of one that nobody else holds;
 * - the requests of a host are served in the order in which they came;
 * - a request ends once: granted, refused or cancelled;
 *
 * and whenever everything has settled (a dial that was given up ends only when its fiber runs):
 *
 * - no limit is exceeded, per host or in all, dials counted;
 * - statistics agree with what is really there;
 * - nobody waits while a connection is idle or may be dialled;
 * - what the server has ended is closed, unless it is on lease.
 *
 * The pool must have a `drainTimeout` of 0 or be drained by the test itself; requests still in line or holding at the
 * end are left so.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = (
  operations: ReadonlyArray<PoolOperation>,
  options: { readonly hosts: number }
): Effect.Effect<ReadonlyArray<string>, never, ConnectionPool | FakeNetwork> =>
  Effect.flatMap(ConnectionPool, (pool) =>
    Effect.flatMap(FakeNetwork, (network) => new PoolRun(pool, network, keys(options.hosts)).run(operations))
  )

/**
 * What the pool of the context, once everything has come to rest, still holds, in words: nothing, if all requests have
 * ended and left nothing behind. Held are leases, places in line, dials, limits in time that run on, connections that
 * are open and not idle, and what clients did against the contract of `Connection`. For the `leaks` of a `Sweep`.
 *
 * @since 0.1.0
 * @category getters
 */
export const leftovers: Effect.Effect<ReadonlyArray<string>, never, ConnectionPool | FakeNetwork> = Effect.flatMap(
  ConnectionPool,
  (pool) => Effect.flatMap(FakeNetwork, (network) => leftoversOf(pool, network))
)
