/**
 * The chunks of a body (RFC 9112 section 7.1), up to the last one; its trailers are a head scanner's.
 */
import type { Http1Error } from "../Http1Error.js"
import { limitExceeded, make as refusal } from "../Http1Error.js"
import type { Http1Event } from "../Http1Event.js"
import type { Http1Limits } from "../Http1Limits.js"
import { hexadecimal, kinds, QUOTED, show, TOKEN, VALUE } from "./characters.js"
import { isBlank } from "./fields.js"

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

const SIZE_START = 0
const SIZE = 1
const NAME_START = 2
const NAME = 3
const TOKEN_START = 4
const TOKEN_REST = 5
const QUOTED_TEXT = 6
const QUOTED_PAIR = 7
const AFTER_VALUE = 8
const SIZE_LF = 9
const DATA = 10
const DATA_CR = 11
const DATA_LF = 12
const LAST = 13
const AFTER_SIZE = 14
const AFTER_NAME = 15

export class ChunkedBody {
  error: Http1Error | undefined = undefined
  /** Bytes of content so far. */
  received = 0
  /** Whether a size line was read though it is not as RFC 9112 section 7.1 has it sent. */
  faulty = false

  private state = SIZE_START
  /** Of the size line under way; then what is left of its chunk. */
  private size = 0
  private lineLength = 0
  private extensions = 0

  constructor(private readonly limits: Http1Limits) {}

  begin(): void {
    this.received = 0
    this.faulty = false
    this.state = SIZE_START
    this.size = 0
    this.lineLength = 0
    this.extensions = 0
  }

  /** Whether the last chunk's size line has been read. */
  get atTrailers(): boolean {
    return this.state === LAST
  }

  /** Reads on from an index, to the end of the bytes or of the last chunk's line; answers where. `error` is set if it failed. */
  read(bytes: Uint8Array, from: number, events: Array<Http1Event>): number {
    let i = from
    while (i < bytes.length) {
      if (this.state === DATA) {
        const to = Math.min(bytes.length, i + this.size)
        events.push({ _tag: "Chunk", bytes: i === 0 && to === bytes.length ? bytes : bytes.subarray(i, to) })
        this.received += to - i
        this.size -= to - i
        if (this.size === 0) this.state = DATA_CR
        i = to
        continue
      }
      this.error = this.step(bytes[i]!)
      if (this.error !== undefined) return i
      i++
      if (this.state === LAST) return i
    }
    return i
  }

  /** One byte that is not content. */
  private step(byte: number): Http1Error | undefined {
    switch (this.state) {
      case DATA_CR:
        if (byte !== CR) return malformed(`A line end is due after a chunk, not ${show(byte)}`)
        this.state = DATA_LF
        return undefined
      case DATA_LF:
        if (byte !== LF) return malformed(`A line end is due after a chunk, not ${show(byte)}`)
        this.state = SIZE_START
        this.size = 0
        this.lineLength = 0
        return undefined
      case SIZE_LF:
        if (byte !== LF) return malformed(`A line feed is due after a carriage return, not ${show(byte)}`)
        this.state = this.size === 0 ? LAST : DATA
        return undefined
    }
    if (byte !== CR && ++this.lineLength > this.limits.maxLineLength) {
      return limitExceeded("maxLineLength", this.limits.maxLineLength)
    }
    if (this.state !== SIZE_START && this.state !== SIZE && this.state !== AFTER_SIZE) return this.extension(byte)
    const digit = hexadecimal[byte]!
    if (digit !== 255 && this.state !== AFTER_SIZE) {
      this.size = this.size * 16 + digit
      if (this.size > Number.MAX_SAFE_INTEGER) return malformed("A chunk's size is too large to be counted exactly")
      this.state = SIZE
      return undefined
    }
    if (this.state === SIZE_START) return malformed(`A chunk's size starts with ${show(byte)}`)
    if (byte === CR) {
      this.state = SIZE_LF
      return undefined
    }
    if (isBlank(byte)) {
      // Embedded servers and Apache 1.3 pad the size. Nothing but its line end, or an extension, may follow.
      this.faulty = true
      this.state = AFTER_SIZE
      return undefined
    }
    if (byte !== SEMICOLON) return malformed(`${show(byte)} after a chunk's size`)
    this.state = NAME_START
    return this.countExtension()
  }

  /**
   * Extensions are checked and dropped. Where the line ends is beyond doubt, what is in it has no meaning, so blanks
   * around names and values (RFC 9112 section 7.1.1), absent names and values, and quotes behind a token are read; the
   * connection carries nothing more then. Control characters, open quotes and words without a semicolon are refused.
   */
  private extension(byte: number): Http1Error | undefined {
    const { state } = this
    if (byte === CR && state !== QUOTED_TEXT && state !== QUOTED_PAIR) {
      if (state === NAME_START) return malformed("A chunk extension is empty")
      if (state === TOKEN_START) this.faulty = true
      this.state = SIZE_LF
      return undefined
    }
    const exceeded = this.countExtension()
    if (exceeded !== undefined) return exceeded
    const kind = kinds[byte]!
    if (state === QUOTED_TEXT) {
      if (byte === QUOTE) this.state = AFTER_VALUE
      else if (byte === BACKSLASH) this.state = QUOTED_PAIR
      else if ((kind & QUOTED) === 0) return malformed(`${show(byte)} in a quoted chunk extension`)
      return undefined
    }
    if (state === QUOTED_PAIR) {
      if ((kind & VALUE) === 0) return malformed(`${show(byte)} in a quoted chunk extension`)
      this.state = QUOTED_TEXT
      return undefined
    }
    if (isBlank(byte)) {
      this.faulty = true
      if (state === NAME) this.state = AFTER_NAME
      else if (state === TOKEN_REST) this.state = AFTER_VALUE
      return undefined
    }
    return this.extensionToken(byte, (kind & TOKEN) !== 0)
  }

  /** A byte of a name or a value that is not quoted, or one that ends or begins one. */
  private extensionToken(byte: number, isToken: boolean): Http1Error | undefined {
    switch (this.state) {
      case NAME_START:
      case NAME:
      case AFTER_NAME:
        if (byte === EQUALS) {
          if (this.state === NAME_START) this.faulty = true
          this.state = TOKEN_START
          return undefined
        }
        if (byte === SEMICOLON && this.state !== NAME_START) {
          this.state = NAME_START
          return undefined
        }
        if (!isToken || this.state === AFTER_NAME) break
        this.state = NAME
        return undefined
      default:
        if (byte === SEMICOLON) {
          if (this.state === TOKEN_START) this.faulty = true
          this.state = NAME_START
          return undefined
        }
        if (this.state === AFTER_VALUE) break
        if (byte === QUOTE) {
          if (this.state === TOKEN_REST) this.faulty = true
          this.state = QUOTED_TEXT
          return undefined
        }
        if (!isToken) break
        this.state = TOKEN_REST
        return undefined
    }
    return malformed(`${show(byte)} in a chunk extension`)
  }

  private countExtension(): Http1Error | undefined {
    if (++this.extensions <= this.limits.maxChunkExtensions) return undefined
    return limitExceeded("maxChunkExtensions", this.limits.maxChunkExtensions)
  }
}

const malformed = (problem: string): Http1Error =>
  refusal("MalformedChunk", problem, { section: "RFC 9112 section 7.1" })
