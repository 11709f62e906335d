/**
 * How names become addresses.
 *
 * Every dial asks the resolver, for IP literals too, and dials nothing but what it answered: a resolver that refuses an
 * address keeps the connector from it.
 *
 * @since 0.1.0
 */

import * as Dns from "node:dns"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * A name could not be resolved, or was refused.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResolveError extends Data.TaggedError("ResolveError")<{
  readonly host: string
  /** The system's code, such as `ENOTFOUND` or `EAI_AGAIN`. */
  readonly code?: string | undefined
  /** What happened, in words. */
  readonly detail?: string | undefined
  /** Whether the name was refused by ourselves; that says nothing about the peer. */
  readonly denied?: boolean | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.detail ?? `the name could not be resolved${this.code === undefined ? "" : ` (${this.code})`}`
  }
}

/**
 * What turns a host name into addresses.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolverShape {
  /**
   * All addresses of a host, best first, as IP literals without brackets. The host is a name as it stands in the URL (a
   * trailing dot included) or an IP literal.
   *
   * A look-up is interrupted when the last dial that waits for it leaves, or when it has taken `connectionTimeout`. At
   * most 64 of a pool's run side by side.
   */
  readonly lookup: (host: string) => Effect.Effect<ReadonlyArray<string>, ResolveError>
}

/**
 * The operating system's resolver: all addresses, in the order that Node.js is told (`dns.setDefaultResultOrder`,
 * `--dns-result-order`), which is the operating system's unless told otherwise.
 *
 * Its look-ups run on threads that files and crypto use too, and no interruption ends them. A pool therefore runs three
 * at once: one less than there are threads (`UV_THREADPOOL_SIZE`), and at least one. A look-up of this resolver that has
 * hung for `connectionTimeout` still counts. All this is true of this very value; a resolver that asks it on its way is an
 * effect like any other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const system: ResolverShape = {
  lookup: (host) =>
    Effect.async((resume) => {
      // A look-up under way cannot be cancelled.
      // No order of ours: the program has one for all that it looks up, and Node.js reads it here.
      Dns.lookup(host, { all: true }, (error, addresses) => {
        if (error === null) return resume(Effect.succeed(addresses.map(({ address }) => address)))
        resume(Effect.fail(new ResolveError({ host, code: error.code, cause: error })))
      })
    })
}

/**
 * The resolver of the connectors that are built where it is provided; the operating system's by default.
 *
 * @example
 * ```ts
 * import { NodeConnector, Resolver } from "@hotaru/node"
 * import { Effect, Layer } from "effect"
 *
 * const pinned = Layer.succeed(Resolver.Resolver, {
 *   lookup: (host) =>
 *     host === "api.internal"
 *       ? Effect.succeed(["10.0.0.7", "10.0.0.8"])
 *       : Effect.fail(new Resolver.ResolveError({ host, denied: true, detail: "only api.internal may be dialled" }))
 * })
 *
 * const connector = NodeConnector.layer().pipe(Layer.provide(pinned))
 * ```
 *
 * @since 0.1.0
 * @category references
 */
export class Resolver extends Context.Reference<Resolver>()("@hotaru/node/Resolver", {
  defaultValue: (): ResolverShape => system
}) {}
