/**
 * What the runtime carries along from a call to its callbacks: the stores of `AsyncLocalStorage` on Node.js, and what
 * rides on them (tenants, request ids of loggers, the active span of OpenTelemetry).
 *
 * A pool resumes fibers inside callbacks that belong to no caller or to another one: of a socket, of a timer, of the
 * caller that gives a connection back. So each wait takes the context of its caller along, and goes on in it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { globalValue } from "effect/GlobalValue"

/**
 * One asynchronous context, as it was when it was captured.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncContext {
  /** Calls `f(a)` in the context, synchronously, and answers what it answers. */
  run<A, B>(f: (a: A) => B, a: A): B
}

/**
 * The runtime's asynchronous contexts.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncContextsShape {
  /**
   * The context of now. Called for each request and for each wait, so it must be cheap. It holds what is in it. Callers
   * that have nothing may share one: what is not known to leave nothing behind in it is called within `root.run`.
   */
  readonly capture: () => AsyncContext
  /**
   * A context that is no caller's. What outlives a request runs in it: dials and connections, timers, background fibers,
   * and the hooks that the pool calls on its own behalf. It is not the context in which the pool is built either: that
   * may be the first caller's, whose store would then live as long as the pool.
   */
  readonly root: AsyncContext
}

const asItIs: AsyncContext = { run: (f, a) => f(a) }

/**
 * Contexts of a runtime that has none: nothing is captured, everything runs as it is called.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: AsyncContextsShape = { capture: () => asItIs, root: asItIs }

/** The runtime is one per process, and so are its contexts, however many copies of this module are loaded. */
const ofRuntime = globalValue(Symbol.for("@hotaru/pool/AsyncContexts/ofRuntime"), () => ({ contexts: none }))

/**
 * Makes the runtime's contexts known to this process. `@hotaru/node` does it when a connector is made, so that pools on
 * connectors that wrap its own, or replace it, have them as well.
 *
 * @since 0.1.0
 * @category configuration
 */
export const install = (contexts: AsyncContextsShape): void => {
  ofRuntime.contexts = contexts
}

/**
 * The contexts that a pool uses, read when it is built. By default those that were installed by then, else `none`.
 *
 * @since 0.1.0
 * @category references
 */
export class AsyncContexts extends Context.Reference<AsyncContexts>()("@hotaru/pool/AsyncContexts", {
  defaultValue: (): AsyncContextsShape => ({
    capture: () => ofRuntime.contexts.capture(),
    get root() {
      return ofRuntime.contexts.root
    }
  })
}) {}

/**
 * Goes on in the context, a microtask later. For a fiber that was interrupted while it waited: it runs in the context of
 * whoever interrupted it, and so would its finalizers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const enter = (context: AsyncContext): Effect.Effect<void> =>
  context === asItIs ? Effect.void : Effect.async((resume) => context.run(soon, () => resume(Effect.void)))

const soon = (f: () => void): void => void Promise.resolve().then(f)

/**
 * Waits as `Effect.async` does, and goes on in the context in which the wait began, wherever `resume` is called. Only
 * the wait can be interrupted: it is run with `restore`, the ends are not. To be made anew for each wait, inside
 * `Effect.uninterruptibleMask`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const wait = <A, E, A2, E2, R2, A3, E3, R3>(
  contexts: AsyncContextsShape,
  restore: <X, XE, XR>(effect: Effect.Effect<X, XE, XR>) => Effect.Effect<X, XE, XR>,
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void,
  ends: {
    readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<A2, E2, R2>
    readonly onSuccess: (value: A) => Effect.Effect<A3, E3, R3>
  }
): Effect.Effect<A2 | A3, E2 | E3, R2 | R3> => {
  let context = asItIs
  const waiting = Effect.async<A, E>((resume) => {
    const captured = contexts.capture()
    context = captured
    register((effect) => captured.run(resume, effect))
  })
  return Effect.matchCauseEffect(restore(waiting), {
    onFailure: (cause) => {
      const end = ends.onFailure(cause)
      return Cause.isInterrupted(cause) ? Effect.zipRight(enter(context), end) : end
    },
    onSuccess: ends.onSuccess
  })
}
