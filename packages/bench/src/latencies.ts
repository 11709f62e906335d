/** How long single requests take, gathered beside what they cost. */
import * as Effect from "effect/Effect"
import { median } from "./rounds.js"

export interface Stopwatch {
  /** The same effect, timed. */
  readonly timed: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly timedPromise: <A>(run: () => Promise<A>) => Promise<A>
  /** Median of all since the last call, in microseconds; forgets them. */
  readonly take: () => number
}

export const stopwatch = (): Stopwatch => {
  let times: Array<number> = []
  const note = (since: number) => {
    times.push((performance.now() - since) * 1000)
  }
  return {
    timed: (effect) =>
      Effect.suspend(() => {
        const since = performance.now()
        return Effect.map(effect, (value) => {
          note(since)
          return value
        })
      }),
    timedPromise: async (run) => {
      const since = performance.now()
      const value = await run()
      note(since)
      return value
    },
    take: () => {
      const taken = times
      times = []
      return median(taken)
    }
  }
}
