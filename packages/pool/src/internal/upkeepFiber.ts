/**
 * The fiber behind the periodic cleanup. While nothing is idle it is parked without a timer.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Interpreter } from "./interpreter.js"
import * as Upkeep from "./upkeep.js"
import { until } from "./waiting.js"

export const start = (pool: Interpreter): Effect.Effect<void, never, Scope.Scope> => {
  const round = Effect.sync(() =>
    pool.decide((now, out) => {
      Upkeep.cleanup(pool.state, now, out)
      if (pool.hosts.keepsIdle) Upkeep.replenish(pool.state, pool.hosts.all(), now, out)
    })
  )
  return Effect.zipRight(untilNeeded(pool), round).pipe(
    Effect.repeat(Schedule.spaced(Duration.millis(pool.settings.cleanupInterval))),
    Effect.withClock(pool.time.background),
    // Or a pool made where nothing may be interrupted could never be closed.
    Effect.interruptible,
    Effect.forkScoped,
    Effect.asVoid
  )
}

/** Ends when there is something to look after: an idle connection, or a host that should have some. */
const untilNeeded = (pool: Interpreter): Effect.Effect<void> =>
  until(pool, () => (pool.state.idle.size > 0 || pool.hosts.keepsIdle ? Effect.void : undefined))
