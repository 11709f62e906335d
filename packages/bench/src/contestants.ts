/** How an operation is made to run many times. */
import * as Effect from "effect/Effect"
import type { Contestant } from "./rounds.js"

/** One after the other. Not by `Effect.repeatN`, which lets other fibers run each time: its cost would be everybody's. */
const repeated = <E>(effect: Effect.Effect<unknown, E>, times: number): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    let left = times
    return Effect.whileLoop({ while: () => left-- > 0, body: () => effect, step: () => {} })
  })

/** One at a time, in one fiber. */
export const inSequence = <E>(name: string, effect: Effect.Effect<unknown, E>): Contestant => ({
  name,
  run: (operations) => Effect.orDie(repeated(effect, operations))
})

/** In as many fibers, each one at a time. */
export const inFibers =
  (fibers: number) =>
  <E>(name: string, effect: Effect.Effect<unknown, E>): Contestant => ({
    name,
    run: (operations) => {
      const one = repeated(effect, Math.ceil(operations / fibers))
      const all = Array.from({ length: fibers }, () => one)
      return Effect.orDie(Effect.all(all, { concurrency: fibers, discard: true }))
    }
  })

/** In as many asynchronous functions, each one at a time. */
export const inPromises =
  (workers: number) =>
  (name: string, operation: () => Promise<void>): Contestant => ({
    name,
    run: (operations) =>
      Effect.promise(async () => {
        const work = async () => {
          for (let i = Math.ceil(operations / workers); i > 0; i--) await operation()
        }
        await Promise.all(Array.from({ length: workers }, work))
      })
  })
