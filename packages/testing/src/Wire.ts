/**
 * HTTP/1.1 as bytes: responses to send, requests read back, and every way to cut a byte string.
 *
 * @since 0.1.0
 */
import { concat, toLatin1, latin1 as toLatin1Bytes, utf8 as toUtf8 } from "./internal/bytes.js"
import * as cuts from "./internal/cuts.js"
import { parseRequest } from "./internal/wireRequest.js"
import { encodeChunked, encodeHead, encodeResponse, pairs } from "./internal/wireResponse.js"

/**
 * A request as the server read it.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireRequest {
  readonly method: string
  readonly target: string
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly version: string
  /** In the order and case in which they were sent; values without the white space around them. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: Uint8Array
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
  /** The value of a field, whatever its case; several are joined with `, `. */
  header(name: string): string | undefined
  /** The body as UTF-8. */
  readonly text: string
}

/**
 * The requests in what a client has written. Throws on bytes that are no request, and on an incomplete last one.
 *
 * @since 0.1.0
 * @category requests
 */
export const parseRequests = (bytes: Uint8Array | string): ReadonlyArray<WireRequest> => {
  const requests: Array<WireRequest> = []
  let rest = typeof bytes === "string" ? toLatin1Bytes(bytes) : bytes
  while (rest.length > 0) {
    const parsed = parseRequest(rest)
    if (parsed === undefined) throw new Error(`incomplete request: ${JSON.stringify(toLatin1(rest.subarray(0, 200)))}`)
    requests.push(parsed.request)
    rest = rest.subarray(parsed.next)
  }
  return requests
}

/**
 * Fields of a message: pairs keep their order, and may repeat a name.
 *
 * @since 0.1.0
 * @category models
 */
export type Fields = ReadonlyArray<readonly [name: string, value: string]> | Readonly<Record<string, string>>

/**
 * How a response says where it ends.
 *
 * - `length`: `Content-Length`.
 * - `chunked`: `Transfer-Encoding: chunked`; `chunks` are the sizes of the chunks, the rest of the body follows as one.
 * - `close`: the end of the connection; send it and then `end()` the socket.
 * - `none`: no body and no field that says so, as in an answer to HEAD, a 204 or a 304.
 *
 * @since 0.1.0
 * @category models
 */
export type WireFraming =
  | "length"
  | "chunked"
  | "close"
  | "none"
  | { readonly chunks: ReadonlyArray<number>; readonly extension?: string | undefined }

/**
 * @since 0.1.0
 * @category models
 */
export interface WireResponse {
  /** 200. */
  readonly status?: number | undefined
  /** `OK` for 200, and so on; may be empty. */
  readonly reason?: string | undefined
  /** `HTTP/1.1`. */
  readonly version?: string | undefined
  readonly headers?: Fields | undefined
  /** A string is sent as UTF-8. */
  readonly body?: string | Uint8Array | undefined
  /** `length`. */
  readonly framing?: WireFraming | undefined
  /** Only with chunked framing. */
  readonly trailers?: Fields | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ChunkedOptions {
  /** The sizes of the chunks; what is left of the body follows as one chunk. */
  readonly sizes?: ReadonlyArray<number> | undefined
  /** Written after each size, with its semicolon. */
  readonly extension?: string | undefined
  readonly trailers?: Fields | undefined
}

/**
 * A status line and fields, ended by an empty line. Nothing is added and nothing is checked: a test may want a broken
 * head.
 *
 * @since 0.1.0
 * @category responses
 */
export const head = (options: Pick<WireResponse, "status" | "reason" | "version" | "headers"> = {}): Uint8Array =>
  encodeHead(options)

/**
 * A body in chunks of the sizes given; what is left follows as one chunk, then the last chunk and the trailers.
 *
 * @since 0.1.0
 * @category responses
 */
export const chunked = (body: string | Uint8Array, options: ChunkedOptions = {}): Uint8Array =>
  encodeChunked(body, options)

/**
 * A whole response.
 *
 * @example
 * ```ts
 * import { Wire } from "@hotaru/testing"
 *
 * const bytes = Wire.response({ status: 404, headers: { "content-type": "text/plain" }, body: "nothing here" })
 * ```
 *
 * @since 0.1.0
 * @category responses
 */
export const response = (options: WireResponse = {}): Uint8Array => encodeResponse(options)

/**
 * A 200 with a length.
 *
 * @since 0.1.0
 * @category responses
 */
export const ok = (body: string | Uint8Array = "", headers?: Fields): Uint8Array => response({ body, headers })

/**
 * A 200 with JSON.
 *
 * @since 0.1.0
 * @category responses
 */
export const json = (value: unknown, headers?: Fields): Uint8Array =>
  response({ body: JSON.stringify(value), headers: [["content-type", "application/json"], ...pairs(headers)] })

/**
 * A 204.
 *
 * @since 0.1.0
 * @category responses
 */
export const noContent = (headers?: Fields): Uint8Array => response({ status: 204, framing: "none", headers })

/**
 * An interim response (100, 102, 103): a head that ends nothing.
 *
 * @since 0.1.0
 * @category responses
 */
export const interim = (status = 100, headers?: Fields): Uint8Array => head({ status, headers })

/**
 * A string of code units up to 0xFF as bytes. Throws on a larger one.
 *
 * @since 0.1.0
 * @category bytes
 */
export const latin1 = (text: string): Uint8Array => toLatin1Bytes(text)

/**
 * Bytes as a string of code units up to 0xFF.
 *
 * @since 0.1.0
 * @category bytes
 */
export const text = (bytes: Uint8Array): string => toLatin1(bytes)

/**
 * A string as UTF-8.
 *
 * @since 0.1.0
 * @category bytes
 */
export const utf8 = (content: string): Uint8Array => toUtf8(content)

/**
 * Joins byte strings.
 *
 * @since 0.1.0
 * @category bytes
 */
export const join = (...pieces: ReadonlyArray<Uint8Array | string>): Uint8Array =>
  concat(pieces.map((piece) => (typeof piece === "string" ? toLatin1Bytes(piece) : piece)))

/**
 * A way to cut a byte string into pieces, none of them empty.
 *
 * @since 0.1.0
 * @category models
 */
export type Cut = (bytes: Uint8Array) => ReadonlyArray<Uint8Array>

/**
 * Not cut at all.
 *
 * @since 0.1.0
 * @category cuts
 */
export const whole: Cut = cuts.whole

/**
 * Every byte alone.
 *
 * @since 0.1.0
 * @category cuts
 */
export const bytes: Cut = cuts.bytes

/**
 * Cut at the positions given; those outside the byte string are ignored.
 *
 * @since 0.1.0
 * @category cuts
 */
export const cutsAt = (...positions: ReadonlyArray<number>): Cut => cuts.cutsAt(positions)

/**
 * Pieces of a size; the last may be shorter.
 *
 * @since 0.1.0
 * @category cuts
 */
export const piecesOf = (size: number): Cut => cuts.piecesOf(size)

/**
 * Cut at random; the same seed cuts the same way.
 *
 * @since 0.1.0
 * @category cuts
 */
export const randomCuts = (seed: number): Cut => cuts.randomCuts(seed)

/**
 * Every way to cut a byte string in two.
 *
 * @example
 * ```ts
 * import { Wire } from "@hotaru/testing"
 *
 * for (const [first, second] of Wire.everyCut(Wire.ok("hello"))) {
 *   console.log(first.length, second.length)
 * }
 * ```
 *
 * @since 0.1.0
 * @category cuts
 */
export const everyCut = (content: Uint8Array): ReadonlyArray<readonly [Uint8Array, Uint8Array]> =>
  cuts.everyCut(content)
