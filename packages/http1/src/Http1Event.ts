/**
 * What a peer says, piece by piece.
 *
 * @since 0.1.0
 */
import type { Framing } from "./Framing.js"
import type { Http1Error } from "./Http1Error.js"
import type { KeepAlive } from "./KeepAlive.js"

/**
 * An interim answer (1xx, but not 101). The final one is still to come.
 *
 * @since 0.1.0
 * @category models
 */
export interface InformationalHead {
  readonly _tag: "InformationalHead"
  readonly status: number
  readonly reason: string
  readonly rawHeaders: ReadonlyArray<string>
}

/**
 * The final head. Names are as sent, values without the blanks around them, one code unit a byte.
 *
 * @since 0.1.0
 * @category models
 */
export interface Head {
  readonly _tag: "Head"
  readonly status: number
  readonly reason: string
  /** The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly version: 0 | 1
  /** Name, value, name, value, ... in the order sent. */
  readonly rawHeaders: ReadonlyArray<string>
  readonly framing: Framing
  /** What `Content-Length` says, also where it frames nothing (HEAD, 304). */
  readonly contentLength: number | undefined
}

/**
 * A piece of the body: a view into the bytes pushed, without a copy. It is borrowed: valid until the owner of those
 * bytes uses them again. Never empty.
 *
 * @since 0.1.0
 * @category models
 */
export interface Chunk {
  readonly _tag: "Chunk"
  readonly bytes: Uint8Array
}

/**
 * The fields after a chunked body, if there are any. They come before `End` and belong to no head (RFC 9110 section 6.5.1).
 *
 * @since 0.1.0
 * @category models
 */
export interface Trailers {
  readonly _tag: "Trailers"
  readonly rawHeaders: ReadonlyArray<string>
}

/**
 * The answer is complete, and this is what becomes of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface End {
  readonly _tag: "End"
  readonly keepAlive: KeepAlive
}

/**
 * The answer cannot be read. Nothing follows, ever.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failed {
  readonly _tag: "Failed"
  readonly error: Http1Error
}

/**
 * An answer is any number of `InformationalHead`, then `Head`, any number of `Chunk`, at most one `Trailers`, `End`;
 * at any place `Failed` may come instead.
 *
 * @since 0.1.0
 * @category models
 */
export type Http1Event = InformationalHead | Head | Chunk | Trailers | End | Failed
