/** Requests without end, beside whatever happens to the server meanwhile. */
import type { HttpClient } from "@effect/platform"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Traffic from "./traffic.js"

export interface Load {
  /** Waits until so many more requests have come to their end: with an answer, or without. */
  readonly more: (count: number) => Effect.Effect<void>
  /** Begins no more, and answers what became of all when the last has come to its end. */
  readonly end: Effect.Effect<Outcome>
}

export interface Outcome {
  readonly sent: number
  readonly failures: ReadonlyArray<Traffic.Failure>
}

/** So many requests at a time, of one kind after the other, until it is told to end. */
export const start = (
  url: string,
  kinds: ReadonlyArray<Traffic.Kind>,
  concurrency: number
): Effect.Effect<Load, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const failures: Array<Traffic.Failure> = []
    const waiting = new Map<Deferred.Deferred<void>, number>()
    let sent = 0
    let ended = 0
    let ending = false
    const note = (failed: ReadonlyArray<Traffic.Failure>) => {
      failures.push(...failed)
      ended++
      for (const [deferred, count] of waiting) {
        if (ended >= count && waiting.delete(deferred)) Deferred.unsafeDone(deferred, Effect.void)
      }
    }
    const one = Effect.suspend(() => {
      const from = sent++
      return Effect.map(
        Traffic.run(url, { kinds: [kinds[from % kinds.length]!], count: 1, concurrency: 1, from }),
        note
      )
    })
    const lane = Effect.whileLoop({ while: () => !ending, body: () => one, step: () => {} })
    const lanes = yield* Effect.forkScoped(
      Effect.forEach(Array.from({ length: concurrency }), () => lane, { concurrency, discard: true })
    )
    return {
      more: (count) =>
        Effect.flatMap(Deferred.make<void>(), (deferred) => {
          waiting.set(deferred, ended + count)
          // Lanes that died, as of an answer that is another's, would never come so far.
          return Effect.raceFirst(Deferred.await(deferred), Fiber.join(lanes))
        }),
      end: Effect.suspend(() => {
        ending = true
        return Effect.map(Fiber.join(lanes), () => ({ sent, failures }))
      })
    }
  })
