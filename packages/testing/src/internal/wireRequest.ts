/**
 * Reads requests back from the bytes a client has written. Strict: a test wants to know of anything unusual.
 */
import type { WireRequest } from "../Wire.js"
import { concat, toLatin1 } from "./bytes.js"

export class WireRequestImpl implements WireRequest {
  constructor(
    readonly method: string,
    readonly target: string,
    readonly version: string,
    readonly headers: ReadonlyArray<readonly [name: string, value: string]>,
    readonly body: Uint8Array,
    readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
  ) {}

  header(name: string): string | undefined {
    const values = this.headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    return values.length === 0 ? undefined : values.join(", ")
  }

  get text(): string {
    return new TextDecoder().decode(this.body)
  }
}

const malformed = (problem: string, bytes: Uint8Array): never => {
  throw new Error(`malformed request: ${problem}, in ${JSON.stringify(toLatin1(bytes.subarray(0, 200)))}`)
}

/** Where CRLF (twice for 2) begins, at or after `from`. */
const indexOfCrlf = (bytes: Uint8Array, times: 1 | 2, from: number): number => {
  for (let at = bytes.indexOf(13, from); at !== -1; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && (times === 1 || (bytes[at + 2] === 13 && bytes[at + 3] === 10))) return at
  }
  return -1
}

const parseFields = (lines: ReadonlyArray<string>, bytes: Uint8Array): ReadonlyArray<readonly [string, string]> =>
  lines.map((line) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line)
    if (match === null) return malformed(`bad field line ${JSON.stringify(line)}`, bytes)
    return [match[1] as string, match[2] as string] as const
  })

/** A request whose head is complete, with an empty body, and where the body begins. */
export const parseHead = (bytes: Uint8Array): { readonly request: WireRequest; readonly next: number } | undefined => {
  const end = indexOfCrlf(bytes, 2, 0)
  if (end === -1) return undefined
  const [first, ...lines] = toLatin1(bytes.subarray(0, end)).split("\r\n")
  const line = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP\/1\.[01])$/.exec(first as string)
  if (line === null) return malformed(`bad request line ${JSON.stringify(first)}`, bytes)
  const request = new WireRequestImpl(
    line[1] as string,
    line[2] as string,
    line[3] as string,
    parseFields(lines, bytes),
    new Uint8Array(0),
    []
  )
  return { request, next: end + 4 }
}

/** The first complete request, and where the next begins. */
export const parseRequest = (
  bytes: Uint8Array
): { readonly request: WireRequest; readonly next: number } | undefined => {
  const head = parseHead(bytes)
  return head === undefined ? undefined : parseBody(head.request, bytes, head.next)
}

/** The request of a head, with the body that begins at `start`. */
export const parseBody = (
  head: WireRequest,
  bytes: Uint8Array,
  start: number
): { readonly request: WireRequest; readonly next: number } | undefined => {
  const coding = head.header("transfer-encoding")
  const length = head.header("content-length")
  if (coding !== undefined) {
    if (length !== undefined) malformed("both content-length and transfer-encoding", bytes)
    if (coding.toLowerCase() !== "chunked") malformed(`unknown transfer-encoding ${coding}`, bytes)
    const chunked = parseChunked(bytes, start)
    return chunked === undefined
      ? undefined
      : { request: withBody(head, chunked.body, chunked.trailers), next: chunked.next }
  }
  if (length === undefined) return { request: head, next: start }
  if (!/^[0-9]+$/.test(length)) malformed(`bad content-length ${length}`, bytes)
  const end = start + Number(length)
  return bytes.length < end ? undefined : { request: withBody(head, bytes.slice(start, end), []), next: end }
}

const withBody = (head: WireRequest, body: Uint8Array, trailers: WireRequest["trailers"]): WireRequest =>
  new WireRequestImpl(head.method, head.target, head.version, head.headers, body, trailers)

const parseChunked = (bytes: Uint8Array, start: number) => {
  const pieces: Array<Uint8Array> = []
  let at = start
  for (;;) {
    const lineEnd = indexOfCrlf(bytes, 1, at)
    if (lineEnd === -1) return undefined
    const line = toLatin1(bytes.subarray(at, lineEnd))
    const size = /^([0-9A-Fa-f]+)(?:[ \t]*;.*)?$/.exec(line)
    if (size === null) return malformed(`bad chunk size ${JSON.stringify(line)}`, bytes)
    const length = parseInt(size[1] as string, 16)
    at = lineEnd + 2
    if (length === 0) {
      if (bytes.length < at + 2) return undefined
      const end = indexOfCrlf(bytes, 1, at) === at ? at : indexOfCrlf(bytes, 2, at)
      if (end === -1) return undefined
      const trailers = end === at ? [] : parseFields(toLatin1(bytes.subarray(at, end)).split("\r\n"), bytes)
      return { body: concat(pieces), trailers, next: end === at ? at + 2 : end + 4 }
    }
    const end = at + length
    if (bytes.length < end + 2) return undefined
    if (bytes[end] !== 13 || bytes[end + 1] !== 10) malformed("a chunk is not as long as its size says", bytes)
    pieces.push(bytes.subarray(at, end))
    at = end + 2
  }
}
