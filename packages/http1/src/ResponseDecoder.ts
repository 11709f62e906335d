/**
 * Bytes to events.
 *
 * @since 0.1.0
 */
import type { Http1Event } from "./Http1Event.js"
import type { Http1Limits } from "./Http1Limits.js"
import * as internal from "./internal/decoder.js"

/**
 * Reads the answers of one connection, one exchange after another. It holds no socket, no clock, no body: only the
 * part of a head that was cut. Any cut of the bytes gives the same events; chunks may be cut differently.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResponseDecoder {
  /**
   * From here on bytes answer a request with this method. `upgrade` says that the request asked for another protocol:
   * without it, 101 fails with `UnexpectedUpgrade`.
   *
   * Throws if the last answer is not complete, or the decoder has failed: whoever asks has lost count.
   */
  readonly start: (method: string, upgrade?: boolean) => void
  /**
   * The events these bytes complete. Bytes beyond the end of the answer make its `End` a `Close` for `LeftoverBytes`;
   * bytes when no answer is expected are `UnexpectedBytes`.
   */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Http1Event>
  /**
   * The input has ended, by a FIN or by a reset (RFC 9112 section 8). A FIN ends a body without a length; every other
   * answer not complete by now fails. No events if no answer is expected.
   */
  readonly finish: (kind: "fin" | "reset") => ReadonlyArray<Http1Event>
  /** Whether any byte of the current answer, interim ones included, has come in. */
  readonly started: boolean
  /** Whether an answer is expected and not complete. */
  readonly expecting: boolean
  /** After the head of a tunnel: the bytes that came with it and belong to the other protocol, borrowed like chunks. */
  readonly surplus: Uint8Array | undefined
}

/**
 * @example
 * ```ts
 * import { Http1Limits, ResponseDecoder } from "@hotaru/http1"
 *
 * const decoder = ResponseDecoder.make(Http1Limits.defaults)
 * decoder.start("GET")
 * decoder.push(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"))
 * // Head, Chunk, End
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (limits: Http1Limits): ResponseDecoder => new internal.Decoder(limits)
