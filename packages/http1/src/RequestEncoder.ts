/**
 * Requests to bytes.
 *
 * @since 0.1.0
 */
import * as internal from "./internal/encodeHead.js"

/**
 * How the body of a request is framed: not at all, by `Content-Length`, or in chunks.
 *
 * @since 0.1.0
 * @category models
 */
export type BodyFraming =
  | { readonly _tag: "None" }
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }

/**
 * A request without a body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: BodyFraming = { _tag: "None" }

/**
 * A body of so many bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const length = (length: number): BodyFraming => ({ _tag: "Length", length })

/**
 * A body in chunks, whose length nobody knows yet.
 *
 * @since 0.1.0
 * @category constructors
 */
export const chunked: BodyFraming = { _tag: "Chunked" }

/**
 * What a request begins with, before it is checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestHead {
  readonly method: string
  /** In origin-form (`/path?query`), absolute-form (for a proxy), or what the method asks for (RFC 9112 section 3.2). */
  readonly target: string
  /** The value of `Host`, unless `headers` has one. */
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
  readonly framing: BodyFraming
  /** Send `Connection: close`. */
  readonly close: boolean
}

/**
 * Why a head may not be sent. It names the place and never shows the value.
 *
 * @since 0.1.0
 * @category errors
 */
export interface RequestHeadError {
  readonly _tag: "RequestHeadError"
  readonly field: "method" | "target" | "header name" | "header value" | "host" | "content-length" | "forbidden header"
  /** The name of the field at fault, if its name is not what is wrong. */
  readonly name?: string
  readonly problem: string
  /** The index of the first code unit that may not be there. */
  readonly position?: number
}

/**
 * The head of a request, one code unit a byte (latin1), up to and with its empty line. A small body may be appended as
 * latin1, so that one write carries all.
 *
 * Nothing a caller passes can start another field or another request: what would is refused, on the strings as they
 * will be written. `Host` comes first, then the fields in the caller's order, then those of the framing. A caller's
 * `content-length` must be equal to the framing's, a caller's `connection: close` counts as `close`; fields about the
 * connection itself are refused.
 *
 * @example
 * ```ts
 * import { RequestEncoder } from "@hotaru/http1"
 *
 * RequestEncoder.encodeHead({
 *   method: "GET",
 *   target: "/fireflies?limit=1",
 *   host: "example.com",
 *   headers: { accept: "application/json" },
 *   framing: RequestEncoder.none,
 *   close: false
 * }) // "GET /fireflies?limit=1 HTTP/1.1\r\nHost: example.com\r\naccept: application/json\r\n\r\n"
 * ```
 *
 * @since 0.1.0
 * @category encoding
 */
export const encodeHead: (head: RequestHead) => string | RequestHeadError = internal.encodeHead

/**
 * What goes before a chunk of so many bytes. Not for 0: that is `lastChunk`, and throws here.
 *
 * @since 0.1.0
 * @category encoding
 */
export const chunkHead = (length: number): string => {
  if (length > 0 && Number.isSafeInteger(length)) return `${length.toString(16)}\r\n`
  throw new RangeError(`A chunk has a whole number of bytes above 0, not ${length}`)
}

/**
 * What goes after a chunk.
 *
 * @since 0.1.0
 * @category encoding
 */
export const chunkEnd = "\r\n"

/**
 * What ends a chunked body.
 *
 * @since 0.1.0
 * @category encoding
 */
export const lastChunk = "0\r\n\r\n"
