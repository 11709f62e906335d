/**
 * What a peer may send and a pool may be asked, for property tests with FastCheck.
 *
 * @since 0.1.0
 */
import * as ConnectionKey from "@hotaru/pool/ConnectionKey"
import * as FastCheck from "effect/FastCheck"
import { concat } from "./internal/bytes.js"
import * as text from "./internal/textArbitraries.js"
import * as Wire from "./Wire.js"

/**
 * A key: a host name, an IPv4 or an IPv6 address, any port, with or without TLS.
 *
 * @since 0.1.0
 * @category keys
 */
export const key: FastCheck.Arbitrary<ConnectionKey.ConnectionKey> = FastCheck.record({
  host: FastCheck.oneof(FastCheck.domain(), FastCheck.ipV4(), FastCheck.ipV6()),
  port: FastCheck.integer({ min: 1, max: 65_535 }),
  useTls: FastCheck.boolean()
})
  // What is an address to one parser is none to another (`::1.2.3.4%`, leading zeros): only what a key can be made of.
  .filter(({ host }) => URL.canParse(`http://${host.includes(":") ? `[${host}]` : host}/`))
  .map((parts) => ConnectionKey.make(parts))

/**
 * One of the keys of `count` hosts, each time the same: `host1.test` and so on, port 80, without TLS.
 *
 * @since 0.1.0
 * @category keys
 */
export const keyOf = (count: number): FastCheck.Arbitrary<ConnectionKey.ConnectionKey> =>
  FastCheck.constantFrom(...keys(count))

/**
 * The keys of {@link keyOf}, in order.
 *
 * @since 0.1.0
 * @category keys
 */
export const keys = (count: number): ReadonlyArray<ConnectionKey.ConnectionKey> =>
  Array.from({ length: count }, (_, i) => ConnectionKey.make({ host: `host${i + 1}.test`, port: 80, useTls: false }))

/**
 * A field name: any token (RFC 9110 section 5.6.2), in any case, but none that says how a message is framed or what
 * becomes of its connection.
 *
 * @since 0.1.0
 * @category fields
 */
export const headerName: FastCheck.Arbitrary<string> = text.fieldName

/**
 * A field value as RFC 9110 section 5.5 has it: visible ASCII, spaces and tabs inside, 0x80 to 0xFF; may be empty.
 *
 * @since 0.1.0
 * @category fields
 */
export const headerValue: FastCheck.Arbitrary<string> = text.fieldValue

/**
 * A name that must never reach the wire: empty, or with something in it that no token has.
 *
 * @since 0.1.0
 * @category fields
 */
export const invalidHeaderName: FastCheck.Arbitrary<string> = text.invalidFieldName

/**
 * A value that must never reach the wire: with a control character in it, or a code unit above 0xFF, some of which
 * become CR or LF when they are cut to eight bits.
 *
 * @since 0.1.0
 * @category fields
 */
export const invalidHeaderValue: FastCheck.Arbitrary<string> = text.invalidFieldValue

/**
 * Fields, names possibly repeated.
 *
 * @since 0.1.0
 * @category fields
 */
export const headers: FastCheck.Arbitrary<ReadonlyArray<readonly [name: string, value: string]>> = FastCheck.array(
  FastCheck.tuple(headerName, headerValue),
  { maxLength: 8 }
)

/**
 * A way to cut a byte string: whole, every byte alone, pieces of one size, or at random.
 *
 * @since 0.1.0
 * @category bytes
 */
export const cut: FastCheck.Arbitrary<Wire.Cut> = FastCheck.oneof(
  FastCheck.constant(Wire.whole),
  FastCheck.constant(Wire.bytes),
  FastCheck.integer({ min: 2, max: 20 }).map((size) => named(Wire.piecesOf(size), `Wire.piecesOf(${size})`)),
  FastCheck.integer({ min: 0, max: 0x7fffffff }).map((seed) => named(Wire.randomCuts(seed), `Wire.randomCuts(${seed})`))
)

/** A counterexample must say how to cut again. */
const named = (cut: Wire.Cut, name: string): Wire.Cut => Object.assign(cut, { [FastCheck.toStringMethod]: () => name })

/**
 * A body: empty, short, or of some thousand bytes; any bytes, and often such that look like HTTP.
 *
 * @since 0.1.0
 * @category bytes
 */
export const body: FastCheck.Arbitrary<Uint8Array> = FastCheck.oneof(
  FastCheck.uint8Array({ maxLength: 40 }),
  FastCheck.uint8Array({ maxLength: 5_000 }),
  FastCheck.constantFrom(
    "",
    "\r\n",
    "0\r\n\r\n",
    "\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
  ).map(Wire.latin1)
)

/**
 * A response, what it answers, and the bytes of it. To send one with `framing: "close"`, end the connection after it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ArbitraryResponse {
  /** `GET` or `HEAD`: the method of the request that this is a valid answer to. */
  readonly method: "GET" | "HEAD"
  readonly version: "HTTP/1.0" | "HTTP/1.1"
  readonly status: number
  readonly reason: string
  /** As sent, those of the framing among them. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** What the client must read: empty for HEAD, 204 and 304. */
  readonly body: Uint8Array
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
  readonly framing: Wire.WireFraming
  /** The interim responses before it. */
  readonly interim: ReadonlyArray<{
    readonly status: number
    readonly headers: ReadonlyArray<readonly [string, string]>
  }>
  /** Everything, interim responses first. */
  readonly bytes: Uint8Array
}

const framing: FastCheck.Arbitrary<Wire.WireFraming> = FastCheck.oneof(
  FastCheck.constantFrom<Wire.WireFraming>("length", "chunked", "close", "none"),
  FastCheck.record({
    chunks: FastCheck.array(FastCheck.integer({ min: 1, max: 600 }), { maxLength: 12 }),
    extension: FastCheck.constantFrom(undefined, ";a", ";a=b", ';a="q;"')
  })
)

const interim = FastCheck.array(
  FastCheck.record({
    status: FastCheck.constantFrom(100, 102, 103),
    headers: FastCheck.array(FastCheck.tuple(headerName, headerValue), { maxLength: 2 })
  }),
  { maxLength: 3 }
)

const isChunked = (framing: Wire.WireFraming): boolean => framing === "chunked" || typeof framing === "object"

/**
 * A valid response in any framing, with interim responses before it now and then.
 *
 * @example
 * ```ts
 * import { Arbitraries } from "@hotaru/testing"
 * import { FastCheck } from "effect"
 *
 * FastCheck.assert(
 *   FastCheck.property(Arbitraries.response, Arbitraries.cut, (response, cut) => {
 *     const pieces = cut(response.bytes)
 *     return pieces.reduce((sum, piece) => sum + piece.length, 0) === response.bytes.length
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category responses
 */
export const response: FastCheck.Arbitrary<ArbitraryResponse> = FastCheck.record({
  method: FastCheck.constantFrom("GET" as const, "GET" as const, "GET" as const, "HEAD" as const),
  status: FastCheck.oneof(FastCheck.constantFrom(200, 204, 304, 404, 500), FastCheck.integer({ min: 200, max: 599 })),
  reason: text.reason,
  headers,
  body,
  trailers: FastCheck.array(FastCheck.tuple(headerName, headerValue), { maxLength: 3 }),
  framing,
  interim
}).map((parts) => {
  const bodiless = parts.method === "HEAD" || parts.status === 204 || parts.status === 304
  // Without a body the head may not promise one, and "none" needs a reason to have none.
  const framing: Wire.WireFraming = bodiless ? "none" : parts.framing === "none" ? "length" : parts.framing
  // HTTP/1.0 knows neither chunks nor interim responses: a body up to the end of the connection shows it best.
  const version = framing === "close" && parts.interim.length === 0 ? "HTTP/1.0" : "HTTP/1.1"
  const body = bodiless ? new Uint8Array(0) : parts.body
  const trailers = isChunked(framing) ? parts.trailers : []
  const own: ArbitraryResponse["headers"] =
    framing === "length"
      ? [["content-length", String(body.length)]]
      : isChunked(framing)
        ? [["transfer-encoding", "chunked"]]
        : []
  const { headers, interim, method, reason, status } = parts
  return {
    method,
    version,
    status,
    reason,
    headers: [...own, ...headers],
    body,
    trailers,
    framing,
    interim,
    bytes: concat([
      ...interim.map((head) => Wire.interim(head.status, head.headers)),
      Wire.response({ version, status, reason, headers, body, framing, trailers })
    ])
  }
})
