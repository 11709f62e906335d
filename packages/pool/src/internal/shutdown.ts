/**
 * Draining: newcomers are refused, requests in line are served, idle connections closed at once and busy ones awaited,
 * until `drainTimeout`; then what is left is refused and closed.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { ConnectionKey } from "../ConnectionKey.js"
import * as PoolEvent from "../PoolEvent.js"
import type { Interpreter } from "./interpreter.js"
import * as Upkeep from "./upkeep.js"
import { until } from "./waiting.js"

/** The time limit is that of the fiber's clock. */
export const drain = (pool: Interpreter): Effect.Effect<void> =>
  Effect.suspend(() => {
    const startedAt = pool.time.now()
    pool.startDrain()
    const isQuiet = () => pool.state.leased === 0 && pool.state.waiting === 0
    return isQuiet() ? finish(pool, startedAt) : quietly(pool, isQuiet, () => finish(pool, startedAt))
  })

/**
 * Waits for a state of the pool, for `drainTimeout` of the fiber's clock at most, and goes on in the step that finds
 * the state or the end of the time. The end of the time resumes the wait, which need not be interrupted for it:
 * `Effect.timeout` hangs where nothing can be interrupted, ends at once in the finalizer of an interrupted fiber, and
 * once in a thousand timings does not end when it is interrupted itself.
 */
const quietly = (
  pool: Interpreter,
  isReached: () => boolean,
  andThen: () => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) => {
    let isOver = false
    const isDone = () => isOver || isReached()
    const wait: Effect.Effect<void> = Effect.flatMap(
      restore(until(pool, () => (isDone() ? Effect.void : undefined))),
      // A request whose connection came back dead is in line again by now: for another one.
      () => (isDone() ? andThen() : wait)
    )
    const { drainTimeout } = pool.settings
    if (drainTimeout === Infinity) return wait
    const limit = Effect.map(Effect.sleep(Duration.millis(drainTimeout)), () => {
      isOver = true
      pool.watchers.wake()
    })
    return Effect.flatMap(Effect.forkDaemon(Effect.interruptible(limit)), (sleeper) =>
      Effect.matchCauseEffect(wait, {
        onFailure: (cause) => {
          sleeper.unsafeInterruptAsFork(FiberId.none)
          return Effect.failCause(cause)
        },
        onSuccess: () => {
          sleeper.unsafeInterruptAsFork(FiberId.none)
          return Effect.void
        }
      })
    )
  })

/** Closes the pool in the call itself; the effect tells what was cut short. */
const finish = (pool: Interpreter, startedAt: number): Effect.Effect<void> => {
  if (pool.state.phase === "Closed") return Effect.void
  const holders = pool.hosts
    .all()
    .filter((host) => host.active + host.waiting > 0)
    .map((host) => `${host.active} and ${host.waiting} to ${host.key}`)
  const { aborted, refused } = pool.decide((now, out) => Upkeep.close(pool.state, pool.hosts.all(), now, out))
  if (pool.state.observed) {
    const at = pool.time.now()
    pool.events.publish(PoolEvent.Drained({ at, took: at - startedAt, aborted }))
  }
  return aborted + refused === 0
    ? Effect.void
    : Effect.logDebug(
        `Drained with ${aborted} connections still on lease and ${refused} requests still in line after ` +
          `${pool.settings.drainTimeout} ms (drainTimeout): ${holders.join(", ")}`
      )
}

/** Ends the connections that a host has now, while new ones may be opened. */
export const drainHost = (pool: Interpreter, key: ConnectionKey): Effect.Effect<void> =>
  // What is begun must be ended, whenever an interruption comes.
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const host = pool.hosts.find(key)
      if (host === undefined) return Effect.void
      const startedAt = pool.time.now()
      const left = new Set(host.entries)
      const isGone = () => {
        for (const entry of left) if (entry.state === "Retired") left.delete(entry)
        return left.size === 0
      }
      const close = () => {
        isGone()
        pool.decide((now, out) => Upkeep.closeThose(pool.state, host, left, startedAt, now, out))
      }
      const count = (n: number) => {
        host.draining += n
        pool.state.hostDrains += n
      }
      count(1)
      pool.startHostDrain(host)
      if (isGone()) {
        count(-1)
        close()
        return Effect.void
      }
      return Effect.matchCauseEffect(restore(quietly(pool, isGone, () => Effect.void)), {
        onFailure: (cause) => {
          count(-1)
          return Effect.failCause(cause)
        },
        onSuccess: () => {
          count(-1)
          close()
          return Effect.void
        }
      })
    })
  )
