/** What a pool's events add up to. */
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import type * as PoolEvent from "@hotaru/pool/PoolEvent"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"

export interface Tally {
  readonly opened: number
  readonly retired: Readonly<Record<string, number>>
  readonly lent: number
  readonly returned: number
  readonly retried: number
  readonly refused: number
  readonly openFailed: number
  /** Events that this listener was too slow for. */
  readonly missed: number
  /** The most connections open at one time. */
  readonly peak: number
  readonly open: number
  /** The longest wait for a connection, milliseconds. */
  readonly longestWait: number
  /** All dials together, milliseconds. */
  readonly dialling: number
}

export const empty: Tally = {
  opened: 0,
  retired: {},
  lent: 0,
  returned: 0,
  retried: 0,
  refused: 0,
  openFailed: 0,
  missed: 0,
  peak: 0,
  open: 0,
  longestWait: 0,
  dialling: 0
}

export const add = (tally: Tally, event: PoolEvent.PoolEvent): Tally => {
  switch (event._tag) {
    case "Opened":
      return {
        ...tally,
        opened: tally.opened + 1,
        open: tally.open + 1,
        peak: Math.max(tally.peak, tally.open + 1),
        dialling: tally.dialling + event.took
      }
    case "OpenFailed":
      return { ...tally, openFailed: tally.openFailed + 1 }
    case "Acquired":
      return { ...tally, lent: tally.lent + 1, longestWait: Math.max(tally.longestWait, event.waited) }
    case "Returned":
      return { ...tally, returned: tally.returned + 1 }
    case "Retired":
      return {
        ...tally,
        open: tally.open - 1,
        retired: { ...tally.retired, [event.reason]: (tally.retired[event.reason] ?? 0) + 1 }
      }
    case "Retried":
      return { ...tally, retried: tally.retried + 1 }
    case "Refused":
    case "WaiterTimedOut":
      return { ...tally, refused: tally.refused + 1 }
    case "Missed":
      return { ...tally, missed: tally.missed + event.count }
    default:
      return tally
  }
}

/** Runs an effect and adds up what happened in the pool meanwhile. */
export const during = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<[A, Tally], E, R | ConnectionPool> =>
  Effect.scoped(
    Effect.gen(function* () {
      const events = yield* Effect.flatMap(ConnectionPool, (pool) => pool.subscribe)
      let tally = empty
      const listener = yield* Queue.takeBetween(events, 1, 1000).pipe(
        Effect.tap((some) =>
          Effect.sync(() => {
            tally = Chunk.reduce(some, tally, add)
          })
        ),
        Effect.forever,
        Effect.forkScoped
      )
      const result = yield* effect
      // What is still in line belongs to the effect that has just ended.
      yield* Effect.repeat(Effect.zipRight(Effect.yieldNow(), Queue.isEmpty(events)), { until: (done) => done })
      yield* Fiber.interrupt(listener)
      return [result, tally]
    })
  )
