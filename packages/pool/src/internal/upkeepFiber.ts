/**
 * The fibers behind the pool's upkeep. While there is nothing to look after they are parked without a timer; a defect
 * in one is logged, and it goes on.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ShouldEvict } from "../Eviction.js"
import * as Evicting from "./evicting.js"
import type { Interpreter } from "./interpreter.js"
import * as Upkeep from "./upkeep.js"
import * as Waiting from "./waiting.js"

export const start = (pool: Interpreter): Effect.Effect<void, never, Scope.Scope> => {
  const { shouldEvict } = pool.settings
  const rounds = [
    cleaning(pool),
    replenishing(pool),
    ...(shouldEvict === undefined ? [] : [evicting(pool, shouldEvict)])
  ]
  return Effect.forEach(rounds, (round) => supervised(pool, round), { discard: true })
}

/** Waits in the pool's own context: what wakes a background fiber is as a rule a caller's doing. */
const until = <A, E>(pool: Interpreter, answer: () => Effect.Effect<A, E> | undefined): Effect.Effect<A, E> => {
  const { root } = pool.contexts
  return Waiting.until(pool, answer, { capture: () => root, root })
}

const supervised = (pool: Interpreter, round: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  round.pipe(
    Effect.catchAllDefect((defect) =>
      // Not at once: what died may die again.
      Effect.zipRight(Effect.logError("The upkeep of a connection pool died", defect), pause(pool))
    ),
    Effect.forever,
    Effect.withClock(pool.time.background),
    // Or a pool made where nothing may be interrupted could never be closed.
    Effect.interruptible,
    Effect.forkScoped,
    Effect.asVoid
  )

const pause = (pool: Interpreter): Effect.Effect<void> => Effect.sleep(Duration.millis(pool.settings.cleanupInterval))

/** Closes what is stale. */
const cleaning = (pool: Interpreter): Effect.Effect<unknown> =>
  Effect.zipRight(
    until(pool, () => (pool.state.idle.size > 0 ? Effect.void : undefined)),
    Effect.sync(() => pool.decide((now, out) => Upkeep.cleanup(pool.state, now, out)))
  ).pipe(Effect.repeat(Schedule.spaced(Duration.millis(pool.settings.cleanupInterval))))

/** Asks the user's own rule. In a fiber of its own, because it may take its time. */
const evicting = (pool: Interpreter, shouldEvict: ShouldEvict): Effect.Effect<unknown> =>
  Effect.zipRight(
    until(pool, () => (pool.state.open > 0 ? Effect.void : undefined)),
    Effect.zipRight(pause(pool), Evicting.ask(pool, shouldEvict))
  )

/** Opens what `minIdlePerHost` asks for, after failures with ever longer pauses. */
const replenishing = (pool: Interpreter): Effect.Effect<unknown> =>
  Effect.zipRight(
    until(pool, () => (pool.state.lacking.size > 0 ? Effect.void : undefined)),
    Effect.suspend(() => {
      const wait = Upkeep.nextReplenishing(pool.state) - pool.time.now()
      if (wait <= 0) return Effect.sync(() => pool.decide((now, out) => Upkeep.replenish(pool.state, now, out)))
      // Another host may lack one sooner, or this one none any more.
      return Effect.raceFirst(
        Effect.sleep(Duration.millis(wait)),
        until(pool, () => (isDue(pool) ? Effect.void : undefined))
      )
    })
  )

const isDue = (pool: Interpreter): boolean => {
  const next = Upkeep.nextReplenishing(pool.state)
  return next === Infinity || next <= pool.time.now()
}
