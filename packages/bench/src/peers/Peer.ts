/** A client that work is given to. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Work } from "../Work.js"

export interface Settings {
  /** At most so many connections, each with one request at a time. */
  readonly connections: number
  /** Without a slash at its end. */
  readonly origin: string
  /** Who is trusted, PEM; for an origin over TLS. */
  readonly tls?: { readonly ca: string } | undefined
}

/** A piece of work, done once and its answer checked, in the manner that is natural to the client. */
export type Operation =
  | { readonly _tag: "InFiber"; readonly run: Effect.Effect<void> }
  | { readonly _tag: "InPromise"; readonly run: () => Promise<void> }
  | { readonly _tag: "InCallback"; readonly run: (done: Done) => void }

/** Called once, with what went wrong if something did; never before `run` has returned. */
export type Done = (failure?: unknown) => void

export interface Peer {
  readonly name: string
  /** What doing this takes; nothing, if the client cannot. */
  readonly operation: (work: Work) => Operation | undefined
}

/** Its connections are closed with the scope. */
export type Make = (settings: Settings) => Effect.Effect<Peer, never, Scope.Scope>

export const inFiber = <E>(run: Effect.Effect<void, E>): Operation => ({ _tag: "InFiber", run: Effect.orDie(run) })

export const inPromise = (run: () => Promise<void>): Operation => ({ _tag: "InPromise", run })

export const inCallback = (run: (done: Done) => void): Operation => ({ _tag: "InCallback", run })
