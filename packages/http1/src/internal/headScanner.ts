/**
 * Finds the end of a head, or of a trailer section, and where its fields lie, in one pass over the bytes.
 *
 * Every decision is made by the next byte and its position alone, so that no cut can change one: that is why limits
 * are looked at byte by byte and not line by line.
 */
import type { Http1Error } from "../Http1Error.js"
import { limitExceeded, make as refusal } from "../Http1Error.js"
import type { Http1Limits } from "../Http1Limits.js"
import { kinds, show, TOKEN, VALUE } from "./characters.js"
import { isBlank } from "./fields.js"
import { decode } from "./latin1.js"
import { statusLineProblem } from "./statusLine.js"

/** `scan`: the bytes ended before the head did. */
export const MORE = -1
/** `scan`: see `error`. */
export const FAILED = -2

const CR = 0x0d
const LF = 0x0a
const COLON = 0x3a

/** Up to the third digit of the status, at fixed places. */
const STATUS = 0
const AFTER_STATUS = 1
const REASON = 2
const LINE_LF = 3
const LINE_START = 4
const NAME = 5
const VALUE_START = 6
const VALUE_REST = 7
const LAST_LF = 8

/** Where the reason starts: after `HTTP/1.1 200 `. */
const reasonStart = 13

/** Marks kept between heads: those of 64 fields. */
const keptMarks = 192

export class HeadScanner {
  error: Http1Error | undefined = undefined
  /** Of the last status line. */
  status = 0
  version: 0 | 1 = 1
  /** Bytes of the head under way, or of the last one. */
  length = 0
  /** The head as text, once it is complete, and where its fields start in it. */
  text = ""
  fieldsStart = 0
  /** For each field: the end of its name, the start of its value, the end of its line. */
  marks: Array<number> = []
  fieldCount = 0

  private reason = ""
  private state = STATUS
  private section = ""
  private budget = 0
  private lineStart = 0
  /** The part of a head that came in earlier pushes. */
  private carry: Uint8Array | undefined = undefined

  constructor(private readonly limits: Http1Limits) {}

  /** `budget` is how many bytes are left of `maxHeaderSize`. */
  begin(what: "head" | "trailers", budget: number): void {
    this.state = what === "head" ? STATUS : LINE_START
    this.section = what === "head" ? "RFC 9112 section 5" : "RFC 9112 section 7.1.2"
    this.budget = budget
    this.length = 0
    this.lineStart = 0
    this.fieldsStart = 0
    this.fieldCount = 0
    this.text = ""
    if (this.marks.length > keptMarks) this.marks = []
  }

  /** Reads on from an index. Answers the index after the section's last byte, `MORE` or `FAILED`. */
  scan(bytes: Uint8Array, from: number): number {
    const base = this.length - from
    const available = bytes.length
    const end = Math.min(available, this.budget - base)
    const { maxHeaders, maxLineLength } = this.limits
    let lineLimit = this.lineStart + maxLineLength - base
    let state = this.state
    let i = from
    while (i < end) {
      const byte = bytes[i]!
      switch (state) {
        case STATUS: {
          if (i >= lineLimit) return this.exceeded("maxLineLength")
          const problem = statusLineProblem(base + i, byte)
          if (problem !== undefined) return this.fail(problem)
          const position = base + i
          if (position === 7) this.version = byte === 0x30 ? 0 : 1
          else if (position === 9) this.status = (byte - 0x30) * 100
          else if (position === 10) this.status += (byte - 0x30) * 10
          else if (position === 11) {
            this.status += byte - 0x30
            state = AFTER_STATUS
          }
          i++
          break
        }
        case AFTER_STATUS: {
          // RFC 9112 section 4 wants the space even before an empty reason; peers leave it out, and nothing hangs on it.
          if (byte === CR) {
            state = REASON
            break
          }
          if (i >= lineLimit) return this.exceeded("maxLineLength")
          if (byte !== 0x20) {
            return this.fail(statusLine(`A space is due after the status, not ${show(byte)}`))
          }
          state = REASON
          i++
          break
        }
        case REASON: {
          const stop = Math.min(lineLimit, end)
          while (i < stop && (kinds[bytes[i]!]! & VALUE) !== 0) i++
          if (i === end) break
          const next = bytes[i]!
          if (next !== CR) {
            if (i >= lineLimit) return this.exceeded("maxLineLength")
            return this.fail(statusLine(`${show(next)} in the reason`))
          }
          this.fieldsStart = base + i + 2
          state = LINE_LF
          i++
          break
        }
        case LINE_LF: {
          if (byte !== LF) return this.fail(lineEnd(byte))
          i++
          state = LINE_START
          this.lineStart = base + i
          lineLimit = i + maxLineLength
          break
        }
        case LINE_START: {
          if (byte === CR) {
            state = LAST_LF
            i++
            break
          }
          if (this.fieldCount >= maxHeaders) return this.exceeded("maxHeaders")
          if (isBlank(byte)) {
            return this.fail(
              refusal("MalformedHeader", "A line starts with a blank", { section: "RFC 9112 section 5.2" })
            )
          }
          if (byte === COLON) return this.fail(this.malformed("A field without a name"))
          state = NAME
          break
        }
        case NAME: {
          const stop = Math.min(lineLimit, end)
          while (i < stop && (kinds[bytes[i]!]! & TOKEN) !== 0) i++
          if (i === end) break
          const next = bytes[i]!
          if (i >= lineLimit && next !== CR) return this.exceeded("maxLineLength")
          if (next !== COLON) return this.fail(this.malformed(`${show(next)} in a field's name`))
          this.marks[this.fieldCount * 3] = base + i
          state = VALUE_START
          i++
          break
        }
        case VALUE_START: {
          if (isBlank(byte) && i < lineLimit) {
            i++
            break
          }
          this.marks[this.fieldCount * 3 + 1] = base + i
          state = VALUE_REST
          break
        }
        case VALUE_REST: {
          const stop = Math.min(lineLimit, end)
          while (i < stop && (kinds[bytes[i]!]! & VALUE) !== 0) i++
          if (i === end) break
          const next = bytes[i]!
          if (next !== CR) {
            if (i >= lineLimit) return this.exceeded("maxLineLength")
            return this.fail(this.malformed(`${show(next)} in a field's value`))
          }
          this.marks[this.fieldCount * 3 + 2] = base + i
          this.fieldCount++
          state = LINE_LF
          i++
          break
        }
        case LAST_LF: {
          if (byte !== LF) return this.fail(lineEnd(byte))
          i++
          this.complete(bytes, from, i)
          return i
        }
      }
    }
    if (i < available) return this.exceeded("maxHeaderSize")
    this.state = state
    this.keep(bytes, from, i)
    return MORE
  }

  /** The last status line's. Once: part of a text keeps the whole of it, which an idle connection must not. */
  takeReason(): string {
    const { reason } = this
    this.reason = ""
    return reason
  }

  /** Names and values, in turn, as the last section had them. Once: an idle connection keeps no text. */
  takeRawHeaders(): Array<string> {
    const { marks, text } = this
    // As long as it will be: an array that grows takes room for sixteen more.
    const raw = new Array<string>(this.fieldCount * 2)
    let start = this.fieldsStart
    for (let field = 0; field < this.fieldCount; field++) {
      const valueStart = marks[field * 3 + 1]!
      const lineEnd = marks[field * 3 + 2]!
      let valueEnd = lineEnd
      while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--
      raw[field * 2] = text.slice(start, marks[field * 3]!)
      raw[field * 2 + 1] = text.slice(valueStart, valueEnd)
      start = lineEnd + 2
    }
    this.text = ""
    return raw
  }

  private complete(bytes: Uint8Array, from: number, to: number): void {
    if (this.carry === undefined) {
      this.length = to - from
      this.text = decode(bytes, from, to)
    } else {
      this.keep(bytes, from, to)
      this.text = decode(this.carry, 0, this.length)
      this.carry = undefined
    }
    if (this.fieldsStart > reasonStart) this.reason = this.text.slice(reasonStart, this.fieldsStart - 2)
    else this.reason = ""
  }

  private keep(bytes: Uint8Array, from: number, to: number): void {
    const length = this.length + to - from
    let carry = this.carry
    if (carry === undefined || carry.length < length) {
      const grown = new Uint8Array(Math.max(512, length * 2))
      if (carry !== undefined) grown.set(carry.subarray(0, this.length))
      this.carry = carry = grown
    }
    carry.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.length)
    this.length = length
  }

  private exceeded(name: "maxHeaderSize" | "maxHeaders" | "maxLineLength"): number {
    return this.fail(limitExceeded(name, this.limits[name]))
  }

  private malformed(problem: string): Http1Error {
    return refusal("MalformedHeader", problem, { section: this.section })
  }

  private fail(error: Http1Error): number {
    this.error = error
    this.carry = undefined
    return FAILED
  }
}

const statusLine = (problem: string): Http1Error =>
  refusal("MalformedStatusLine", problem, { section: "RFC 9112 section 4" })

const lineEnd = (byte: number): Http1Error =>
  refusal("MalformedHeader", `A line feed is due after a carriage return, not ${show(byte)}`, {
    section: "RFC 9112 section 2.2"
  })
