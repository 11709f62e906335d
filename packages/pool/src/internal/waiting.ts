/**
 * Waiting for a state of the pool rather than for a lease.
 */
import * as Effect from "effect/Effect"
import * as AsyncContexts from "../AsyncContexts.js"
import type { Interpreter } from "./interpreter.js"

/** Ends with the first answer, looked for now and after every round of decisions, and goes on in the caller's context. */
export const until = <A, E>(
  pool: Interpreter,
  answer: () => Effect.Effect<A, E> | undefined,
  contexts = pool.contexts ?? AsyncContexts.none
): Effect.Effect<A, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const already = answer()
      if (already !== undefined) return already
      let stop = () => {}
      const register = (resume: (effect: Effect.Effect<A, E>) => void) => {
        // The fiber may have yielded between looking and listening.
        const meanwhile = answer()
        if (meanwhile !== undefined) return resume(meanwhile)
        stop = pool.watchers.add(() => {
          const found = answer()
          if (found === undefined) return
          stop()
          resume(found)
        })
      }
      return AsyncContexts.wait(contexts, restore, register, {
        onFailure: (cause) => {
          stop()
          return Effect.failCause(cause)
        },
        onSuccess: Effect.succeed
      })
    })
  )
