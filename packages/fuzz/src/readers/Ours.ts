/** The codec of this project. */
import type { Http1Event } from "@hotaru/http1"
import { Http1Limits, ResponseDecoder } from "@hotaru/http1"
import { type Case, toBytes } from "../Case.js"
import type { ReadHead, Reading, State } from "../Reading.js"

/** Low enough for generated answers to pass each of them now and then. */
export const lowLimits: Http1Limits.Http1Limits = {
  maxHeaderSize: 400,
  maxLineLength: 80,
  maxHeaders: 6,
  maxInterimResponses: 2,
  maxChunkExtensions: 12
}

/** A rule of the codec's own that does not hold, whatever other readers do. */
export class CodecBroke extends Error {}

const broke = (what: string): never => {
  throw new CodecBroke(what)
}

/** The events of one decoder, added up. */
class Sum {
  interim: Array<ReadHead> = []
  head: ReadHead | undefined = undefined
  body = ""
  trailers: ReadonlyArray<string> = []
  end: Http1Event.End | undefined = undefined
  failed: Http1Event.Failed | undefined = undefined

  add(events: ReadonlyArray<Http1Event.Http1Event>): void {
    for (const event of events) {
      if (this.failed !== undefined) broke(`${event._tag} after Failed`)
      if (this.end !== undefined && event._tag !== "Failed") broke(`${event._tag} after End`)
      switch (event._tag) {
        case "InformationalHead":
          if (this.head !== undefined) broke("an interim head after the final one")
          this.interim.push(plain(event, undefined))
          break
        case "Head":
          if (this.head !== undefined) broke("a second final head")
          this.head = plain(event, `1.${event.version}`)
          break
        case "Chunk":
          if (event.bytes.length === 0) broke("an empty chunk")
          if (this.head === undefined) broke("a chunk before the head")
          this.body += Buffer.from(event.bytes).toString("latin1")
          break
        case "Trailers":
          this.trailers = event.rawHeaders
          break
        case "End":
          this.end = event
          break
        case "Failed":
          this.failed = event
          break
      }
    }
  }

  get state(): State {
    if (this.end !== undefined) return "complete"
    return this.failed === undefined ? "waiting" : "refused"
  }
}

/** An interim head does not tell its version. */
const plain = (event: Http1Event.InformationalHead | Http1Event.Head, version: string | undefined): ReadHead => ({
  status: event.status,
  reason: event.reason,
  version,
  rawHeaders: event.rawHeaders
})

/** Whole and cut, bytes behind an answer are known when it ends; byte by byte they are not. */
const sameVerdict = (seen: Sum, single: Sum): boolean => {
  const verdict = seen.end?.keepAlive
  if (verdict?._tag === "Close" && verdict.reason === "LeftoverBytes") return true
  return JSON.stringify(verdict) === JSON.stringify(single.end?.keepAlive)
}

const equal = (left: Sum, right: Sum): boolean =>
  sameVerdict(left, right) &&
  left.state === right.state &&
  left.body === right.body &&
  left.failed?.error.kind === right.failed?.error.kind &&
  JSON.stringify([left.interim, left.head, left.trailers]) ===
    JSON.stringify([right.interim, right.head, right.trailers])

const begin = (given: Case, limits: Http1Limits.Http1Limits) => {
  const decoder = ResponseDecoder.make(limits)
  decoder.start(given.method, given.upgrade)
  return decoder
}

/** Within the low limits, with something of everything that a decoder keeps while it reads. */
const earlier = toBytes(
  "HTTP/1.1 103 Early Hints\r\nConnection: x\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 Fine\r\nA: b\r\nTransfer-Encoding: chunked\r\n" +
    "Keep-Alive: timeout=5, max=7\r\n\r\n5;a=b\r\nhello\r\n0;c\r\nD: e\r\n\r\n"
)

/** A decoder that has read another answer, of which nothing may be left in the next one. */
const beginLate = (given: Case, limits: Http1Limits.Http1Limits) => {
  const decoder = ResponseDecoder.make(limits)
  decoder.start("GET")
  decoder.push(earlier.subarray(0, 150))
  if (decoder.push(earlier.subarray(150)).at(-1)?._tag !== "End") broke("the earlier answer has not ended")
  decoder.start(given.method, given.upgrade)
  return decoder
}

/**
 * Reads the bytes one by one, which tells at which of them an answer ends or fails, then whole and as they are cut,
 * which must give the same; then the connection ends.
 */
export const read = (given: Case, limits = given.lowLimits ? lowLimits : Http1Limits.defaults): Reading => {
  const bytes = toBytes(given.bytes)
  const single = new Sum()
  const decoder = begin(given, limits)
  let at = 0
  while (at < bytes.length && single.state === "waiting") {
    single.add(decoder.push(bytes.subarray(at, at + 1)))
    at++
  }
  const whole = new Sum()
  const wholeDecoder = begin(given, limits)
  whole.add(wholeDecoder.push(bytes))
  if (!equal(whole, single)) broke(`whole: ${describe(whole)}; byte by byte: ${describe(single)}`)
  const cut = new Sum()
  const cutDecoder = beginLate(given, limits)
  let from = 0
  for (const part of [...given.cuts, 1]) {
    const to = Math.max(from, Math.floor(part * bytes.length))
    const piece = bytes.slice(from, to)
    cut.add(cutDecoder.push(piece))
    // What is borrowed may not be kept.
    piece.fill(0x21)
    from = to
    if (cut.state !== "waiting") break
  }
  if (!equal(cut, single)) broke(`cut: ${describe(cut)}; byte by byte: ${describe(single)}`)

  const open = single.state
  if (open === "waiting") single.add(decoder.finish("fin"))
  else if (open === "complete" && at < bytes.length) {
    if (whole.end!.keepAlive._tag === "Keep") broke("bytes behind the answer, and the connection is kept")
    if (wholeDecoder.expecting) broke("an answer is complete and still expected")
  }
  if (single.state === "waiting") broke("the connection has ended, and the answer has not")
  const error = single.failed?.error
  return {
    interim: single.interim,
    head: single.head,
    body: single.body,
    trailers: single.trailers,
    open,
    closed: single.end === undefined ? "refused" : "complete",
    end: open === "complete" ? at : undefined,
    keep: single.end === undefined ? undefined : single.end.keepAlive._tag === "Keep",
    refusal: error && { at: open === "waiting" ? bytes.length : at - 1, code: error.kind, why: error.problem }
  }
}

const describe = ({ body, failed, head, interim, state, trailers }: Sum): string =>
  JSON.stringify({ state, failed: failed?.error, interim, head, body, trailers })
