/**
 * Warm-up as an effect.
 */
import * as Effect from "effect/Effect"
import type { ConnectionKey } from "../ConnectionKey.js"
import { type AcquireError, PoolClosed } from "../PoolError.js"
import type { Interpreter } from "./interpreter.js"
import type { HostRecord } from "./model.js"
import * as Upkeep from "./upkeep.js"
import { until } from "./waiting.js"

/** Ends when the host has `n` connections or as many as the limits allow; fails when a dial for it failed. */
export const warm = (pool: Interpreter, key: ConnectionKey, n: number): Effect.Effect<void, AcquireError> =>
  // What is begun must be ended, whenever an interruption comes.
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend((): Effect.Effect<void, AcquireError> => {
      if (!pool.state.takesRequests) return Effect.fail(new PoolClosed({ key }))
      const host = pool.hosts.get(key)
      const { failures } = host.health
      host.warmUps++
      const target = pool.decide((now, out) => Upkeep.warm(pool.state, host, n, now, out))
      return Effect.matchCauseEffect(restore(warmed(pool, host, target, failures)), {
        onFailure: (cause) => {
          // Another warm-up may want as much.
          if (--host.warmUps === 0) pool.decide((now, out) => Upkeep.endWarmUp(pool.state, host, now, out))
          return Effect.failCause(cause)
        },
        onSuccess: () => {
          host.warmUps--
          return Effect.void
        }
      })
    })
  )

const warmed = (
  pool: Interpreter,
  host: HostRecord,
  target: number,
  failuresBefore: number
): Effect.Effect<void, AcquireError> =>
  until(pool, (): Effect.Effect<void, AcquireError> | undefined => {
    const { entries, health, key } = host
    // Another warm-up may want more.
    if (host.wanted > 0 && entries.size < target) return undefined
    if (!pool.state.takesRequests) return Effect.fail(new PoolClosed({ key }))
    return entries.size < target && health.failures > failuresBefore && health.lastFailure !== undefined
      ? Effect.fail(health.lastFailure)
      : Effect.void
  })
