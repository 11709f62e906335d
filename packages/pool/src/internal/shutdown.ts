/**
 * Draining: no new leases, idle connections closed at once, busy ones awaited until `drainTimeout`, then closed.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PoolEvent from "../PoolEvent.js"
import type { Interpreter } from "./interpreter.js"
import * as Upkeep from "./upkeep.js"
import { until } from "./waiting.js"

/**
 * The time limit is that of the fiber's clock. In a finalizer, which cannot be interrupted, `Effect.timeout` of a bare
 * wait would hang for ever: the wait is made interruptible.
 */
export const drain = (pool: Interpreter): Effect.Effect<void> =>
  Effect.suspend(() => {
    const startedAt = pool.time.now()
    pool.decide((now, out) => Upkeep.startDrain(pool.state, pool.hosts.all(), now, out))
    const { drainTimeout } = pool.settings
    const quiet = Effect.interruptible(untilQuiet(pool))
    const bounded = drainTimeout === Infinity ? quiet : Effect.timeoutOption(quiet, Duration.millis(drainTimeout))
    return pool.state.leased === 0 ? finish(pool, startedAt) : Effect.zipRight(bounded, finish(pool, startedAt))
  })

const untilQuiet = (pool: Interpreter): Effect.Effect<void> =>
  until(pool, () => (pool.state.leased === 0 ? Effect.void : undefined))

const finish = (pool: Interpreter, startedAt: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (pool.state.phase === "Closed") return Effect.void
    const holders = pool.hosts
      .all()
      .filter((host) => host.active > 0)
      .map((host) => `${host.active} to ${host.key}`)
    const aborted = pool.decide((now, out) => Upkeep.close(pool.state, pool.hosts.all(), now, out))
    if (pool.state.observed) {
      const at = pool.time.now()
      pool.events.publish(PoolEvent.Drained({ at, took: at - startedAt, aborted }))
    }
    return aborted === 0
      ? Effect.void
      : Effect.logDebug(
          `Drained with ${aborted} connections still on lease after ${pool.settings.drainTimeout} ms (drainTimeout): ${holders.join(", ")}`
        )
  })
