/**
 * Fibers of a connector's own, which end with its scope.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/** Runs an effect in a fiber. */
export type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>

/** Answers how to interrupt the fiber, without waiting for its end. */
export const interruption = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => (): void =>
  fiber.unsafeInterruptAsFork(FiberId.none)

/**
 * Fibers with the context of where this is built. When the scope closes they are interrupted and not waited for: they run
 * the user's code, which may be deaf to an interruption, and a pool must be able to close.
 */
export const forking: Effect.Effect<Fork, never, Scope.Scope> = Effect.map(
  Effect.zip(
    Effect.runtime<never>(),
    Effect.acquireRelease(
      Effect.sync(() => new Set<Fiber.RuntimeFiber<unknown, unknown>>()),
      (fibers) =>
        Effect.sync(() => {
          for (const fiber of fibers) interruption(fiber)()
        })
    )
  ),
  ([runtime, fibers]): Fork =>
    (effect) => {
      const fiber = Runtime.runFork(runtime)(effect)
      fibers.add(fiber as Fiber.RuntimeFiber<unknown, unknown>)
      fiber.addObserver(() => void fibers.delete(fiber as Fiber.RuntimeFiber<unknown, unknown>))
      return fiber
    }
)
