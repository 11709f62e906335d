/** Node's own parser, the object that `node:http` drives, with the answers that its client gives to the callbacks. */
import { createRequire } from "node:module"
import { type Case, toBytes } from "../Case.js"
import type { ReadHead, Reading, Refusal } from "../Reading.js"

/** What this file uses of an object that Node documents nowhere; the tests hold it to `node:http` itself. */
interface HttpParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void
  execute(bytes: Uint8Array): number | ParseError
  finish(): undefined | ParseError
  remove(): void
  free(): void
  [callback: number]: (...given: ReadonlyArray<never>) => unknown
}

interface ParseError extends Error {
  readonly code: string
  readonly reason?: string
  readonly bytesParsed: number
}

interface HttpParserConstructor {
  new (): HttpParser
  readonly RESPONSE: number
  readonly kOnMessageBegin: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
  readonly kLenientNone: number
}

const { HTTPParser } = createRequire(import.meta.url)("node:_http_common") as {
  readonly HTTPParser: HttpParserConstructor
}

/** The reader's own bounds must not be what differs: those of the codec are tested one by one. */
const maxHeaderSize = 16 * 1024 * 1024

/** 101 without its fields is an answer like others to `node:http`. */
const isInformational = (status: number): boolean => status >= 100 && status < 200 && status !== 101

/** One case after another on one parser, as the client's free list has it. */
export class NodeParser {
  private readonly parser = new HTTPParser()
  private given!: Case
  private fields: Array<string> = []
  private status = 0
  private interim: Array<ReadHead> = []
  private head: ReadHead | undefined = undefined
  private body = ""
  private trailers: ReadonlyArray<string> = []
  private keep: boolean | undefined = undefined
  private complete = false
  private abandoned: string | undefined = undefined

  constructor() {
    const { parser } = this
    parser[HTTPParser.kOnMessageBegin] = () => undefined
    parser[HTTPParser.kOnHeaders] = (headers: ReadonlyArray<string>) => {
      this.fields.push(...headers)
    }
    parser[HTTPParser.kOnHeadersComplete] = (...given: ReadonlyArray<never>) => {
      const [major, minor, headers, , , status, reason, upgrade, keep] = given as unknown as [
        number,
        number,
        ReadonlyArray<string> | undefined,
        unknown,
        unknown,
        number,
        string,
        boolean,
        boolean
      ]
      return this.onHead(
        { status, reason, version: `${major}.${minor}`, rawHeaders: [...this.fields, ...(headers ?? [])] },
        upgrade,
        keep
      )
    }
    parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
      if (!this.complete) this.body += bytes.toString("latin1")
    }
    parser[HTTPParser.kOnMessageComplete] = () => {
      // After an interim head, and after whatever the bytes behind the answer hold, this is called as well.
      if (this.complete || isInformational(this.status)) return
      this.trailers = this.fields
      this.complete = true
    }
  }

  /** What `parserOnIncomingClient` answers: 0 reads a body, 1 skips it, 2 leaves HTTP. */
  private onHead(head: ReadHead, upgrade: boolean, keep: boolean): number {
    if (this.complete) return 0
    this.fields = []
    this.status = head.status
    if (upgrade || this.given.method === "CONNECT") {
      this.status = 0
      if (upgrade && !this.given.upgrade && this.given.method !== "CONNECT") {
        this.abandoned = "an upgrade that nobody listens for"
        return 2
      }
      this.head = head
      this.keep = false
      return 2
    }
    if (isInformational(head.status)) {
      this.interim.push(head)
      return 1
    }
    this.head = head
    this.keep = keep
    return this.given.method === "HEAD" ? 1 : 0
  }

  /** `end`: where the codec says that the answer ends; this reader must see the end there and not a byte earlier. */
  read(given: Case, end: number | undefined): Reading {
    const { length } = given.bytes
    return this.readCut(given, end === undefined ? [length] : [Math.max(0, end - 1), end, length])
  }

  /** Byte by byte. */
  readEach(given: Case): Reading {
    return this.readCut(
      given,
      Array.from(given.bytes, (_, index) => index + 1)
    )
  }

  private readCut(given: Case, cuts: ReadonlyArray<number>): Reading {
    this.given = given
    this.fields = []
    this.status = 0
    this.interim = []
    this.head = undefined
    this.body = ""
    this.trailers = []
    this.keep = undefined
    this.complete = false
    this.abandoned = undefined
    const { parser } = this
    parser.initialize(HTTPParser.RESPONSE, {}, maxHeaderSize, HTTPParser.kLenientNone)
    const bytes = toBytes(given.bytes)
    let from = 0
    let refusal: Refusal | undefined
    for (const to of cuts) {
      if (to === from) continue
      const result = parser.execute(bytes.subarray(from, to))
      if (this.abandoned !== undefined) refusal = { at: to, code: "ABANDONED", why: this.abandoned }
      else if (typeof result !== "number" && !this.complete) refusal = explain(result, from + result.bytesParsed)
      from = to
      if (refusal !== undefined || this.complete) break
    }
    const open = refusal !== undefined ? "refused" : this.complete ? "complete" : "waiting"
    if (open === "waiting") {
      const error = parser.finish()
      // The client destroys an answer whose connection ended first, whatever the parser says.
      if (!this.complete) {
        refusal =
          error === undefined
            ? { at: bytes.length, code: "ECONNRESET", why: "the connection ended first" }
            : explain(error, bytes.length)
      }
    }
    parser.remove()
    parser.free()
    return {
      interim: this.interim,
      head: this.head,
      body: this.body,
      trailers: this.trailers,
      open,
      closed: refusal === undefined ? "complete" : "refused",
      end: open === "complete" ? from : undefined,
      keep: this.keep,
      refusal
    }
  }
}

const explain = (error: ParseError, at: number): Refusal => ({
  at,
  code: error.code,
  why: error.reason ?? error.message
})
