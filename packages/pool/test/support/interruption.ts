/**
 * What the interruption suite shares: operations that hold on to what they get, and a look at what they leave behind.
 */

import { assert } from "@effect/vitest"
import { type Connection, ConnectionPool, Lease, type PoolError } from "@hotaru/pool"
import { FakeNetwork, PoolOperations } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { Watchers } from "../../src/internal/watchers.js"
import { a, ask } from "./stories.js"

type Pool = ConnectionPool.ConnectionPoolShape

/** What a request does with its connection; `Effect.never` holds it. */
export type During = (connection: Connection.Connection) => Effect.Effect<unknown>

/** A request on the synchronous side of the pool that waits as one must: nothing it is granted is lost. */
const requested = (
  pool: Pool,
  options: Lease.LeaseRequestOptions,
  use: (lease: Lease.Lease) => Effect.Effect<unknown, PoolError.AcquireError>
): Effect.Effect<unknown, PoolError.AcquireError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      let lease: Lease.Lease | undefined
      let resume: ((effect: Effect.Effect<Lease.Lease, PoolError.AcquireError>) => void) | undefined
      const pending = pool.unsafe.request(
        a,
        {
          onLease: (granted) => {
            lease = granted
            resume?.(Effect.succeed(granted))
          },
          onRefused: (error) => resume?.(Effect.fail(error))
        },
        options
      )
      const wait = Effect.async<Lease.Lease, PoolError.AcquireError>((done) => {
        resume = done
        if (lease !== undefined) done(Effect.succeed(lease))
      })
      return Effect.matchCauseEffect(restore(wait), {
        onFailure: (cause) => {
          pending.cancel()
          lease?.settle(Lease.Reusable())
          return Effect.failCause(cause)
        },
        onSuccess: (granted) => held(granted, restore(use(granted)))
      })
    })
  )

/** To be run uninterruptibly: whatever becomes of the use, the lease is settled. */
const held = <E>(lease: Lease.Lease, use: Effect.Effect<unknown, E>): Effect.Effect<unknown, E> =>
  Effect.matchCauseEffect(use, {
    onFailure: (cause) => {
      lease.settle(Lease.Broken("Interrupted"))
      return Effect.failCause(cause)
    },
    onSuccess: () => Effect.sync(() => lease.settle(Lease.Reusable()))
  })

/** Everything that takes a connection, and what it does with it. */
export const operations = {
  acquire: (pool: Pool, during: During) => Effect.scoped(Effect.flatMap(pool.acquire(a), during)),
  use: (pool: Pool, during: During) => pool.use(a, during),
  lease: (pool: Pool, during: During) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(pool.lease(a)), (lease) => held(lease, restore(during(lease.connection))))
    ),
  /** A client's request that finds its idle connection dead and asks for one that was opened after it had failed. */
  retry: (pool: Pool, during: During) =>
    requested(pool, {}, (first) =>
      Effect.suspend(() => {
        first.settle(Lease.Broken("Stale"))
        return requested(pool, { replaces: first, fresh: true }, (lease) => during(lease.connection))
      })
    )
} satisfies Record<string, (pool: Pool, during: During) => Effect.Effect<unknown, PoolError.AcquireError>>

export type Operation = keyof typeof operations

/** How many wait for a state of the pool now, in this process. */
export const watching = (() => {
  let count = 0
  const { add } = Watchers.prototype
  Watchers.prototype.add = function (this: Watchers, watcher) {
    const stop = add.call(this, watcher)
    let on = true
    count++
    return () => {
      if (on) count--
      on = false
      stop()
    }
  }
  return () => count
})()

/** While a connection is idle, only the fiber behind `minIdlePerHost` waits for a state of its pool. */
const ownWatchers = 1

/** What a pool at rest holds that it should not, and whether it serves the next request. */
export const leftovers = (pool: Pool): Effect.Effect<ReadonlyArray<string>, never, FakeNetwork.FakeNetwork> =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const left = Effect.provideService(PoolOperations.leftovers, ConnectionPool.ConnectionPool, pool)
    const found = [...(yield* left)]
    network.autoAccept()
    const next = ask(pool, a)
    yield* network.settle
    if (next.lease === undefined) found.push(`the next request starves: ${next.error?.message ?? "it waits"}`)
    else next.lease.settle(Lease.Reusable())
    for (const after of yield* left) found.push(`${after} after the next request`)
    if (watching() !== ownWatchers) found.push(`${watching() - ownWatchers} watch the pool`)
    return found
  })

export const assertNothingLeft = (pool: Pool) =>
  Effect.map(leftovers(pool), (found) => assert.deepStrictEqual(found, []))
