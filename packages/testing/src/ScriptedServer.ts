/**
 * A server on a fake socket: requests in, replies out, waits on the test's clock.
 *
 * @since 0.1.0
 */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { SocketHandler } from "./FakeNetwork.js"
import type { FakeSocket } from "./FakeSocket.js"
import { makeServer } from "./internal/scriptedServer.js"
import type { Cut, WireRequest } from "./Wire.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ServedRequest extends WireRequest {
  readonly key: ConnectionKey
  readonly socket: FakeSocket
  /** Which of the server's connections it came on: 1 for the first. */
  readonly connection: number
  /** Which request on its connection it is: 1 for the first. */
  readonly exchange: number
}

/**
 * A step of a reply.
 *
 * - `Send`: bytes, as the server's `cut` option cuts them. A string or bytes in a reply stand for it.
 * - `Wait`: on the clock, which a test moves.
 * - `End`, `Reset`: the server ends or resets the connection, and serves it no more.
 * - `Do`: an effect of the test's own.
 * - `Hang`: nothing more, ever.
 *
 * @since 0.1.0
 * @category models
 */
export type Step = Data.TaggedEnum<{
  Send: { readonly bytes: Uint8Array | string }
  Wait: { readonly duration: Duration.DurationInput }
  End: {}
  Reset: {}
  Do: { readonly effect: Effect.Effect<void> }
  Hang: {}
}>

const steps = Data.taggedEnum<Step>()

/**
 * @since 0.1.0
 * @category steps
 */
export const send = (bytes: Uint8Array | string): Step => steps.Send({ bytes })

/**
 * @since 0.1.0
 * @category steps
 */
export const wait = (duration: Duration.DurationInput): Step => steps.Wait({ duration })

/**
 * @since 0.1.0
 * @category steps
 */
export const end: Step = steps.End()

/**
 * @since 0.1.0
 * @category steps
 */
export const reset: Step = steps.Reset()

/**
 * @since 0.1.0
 * @category steps
 */
export const run = (effect: Effect.Effect<void>): Step => steps.Do({ effect })

/**
 * @since 0.1.0
 * @category steps
 */
export const hang: Step = steps.Hang()

/**
 * @since 0.1.0
 * @category models
 */
export type Reply = Uint8Array | string | Step | ReadonlyArray<Uint8Array | string | Step>

/**
 * Answers a request. An effect may look at the request for as long as it likes.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler = (request: ServedRequest) => Reply | Effect.Effect<Reply>

/**
 * @since 0.1.0
 * @category models
 */
export interface ScriptedServerOptions {
  /**
   * The server ends a connection right behind this many answers, without saying so in them. The end has arrived then,
   * and is seen at the next poll: the way connections go stale.
   */
  readonly closeAfter?: number | undefined
  /** The server ends a connection on which no request has begun for this long, on the test's clock. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /** How what is sent is cut: each piece is seen alone. Not at all by default. */
  readonly cut?: Cut | undefined
  /** True: answers arrive, and are seen at the next poll. False (the default): they are seen at once. */
  readonly later?: boolean | undefined
  /** The answer to a head with `Expect: 100-continue`, before its body is read. A 100 by default; after a final one the body is not read and the connection ends. */
  readonly onExpect?: ((head: WireRequest) => Uint8Array) | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ScriptedServer extends SocketHandler {
  /** Serves one connection until either side ends it. */
  readonly serve: (socket: FakeSocket, key: ConnectionKey) => Effect.Effect<void>
  /** Every request so far, in the order in which they were complete. */
  readonly requests: ReadonlyArray<ServedRequest>
  /** How many requests each connection has carried. */
  readonly perConnection: ReadonlyArray<number>
}

/**
 * A server for `FakeNetwork`'s `autoAccept`, or for one socket by `serve`.
 *
 * A handler that throws, and bytes that are no request, are a broken test: the client gets a broken connection, and the
 * fake network's layer fails with the defect when it closes.
 *
 * @example
 * ```ts
 * import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
 *
 * const server = ScriptedServer.make((request) =>
 *   request.target === "/slow" ? [ScriptedServer.wait("2 seconds"), Wire.ok("at last")] : Wire.ok("at once")
 * )
 * const network = FakeNetwork.layerWith({ autoAccept: server })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (handler: Handler, options: ScriptedServerOptions = {}): ScriptedServer =>
  makeServer(handler, options)

/**
 * A server that always gives the same answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const always = (reply: Reply, options?: ScriptedServerOptions): ScriptedServer => make(() => reply, options)
