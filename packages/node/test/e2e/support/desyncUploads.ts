/** Uploads to `/first` that are under way for as long as the server does not read, and early answers to them. */
import { HttpBody, HttpClientRequest } from "@effect/platform"
import * as Stream from "effect/Stream"
import { head } from "./desync.js"

/** More than the operating system takes of a peer that does not read. */
const SIZE = 16 * 1024 * 1024
const PIECE = 64 * 1024
const COUNT = SIZE / PIECE

const whole = new Uint8Array(SIZE).fill(97)
const pieces = Stream.repeatValue(whole.subarray(0, PIECE)).pipe(Stream.take(COUNT), Stream.rechunk(1))
const type = "application/octet-stream"

/** A chunk's size line and line ends are so many bytes. */
const AROUND = `${PIECE.toString(16)}\r\n\r\n`.length
const LAST = "0\r\n\r\n".length

export interface Upload {
  readonly what: string
  readonly request: HttpClientRequest.HttpClientRequest
  /** Bytes behind the head. */
  readonly size: number
}

const upload = (what: string, body: HttpBody.HttpBody, size: number): Upload => ({
  what,
  request: HttpClientRequest.setBody(HttpClientRequest.post("/first"), body),
  size
})

export const uploads: readonly [Upload, ...ReadonlyArray<Upload>] = [
  upload("of bytes", HttpBody.uint8Array(whole), SIZE),
  upload("of a stream of known length", HttpBody.stream(pieces, type, SIZE), SIZE),
  upload("in chunks", HttpBody.stream(pieces), SIZE + COUNT * AROUND + LAST)
]

export interface EarlyAnswer {
  readonly status: number
  readonly text: string
  /** All but its last bytes, and those: the answer ends with the second. */
  readonly pieces: readonly [most: string, last: string]
}

/** An answer that says whose it is. */
export const early = (status: number, ...fields: ReadonlyArray<string>): EarlyAnswer => {
  const text = `${status} for /first`
  const most = head(`HTTP/1.1 ${status} Early`, ...fields, `content-length: ${text.length}`) + text.slice(0, -2)
  return { status, text, pieces: [most, text.slice(-2)] }
}
