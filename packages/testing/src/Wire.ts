/**
 * HTTP/1.1 as bytes: responses to send, requests read back, and every way to cut a byte string.
 *
 * @since 0.1.0
 */
import { concat, latin1 as toLatin1Bytes, toLatin1 } from "./internal/bytes.js"
import { parseRequest } from "./internal/wireRequest.js"

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

const reasons: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  413: "Content Too Large",
  417: "Expectation Failed",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout"
}

const pairs = (fields: Fields | undefined): ReadonlyArray<readonly [string, string]> =>
  fields === undefined ? [] : Array.isArray(fields) ? fields : Object.entries(fields)

const fieldLines = (fields: ReadonlyArray<readonly [string, string]>): string => fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")

/**
 * A status line and fields, ended by an empty line. Nothing is added and nothing is checked: a test may want a broken
 * head.
 *
 * @since 0.1.0
 * @category responses
 */
export const head = (options: Pick<WireResponse, "status" | "reason" | "version" | "headers"> = {}): Uint8Array => {
  const status = options.status ?? 200
  const reason = options.reason ?? reasons[status] ?? ""
  return toLatin1Bytes(`${options.version ?? "HTTP/1.1"} ${status} ${reason}\r\n${fieldLines(pairs(options.headers))}\r\n`)
}

/**
 * A body in chunks of the sizes given; what is left follows as one chunk, then the last chunk and the trailers.
 *
 * @since 0.1.0
 * @category responses
 */
export const chunked = (
  body: string | Uint8Array,
  options: { readonly sizes?: ReadonlyArray<number> | undefined; readonly extension?: string | undefined; readonly trailers?: Fields | undefined } = {}
): Uint8Array => {
  const bytes = typeof body === "string" ? utf8(body) : body
  const pieces: Array<Uint8Array> = []
  const sizes = options.sizes ?? []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + Math.max(1, sizes[i] ?? bytes.length))
    pieces.push(toLatin1Bytes(`${piece.length.toString(16)}${options.extension ?? ""}\r\n`), piece, toLatin1Bytes("\r\n"))
    at += piece.length
  }
  pieces.push(toLatin1Bytes(`0\r\n${fieldLines(pairs(options.trailers))}\r\n`))
  return concat(pieces)
}

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
export const response = (options: WireResponse = {}): Uint8Array => {
  const body = typeof options.body === "string" ? utf8(options.body) : options.body ?? new Uint8Array(0)
  const framing = options.framing ?? "length"
  const own: ReadonlyArray<readonly [string, string]> = framing === "length"
    ? [["content-length", String(body.length)]]
    : framing === "chunked" || typeof framing === "object"
    ? [["transfer-encoding", "chunked"]]
    : []
  const first = head({ ...options, headers: [...own, ...pairs(options.headers)] })
  switch (framing) {
    case "length":
    case "close":
      return concat([first, body])
    case "none":
      return first
    case "chunked":
      return concat([first, chunked(body, { trailers: options.trailers })])
    default:
      return concat([first, chunked(body, { sizes: framing.chunks, extension: framing.extension, trailers: options.trailers })])
  }
}

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
export const utf8 = (content: string): Uint8Array => new TextEncoder().encode(content)

/**
 * Joins byte strings.
 *
 * @since 0.1.0
 * @category bytes
 */
export const join = (...pieces: ReadonlyArray<Uint8Array | string>): Uint8Array =>
  concat(pieces.map((piece) => typeof piece === "string" ? toLatin1Bytes(piece) : piece))
