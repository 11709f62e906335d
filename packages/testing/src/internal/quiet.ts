/**
 * Waiting until nothing can go on by itself, without a clock.
 */
import * as Effect from "effect/Effect"

const soon: (task: () => void) => void = setImmediate

/**
 * Microtasks run until none is left before the next macrotask begins, and fibers run in microtasks: so after one hop
 * every fiber has run until it waits for something. (A fiber that yields thousands of times without waiting takes a
 * macrotask of its own now and then, hence two hops.)
 */
export const quiet: Effect.Effect<void> = Effect.async<void>((resume) => {
  soon(() => soon(() => resume(Effect.void)))
})

const maxHops = 1000

/** {@link quiet}, and nothing waits for a poll of the loop either. */
export const settled = (loop: { readonly manual: boolean; readonly pending: boolean }): Effect.Effect<void> => {
  const go = (hops: number): Effect.Effect<void> =>
    Effect.flatMap(quiet, () => {
      if (loop.manual || !loop.pending) return Effect.void
      if (hops >= maxHops)
        return Effect.dieMessage(
          `the fake network did not come to rest within ${maxHops} polls: something asks for turns for ever`
        )
      return go(hops + 1)
    })
  return go(0)
}
