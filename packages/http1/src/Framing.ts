/**
 * Where the body of an answer ends: RFC 9112 section 6.3.
 *
 * @since 0.1.0
 */
import type { Http1Error } from "./Http1Error.js"
import { make as refusal } from "./Http1Error.js"
import { trim } from "./internal/fields.js"

/**
 * - `NoBody`: the answer ends with its head.
 * - `Length`: so many bytes.
 * - `Chunked`: chunks, to the last one and its trailers.
 * - `UntilClose`: everything until the peer ends the connection.
 * - `Tunnel`: no HTTP follows (101, or a 2xx to CONNECT).
 *
 * @since 0.1.0
 * @category models
 */
export type Framing =
  | { readonly _tag: "NoBody" }
  | { readonly _tag: "Length"; readonly length: number }
  | { readonly _tag: "Chunked" }
  | { readonly _tag: "UntilClose" }
  | { readonly _tag: "Tunnel" }

/**
 * The answer ends with its head.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noBody: Framing = { _tag: "NoBody" }

/**
 * The body has so many bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const length = (length: number): Framing => ({ _tag: "Length", length })

/**
 * The body comes in chunks.
 *
 * @since 0.1.0
 * @category constructors
 */
export const chunked: Framing = { _tag: "Chunked" }

/**
 * The body ends with the connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const untilClose: Framing = { _tag: "UntilClose" }

/**
 * What follows is another protocol.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tunnel: Framing = { _tag: "Tunnel" }

/**
 * What decides. A field sent on several lines is given as one value joined with `", "` (RFC 9110 section 5.3).
 *
 * @since 0.1.0
 * @category models
 */
export interface FramingInput {
  /** Of the request. */
  readonly method: string
  readonly status: number
  /** The minor version. */
  readonly version: 0 | 1
  readonly transferEncoding: string | undefined
  readonly contentLength: string | undefined
}

/**
 * A row of `rules`: the first one that applies decides.
 *
 * @since 0.1.0
 * @category models
 */
export interface FramingRule {
  /** Where it is written. */
  readonly section: string
  readonly applies: (input: FramingInput) => boolean
  readonly verdict: (input: FramingInput, section: string) => Framing | Http1Error
}

/**
 * The number a `Content-Length` states, or `undefined` if it states none: digits only (RFC 9110 section 8.6), and
 * small enough to be counted exactly.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseContentLength = (value: string): number | undefined => {
  if (value.length === 0) return undefined
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return undefined
    length = length * 10 + digit
    if (length > Number.MAX_SAFE_INTEGER) return undefined
  }
  return length
}

/**
 * The number a `Content-Length` states, once or as a list of one number said again and again, which can be read in
 * one way only (RFC 9110 section 8.6); `undefined` if it states none.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseContentLengths = (value: string): number | undefined => {
  if (!value.includes(",")) return parseContentLength(value)
  let length: number | undefined
  for (const item of value.split(",")) {
    const said = parseContentLength(trim(item))
    if (said === undefined || (length !== undefined && said !== length)) return undefined
    length = said
  }
  return length
}

/**
 * What a `Transfer-Encoding` comes to: chunks; nothing at all, where it names `identity` alone; or `undefined` for all
 * else. Empty items before the last one say nothing (RFC 9110 section 5.6.1), and neither does `identity`. Behind
 * `chunked` readers differ about both.
 */
const codingOf = (value: string): "chunked" | "identity" | undefined => {
  if (value === "chunked") return value
  const codings = value.toLowerCase().split(",")
  const last = trim(codings.pop()!)
  if (last !== "chunked" && last !== "identity") return undefined
  for (const coding of codings) {
    const name = trim(coding)
    if (name !== "" && name !== "identity") return undefined
  }
  return last
}

/**
 * Whether the framing can be read in one way only, and is not what RFC 9112 has a server send: a `Transfer-Encoding` in
 * HTTP/1.0 or of more than `chunked`, a `Content-Length` said twice. Such an answer is read, and its connection carries
 * nothing more (RFC 9112 section 6.1).
 *
 * @since 0.1.0
 * @category rules
 */
export const isFaulty = ({ contentLength, transferEncoding, version }: FramingInput): boolean =>
  (transferEncoding !== undefined && (version === 0 || transferEncoding.toLowerCase() !== "chunked")) ||
  contentLength?.includes(",") === true

/** Characters of a length that a message shows: whoever sends it says how many it has. */
const mostShown = 60

/** A length is no secret, and where there are two the reader wants to know which; what is no length is cut short. */
const shown = (value: string): string =>
  JSON.stringify(value.length > mostShown ? `${value.slice(0, mostShown)}...` : value)

const ambiguous =
  (problem: string) =>
  (_: FramingInput, section: string): Http1Error =>
    refusal("AmbiguousLength", problem, { section })

/**
 * RFC 9112 section 6.3 as a table, strict where two readers could see two ends: but for a tunnel, which no
 * message follows, the refusals come first, whatever the status says.
 *
 * @since 0.1.0
 * @category rules
 */
export const rules: ReadonlyArray<FramingRule> = [
  {
    section: "RFC 9112 section 6.3 rule 2",
    applies: ({ method, status }) => status === 101 || (method === "CONNECT" && status >= 200 && status < 300),
    verdict: () => tunnel
  },
  {
    section: "RFC 9110 section 8.6",
    applies: (input) => input.contentLength !== undefined && parseContentLengths(input.contentLength) === undefined,
    verdict: ({ contentLength = "" }, section) =>
      refusal(
        "AmbiguousLength",
        `The Content-Length is not one number that can be counted exactly: ${shown(contentLength)}`,
        {
          section
        }
      )
  },
  {
    section: "RFC 9112 section 6.3",
    applies: (input) => input.transferEncoding !== undefined && input.contentLength !== undefined,
    verdict: ambiguous("Content-Length beside Transfer-Encoding")
  },
  {
    section: "RFC 9112 section 7",
    applies: (input) => input.transferEncoding !== undefined && codingOf(input.transferEncoding) === undefined,
    verdict: (_, section) =>
      refusal("UnsupportedTransferCoding", "The Transfer-Encoding is not chunked, once", { section })
  },
  {
    section: "RFC 9112 section 6.3 rule 1",
    applies: ({ method, status }) => method === "HEAD" || status < 200 || status === 204 || status === 304,
    verdict: () => noBody
  },
  {
    section: "RFC 9112 section 6.3 rule 4",
    applies: (input) => input.transferEncoding !== undefined,
    verdict: (input) => (codingOf(input.transferEncoding!) === "chunked" ? chunked : untilClose)
  },
  {
    section: "RFC 9112 section 6.3 rule 6",
    applies: (input) => input.contentLength !== undefined,
    verdict: (input) => length(parseContentLengths(input.contentLength!)!)
  },
  {
    section: "RFC 9112 section 6.3 rule 8",
    applies: () => true,
    verdict: () => untilClose
  }
]

/**
 * How the body of an answer is framed, or why it cannot be known. A pure function over `rules`.
 *
 * @example
 * ```ts
 * import { Framing } from "@hotaru/http1"
 *
 * Framing.responseFraming({
 *   method: "GET",
 *   status: 200,
 *   version: 1,
 *   transferEncoding: undefined,
 *   contentLength: "40"
 * }) // { _tag: "Length", length: 40 }
 * ```
 *
 * @since 0.1.0
 * @category rules
 */
export const responseFraming = (input: FramingInput): Framing | Http1Error => {
  for (const rule of rules) {
    if (rule.applies(input)) return rule.verdict(input, rule.section)
  }
  throw new Error("No framing rule applies, though the last one always does")
}
