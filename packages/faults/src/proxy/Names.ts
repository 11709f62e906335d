/** Name look-ups that go wrong. Whoever reaches the proxy by a name is told its address by one of these. */
import * as Resolver from "@hotaru/node/Resolver"
import * as Effect from "effect/Effect"

/** Right, and at once. */
export const right: Resolver.ResolverShape = { lookup: () => Effect.succeed(["127.0.0.1"]) }

/** Right, once the event loop has gone round so many times. */
export const late = (turns: number): Resolver.ResolverShape => ({
  lookup: () =>
    Effect.async((resume) => {
      const wait = (left: number): void => {
        if (left === 0) resume(Effect.succeed(["127.0.0.1"]))
        else setImmediate(() => wait(left - 1))
      }
      wait(turns)
    })
})

/** The name does not exist. */
export const refusing: Resolver.ResolverShape = {
  lookup: (host) => Effect.fail(new Resolver.ResolveError({ host, code: "ENOTFOUND" }))
}

/** No name server answers; nor does an interruption end the wait sooner than the caller's patience. */
export const silent: Resolver.ResolverShape = { lookup: () => Effect.never }

/** The name exists and has no address. */
export const empty: Resolver.ResolverShape = { lookup: () => Effect.succeed([]) }

/** An answer that is no address. */
export const garbled: Resolver.ResolverShape = { lookup: () => Effect.succeed(["127.0.0.one"]) }

/** An address of this machine at which nobody listens on the port that is asked for. */
export const dead: Resolver.ResolverShape = { lookup: () => Effect.succeed(["127.0.0.99"]) }
