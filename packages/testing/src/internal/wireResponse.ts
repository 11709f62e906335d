/**
 * Responses as bytes. Nothing is checked: a test may want a broken one.
 */
import type { ChunkedOptions, Fields, WireResponse } from "../Wire.js"
import { concat, latin1, utf8 } from "./bytes.js"

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

export const pairs = (fields: Fields | undefined): ReadonlyArray<readonly [string, string]> =>
  fields === undefined ? [] : Array.isArray(fields) ? fields : Object.entries(fields)

const fieldLines = (fields: ReadonlyArray<readonly [string, string]>): string =>
  fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")

export const encodeHead = (options: Pick<WireResponse, "status" | "reason" | "version" | "headers">): Uint8Array => {
  const status = options.status ?? 200
  const reason = options.reason ?? reasons[status] ?? ""
  return latin1(`${options.version ?? "HTTP/1.1"} ${status} ${reason}\r\n${fieldLines(pairs(options.headers))}\r\n`)
}

export const encodeChunked = (body: string | Uint8Array, options: ChunkedOptions): Uint8Array => {
  const bytes = typeof body === "string" ? utf8(body) : body
  const pieces: Array<Uint8Array> = []
  const sizes = options.sizes ?? []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + Math.max(1, sizes[i] ?? bytes.length))
    pieces.push(latin1(`${piece.length.toString(16)}${options.extension ?? ""}\r\n`), piece, latin1("\r\n"))
    at += piece.length
  }
  pieces.push(latin1(`0\r\n${fieldLines(pairs(options.trailers))}\r\n`))
  return concat(pieces)
}

export const encodeResponse = (options: WireResponse): Uint8Array => {
  const body = typeof options.body === "string" ? utf8(options.body) : (options.body ?? new Uint8Array(0))
  const framing = options.framing ?? "length"
  const own: ReadonlyArray<readonly [string, string]> =
    framing === "length"
      ? [["content-length", String(body.length)]]
      : framing === "chunked" || typeof framing === "object"
        ? [["transfer-encoding", "chunked"]]
        : []
  const first = encodeHead({ ...options, headers: [...own, ...pairs(options.headers)] })
  switch (framing) {
    case "length":
    case "close":
      return concat([first, body])
    case "none":
      return first
    case "chunked":
      return concat([first, encodeChunked(body, { trailers: options.trailers })])
    default:
      return concat([
        first,
        encodeChunked(body, { sizes: framing.chunks, extension: framing.extension, trailers: options.trailers })
      ])
  }
}
