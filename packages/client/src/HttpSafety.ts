/**
 * Limits of a single request: how much, how long, what kind. In force are the defaults, what the client's layer was
 * given, and what {@link withLimits} changed around the call, each merged over the one before. They are taken when the
 * request is executed and travel with its response.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as internal from "./internal/safety.js"

/**
 * Sizes are in bytes; `Infinity` and `Duration.infinity` switch a limit off.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpSafety {
  /** The largest body collected in memory (`text`, `json`, `arrayBuffer`, ...). 100 MiB. */
  readonly maxBodySize: number
  /** The largest body read as a stream. Unlimited. */
  readonly maxStreamSize: number
  /** All heads of one answer together, and its trailers. 1 MiB. */
  readonly maxHeaderSize: number
  /** One line of a head. 64 KiB. */
  readonly maxLineLength: number
  /** Header fields of one head. 1,024. */
  readonly maxHeaders: number
  /** Interim answers (1xx) before the final one. 32. */
  readonly maxInterimResponses: number
  /** Bytes of the chunk extensions of one body, taken together; all are dropped. 16 KiB. */
  readonly maxChunkExtensions: number
  /**
   * How much of a body is read before anybody asks for it; then the socket is paused. 64 KiB. What one more read brings
   * comes on top: on Node.js 64 KiB, and up to 256 KiB where much has come already.
   */
  readonly readAhead: number
  /**
   * A body that nobody has begun to read for so long is abandoned, and one that is read by `PooledHttpClient.pull` if
   * so long passes between two calls. 30 seconds. Where requests wait for which there is no place, or the host drains, a
   * body that nobody has begun to read is abandoned after a second already, the longest unread first; where the pool
   * drains, after 100 milliseconds.
   */
  readonly unreadBodyTimeout: Duration.DurationInput
  /** How much of an abandoned body is read and thrown away to save its connection. 256 KiB. */
  readonly bodyDrainBytes: number
  /** For how long. 250 milliseconds. */
  readonly bodyDrainTimeout: Duration.DurationInput
  /**
   * From the request fully written to the head of its answer. 1 hour: a long poll, a report or a model that thinks may
   * take most of it. A peer that is gone is found sooner by `tcpKeepAlive`.
   */
  readonly headersTimeout: Duration.DurationInput
  /** Between two pieces of a body while somebody waits for one, and while an upload makes no progress. Off. */
  readonly bodyTimeout: Duration.DurationInput
  /** The whole exchange, the wait for a connection included, to the last byte of the body. Off. */
  readonly requestTimeout: Duration.DurationInput
  /** With `expect: 100-continue`: how long the body waits for the peer's word. 1 second. */
  readonly expectContinueTimeout: Duration.DurationInput
  /**
   * How long the request waits for a connection. Unset: the pool's `acquireTimeout`. There is no such override of the
   * pool's `connectionTimeout`: a dial serves whoever is first in line when it ends, not the request that caused it.
   */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /**
   * After how long a silence TCP asks whether the peer is still there, while the request has its connection: zero or
   * `"off"` is never. Unset: as the connector has set it.
   */
  readonly tcpKeepAlive?: Duration.DurationInput | "off" | undefined
  /** Methods that may be sent. Unset: all. */
  readonly allowedMethods: ReadonlyArray<string> | undefined
  /**
   * Media types that are accepted, such as `application/json` or `text/*`; parameters are ignored. Of several that a peer
   * names each must be one of them. Unset: all.
   */
  readonly allowedContentTypes: ReadonlyArray<string> | undefined
}

/**
 * The limits in force where nobody has changed any.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: HttpSafety = internal.defaults

/**
 * The limits in force.
 *
 * @since 0.1.0
 * @category references
 */
export const HttpSafety: Context.Reference<HttpSafety, HttpSafety> = Context.Reference<HttpSafety>()(
  "@hotaru/client/HttpSafety",
  { defaultValue: () => defaults }
)

/**
 * Changes some limits for everything inside an effect and leaves the others as they are. A value that makes no sense
 * throws an `InvalidPoolConfig` naming it.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { HttpSafety } from "@hotaru/client"
 * import { Effect } from "effect"
 *
 * const quick = HttpClient.get("http://127.0.0.1:8080/status").pipe(
 *   Effect.flatMap((response) => response.text),
 *   HttpSafety.withLimits({ requestTimeout: "2 seconds", maxBodySize: 64 * 1024 })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLimits: {
  (limits: Partial<HttpSafety>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, limits: Partial<HttpSafety>): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, limits: Partial<HttpSafety>): Effect.Effect<A, E, R> => {
  internal.validate(limits)
  return Effect.mapInputContext(
    self,
    (context: Context.Context<R>) =>
      Context.add(
        context,
        HttpSafety,
        internal.override(Context.get(context, HttpSafety), limits)
      ) as Context.Context<R>
  )
})
