/** How an operation is made to run many times. */
import * as Effect from "effect/Effect"
import type { Contestant } from "./rounds.js"

/** One at a time, in one fiber. */
export const inSequence = <E>(name: string, effect: Effect.Effect<unknown, E>): Contestant => ({
  name,
  run: (operations) => Effect.orDie(Effect.asVoid(Effect.repeatN(effect, operations - 1)))
})

/** In as many fibers, each one at a time. */
export const inFibers =
  (fibers: number) =>
  <E>(name: string, effect: Effect.Effect<unknown, E>): Contestant => ({
    name,
    run: (operations) => {
      const one = Effect.repeatN(effect, Math.ceil(operations / fibers) - 1)
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
