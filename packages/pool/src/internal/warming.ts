/**
 * Warm-up as an effect.
 */
import * as Effect from "effect/Effect"
import type { ConnectionKey } from "../ConnectionKey.js"
import { type AcquireError, PoolClosed } from "../PoolError.js"
import type { Interpreter } from "./interpreter.js"
import * as Upkeep from "./upkeep.js"
import { until } from "./waiting.js"

/** Ends when the host has `n` connections or as many as the limits allow; fails when a dial for it failed. */
export const warm = (pool: Interpreter, key: ConnectionKey, n: number): Effect.Effect<void, AcquireError> =>
  Effect.suspend((): Effect.Effect<void, AcquireError> => {
    if (!pool.state.takesRequests) return Effect.fail(new PoolClosed({ key }))
    const host = pool.hosts.get(key)
    const { health } = host
    const failuresBefore = health.failures
    const target = pool.decide((now, out) => Upkeep.warm(pool.state, host, n, now, out))
    return until(pool, (): Effect.Effect<void, AcquireError> | undefined => {
      // Another warm-up may want more.
      if (host.wanted > 0 && host.entries.size < target) return undefined
      if (!pool.state.takesRequests) return Effect.fail(new PoolClosed({ key }))
      return host.entries.size < target && health.failures > failuresBefore && health.lastFailure !== undefined
        ? Effect.fail(health.lastFailure)
        : Effect.void
    })
  })
