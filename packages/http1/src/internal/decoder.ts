/**
 * One answer after another: head, body, end.
 */
import type { Framing } from "../Framing.js"
import { isFaulty, parseContentLengths, responseFraming } from "../Framing.js"
import type { Http1Error } from "../Http1Error.js"
import { limitExceeded, make as refusal } from "../Http1Error.js"
import type { Http1Event } from "../Http1Event.js"
import type { Http1Limits } from "../Http1Limits.js"
import type { KeepAlive } from "../KeepAlive.js"
import { close, keep, verdict } from "../KeepAlive.js"
import type { ResponseDecoder } from "../ResponseDecoder.js"
import { ChunkedBody } from "./chunkedBody.js"
import { hasToken } from "./fields.js"
import { FAILED, HeadScanner, MORE } from "./headScanner.js"

/** `Ready`: no answer is expected. `Failed` is final. */
type Phase = "Ready" | "Head" | "Length" | "Chunked" | "Trailers" | "UntilClose" | "Failed"

const nothing: ReadonlyArray<Http1Event> = Object.freeze([])

export class Decoder implements ResponseDecoder {
  started = false
  surplus: Uint8Array | undefined = undefined

  private phase: Phase = "Ready"
  private method = ""
  private upgrade = false
  private interims = 0
  /** Whether an interim head of this answer said close, or was framed faultily. */
  private saidClose = false
  /** Bytes of `maxHeaderSize` used by the heads of this answer that are complete. */
  private headBytes = 0
  /** Of a body with a length: what it has, and what is missing. Of one until the close: what it has. */
  private received = 0
  private missing = 0
  private keepAlive: KeepAlive = keep
  private readonly head: HeadScanner
  private chunks: ChunkedBody | undefined = undefined

  constructor(private readonly limits: Http1Limits) {
    this.head = new HeadScanner(limits)
  }

  get expecting(): boolean {
    return this.phase !== "Ready" && this.phase !== "Failed"
  }

  start(method: string, upgrade = false): void {
    if (this.phase !== "Ready") {
      throw new Error(`A ResponseDecoder was started in phase ${this.phase}, where an answer is not complete`)
    }
    this.method = method
    this.upgrade = upgrade
    this.started = false
    this.surplus = undefined
    this.interims = 0
    this.saidClose = false
    this.headBytes = 0
    this.received = 0
    this.missing = 0
    this.phase = "Head"
    this.head.begin("head", this.limits.maxHeaderSize)
  }

  push(bytes: Uint8Array): ReadonlyArray<Http1Event> {
    if (bytes.length === 0 || this.phase === "Failed") return nothing
    const events: Array<Http1Event> = []
    if (this.phase === "Ready") {
      this.fail(
        events,
        refusal("UnexpectedBytes", "Bytes came when no answer was expected", { received: bytes.length })
      )
      return events
    }
    this.started = true
    let i = 0
    // Every turn reads at least one byte, ends the answer or fails.
    while (i < bytes.length) {
      const phase = this.phase as Phase
      if (phase === "Head") i = this.readHead(bytes, i, events)
      else if (phase === "Length") i = this.readLength(bytes, i, events)
      else if (phase === "Chunked") i = this.readChunks(bytes, i, events)
      else if (phase === "Trailers") i = this.readTrailers(bytes, i, events)
      else if (phase === "UntilClose") i = this.readUntilClose(bytes, i, events)
      else break
    }
    return events
  }

  finish(kind: "fin" | "reset"): ReadonlyArray<Http1Event> {
    const { phase } = this
    if (phase === "Ready" || phase === "Failed") return nothing
    const how = kind === "fin" ? "The peer ended the connection" : "The connection was reset"
    const events: Array<Http1Event> = []
    if (phase === "UntilClose" && kind === "fin") {
      this.phase = "Ready"
      events.push({ _tag: "End", keepAlive: close("DelimitedByClose") })
    } else if (phase === "Head") {
      this.fail(
        events,
        this.started
          ? refusal("IncompleteHead", `${how} within a head`, {
              section: "RFC 9112 section 8",
              received: this.headBytes + this.head.length
            })
          : refusal("NoResponse", `${how} before an answer`)
      )
    } else {
      const received = phase === "Length" || phase === "UntilClose" ? this.received : this.chunks!.received
      this.fail(
        events,
        refusal("IncompleteBody", `${how} within a body`, {
          section: "RFC 9112 section 8",
          received,
          ...(phase === "Length" ? { expected: received + this.missing } : undefined)
        })
      )
    }
    return events
  }

  private readHead(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    const { head } = this
    const end = head.scan(bytes, from)
    if (end === MORE) return bytes.length
    if (end === FAILED) return this.fail(events, head.error!)
    this.headBytes += head.length
    const { status, version } = head
    const reason = head.takeReason()
    const rawHeaders = head.takeRawHeaders()
    let contentLength: string | undefined
    let transferEncoding: string | undefined
    let connection: string | undefined
    let keepAlive: string | undefined
    for (let i = 0; i < rawHeaders.length; i += 2) {
      // Four names matter here. Their lengths tell them from nearly all others without a comparison.
      const name = rawHeaders[i]!
      switch (name.length) {
        case 10:
          if (isName(name, "Connection", "connection")) connection = joined(connection, rawHeaders[i + 1]!)
          else if (isName(name, "Keep-Alive", "keep-alive")) keepAlive = joined(keepAlive, rawHeaders[i + 1]!)
          break
        case 14:
          if (isName(name, "Content-Length", "content-length"))
            contentLength = joined(contentLength, rawHeaders[i + 1]!)
          break
        case 17:
          if (isName(name, "Transfer-Encoding", "transfer-encoding")) {
            transferEncoding = joined(transferEncoding, rawHeaders[i + 1]!)
          }
          break
      }
    }
    const framed = { method: this.method, status, version, transferEncoding, contentLength }
    const framing = responseFraming(framed)
    if (framing._tag === "Http1Error") return this.fail(events, framing)
    if (status < 200 && status !== 101) {
      if (++this.interims > this.limits.maxInterimResponses) {
        return this.fail(events, limitExceeded("maxInterimResponses", this.limits.maxInterimResponses))
      }
      // RFC 9112 section 9.6: no request follows any answer that says close, an interim one either.
      if ((connection !== undefined && hasToken(connection, "close")) || isFaulty(framed)) this.saidClose = true
      events.push({ _tag: "InformationalHead", status, reason, rawHeaders })
      head.begin("head", this.limits.maxHeaderSize - this.headBytes)
      return end
    }
    if (status === 101 && !this.upgrade) {
      return this.fail(
        events,
        refusal("UnexpectedUpgrade", "101 to a request that asked for no other protocol", {
          section: "RFC 9110 section 15.2.2"
        })
      )
    }
    this.keepAlive = verdict({ version, framing, connection, keepAlive, faulty: isFaulty(framed) })
    if (this.saidClose && this.keepAlive._tag === "Keep") this.keepAlive = close("ConnectionClose")
    events.push({
      _tag: "Head",
      status,
      reason,
      version,
      rawHeaders,
      framing,
      contentLength:
        framing._tag === "Length"
          ? framing.length
          : contentLength === undefined
            ? undefined
            : parseContentLengths(contentLength)
    })
    return this.enterBody(framing, bytes, end, events)
  }

  private enterBody(framing: Framing, bytes: Uint8Array, at: number, events: Array<Http1Event>): number {
    switch (framing._tag) {
      case "NoBody":
        return this.end(bytes, at, events)
      case "Length":
        if (framing.length === 0) return this.end(bytes, at, events)
        this.missing = framing.length
        this.phase = "Length"
        return at
      case "Chunked":
        this.chunks ??= new ChunkedBody(this.limits)
        this.chunks.begin()
        this.phase = "Chunked"
        return at
      case "UntilClose":
        this.phase = "UntilClose"
        return at
      case "Tunnel":
        this.phase = "Ready"
        this.surplus = bytes.subarray(at)
        events.push({ _tag: "End", keepAlive: this.keepAlive })
        return bytes.length
    }
  }

  private readLength(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    const to = Math.min(bytes.length, from + this.missing)
    events.push({ _tag: "Chunk", bytes: from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to) })
    this.received += to - from
    this.missing -= to - from
    return this.missing === 0 ? this.end(bytes, to, events) : to
  }

  private readChunks(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    const chunks = this.chunks!
    const at = chunks.read(bytes, from, events)
    if (chunks.error !== undefined) return this.fail(events, chunks.error)
    if (chunks.atTrailers) {
      this.phase = "Trailers"
      this.head.begin("trailers", this.limits.maxHeaderSize - this.headBytes)
    }
    return at
  }

  private readTrailers(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    const end = this.head.scan(bytes, from)
    if (end === MORE) return bytes.length
    if (end === FAILED) return this.fail(events, this.head.error!)
    if (this.head.fieldCount > 0) {
      const rawHeaders = this.head.takeRawHeaders()
      if (rawHeaders.some((text, index) => index % 2 === 0 && isName(text, "Content-Length", "content-length"))) {
        return this.fail(
          events,
          refusal("AmbiguousLength", "A Content-Length among the trailers", { section: "RFC 9110 section 6.5.1" })
        )
      }
      events.push({ _tag: "Trailers", rawHeaders })
    }
    if (this.chunks!.faulty && this.keepAlive._tag === "Keep") this.keepAlive = close("FaultyFraming")
    return this.end(bytes, end, events)
  }

  private readUntilClose(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    this.received += bytes.length - from
    events.push({ _tag: "Chunk", bytes: from === 0 ? bytes : bytes.subarray(from) })
    return bytes.length
  }

  /** What lies behind the answer's last byte answers nothing that was asked: it must never meet the next request. */
  private end(bytes: Uint8Array, at: number, events: Array<Http1Event>): number {
    this.phase = "Ready"
    events.push({ _tag: "End", keepAlive: at < bytes.length ? close("LeftoverBytes") : this.keepAlive })
    return bytes.length
  }

  /** Answers an index behind all bytes: nothing is read after it. */
  private fail(events: Array<Http1Event>, error: Http1Error): number {
    this.phase = "Failed"
    events.push({ _tag: "Failed", error })
    return Infinity
  }
}

/** The two usual spellings first: a comparison is cheaper than a copy in lower case. */
const isName = (name: string, usual: string, lower: string): boolean =>
  name === usual || name === lower || name.toLowerCase() === lower

const joined = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before}, ${value}`
