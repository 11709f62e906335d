/**
 * Reads requests back from the bytes a client has written. Strict: a test wants to know of anything unusual.
 */
import { concat, toLatin1 } from "./bytes.js"

export class WireRequestImpl {
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

const indexOfText = (bytes: Uint8Array, text: string, from: number): number => toLatin1(bytes).indexOf(text, from)

const parseFields = (lines: ReadonlyArray<string>, bytes: Uint8Array): ReadonlyArray<readonly [string, string]> =>
  lines.map((line) => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line)
    if (match === null) return malformed(`bad field line ${JSON.stringify(line)}`, bytes)
    return [match[1] as string, match[2] as string] as const
  })

/** A request whose head is complete, with an empty body, and where the body begins. */
export const parseHead = (bytes: Uint8Array): { readonly request: WireRequestImpl; readonly next: number } | undefined => {
  const end = indexOfText(bytes, "\r\n\r\n", 0)
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
export const parseRequest = (bytes: Uint8Array): { readonly request: WireRequestImpl; readonly next: number } | undefined => {
  const head = parseHead(bytes)
  if (head === undefined) return undefined
  const coding = head.request.header("transfer-encoding")
  const length = head.request.header("content-length")
  if (coding !== undefined) {
    if (length !== undefined) malformed("both content-length and transfer-encoding", bytes)
    if (coding.toLowerCase() !== "chunked") malformed(`unknown transfer-encoding ${coding}`, bytes)
    const chunked = parseChunked(bytes, head.next)
    return chunked === undefined
      ? undefined
      : { request: withBody(head.request, chunked.body, chunked.trailers), next: chunked.next }
  }
  if (length === undefined) return head
  if (!/^[0-9]+$/.test(length)) malformed(`bad content-length ${length}`, bytes)
  const end = head.next + Number(length)
  return bytes.length < end ? undefined : { request: withBody(head.request, bytes.slice(head.next, end), []), next: end }
}

const withBody = (head: WireRequestImpl, body: Uint8Array, trailers: WireRequestImpl["trailers"]): WireRequestImpl =>
  new WireRequestImpl(head.method, head.target, head.version, head.headers, body, trailers)

const parseChunked = (bytes: Uint8Array, start: number) => {
  const pieces: Array<Uint8Array> = []
  const text = toLatin1(bytes)
  let at = start
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at)
    if (lineEnd === -1) return undefined
    const size = /^([0-9A-Fa-f]+)(?:[ \t]*;.*)?$/.exec(text.slice(at, lineEnd))
    if (size === null) return malformed(`bad chunk size ${JSON.stringify(text.slice(at, lineEnd))}`, bytes)
    const length = parseInt(size[1] as string, 16)
    at = lineEnd + 2
    if (length === 0) {
      const end = text.startsWith("\r\n", at) ? at : text.indexOf("\r\n\r\n", at)
      if (end === -1) return undefined
      const trailers = end === at ? [] : parseFields(text.slice(at, end).split("\r\n"), bytes)
      return { body: concat(pieces), trailers, next: end === at ? at + 2 : end + 4 }
    }
    if (bytes.length < at + length + 2) return undefined
    if (!text.startsWith("\r\n", at + length)) malformed("a chunk is longer than its size", bytes)
    pieces.push(bytes.subarray(at, at + length))
    at += length + 2
  }
}
