import { assert, describe, it } from "@effect/vitest"
import type { Http1Event } from "@hotaru/http1"
import { Http1Limits, ResponseDecoder } from "@hotaru/http1"
import * as FastCheck from "effect/FastCheck"
import { bytes } from "./support.js"

/**
 * What a decoder holds, in bytes: every buffer, text and list that can be reached from it, counted once. Whatever it
 * is made of, it cannot hide what it keeps.
 */
const retained = (root: object): number => {
  const seen = new Set<unknown>()
  const weigh = (value: unknown): number => {
    if (typeof value === "string") return value.length
    if (typeof value !== "object" || value === null || seen.has(value)) return 8
    seen.add(value)
    if (ArrayBuffer.isView(value)) return weigh(value.buffer)
    if (value instanceof ArrayBuffer) return value.byteLength
    let sum = 16
    for (const held of Object.values(value)) sum += weigh(held)
    return sum
  }
  return weigh(root)
}

const limits: Http1Limits.Http1Limits = {
  maxHeaderSize: 4096,
  maxLineLength: 1024,
  maxHeaders: 32,
  maxInterimResponses: 4,
  maxChunkExtensions: 256
}

/** A head under way is held once, in a buffer that grows by doubling; its marks are numbers, three a field. */
const bound = 2 * (2 * limits.maxHeaderSize + 512) + 3 * 8 * (limits.maxHeaders + 64)

/** Pushes pieces until the decoder is done, and looks at what it holds and gives after each. */
const feed = (
  pieces: Iterable<Uint8Array>,
  method = "GET"
): { pushed: number; events: number; last: Http1Event.Http1Event | undefined } => {
  const decoder = ResponseDecoder.make(limits)
  decoder.start(method)
  let pushed = 0
  let events = 0
  let given = 0
  let last: Http1Event.Http1Event | undefined
  for (const piece of pieces) {
    const found = decoder.push(piece)
    pushed += piece.length
    events += found.length
    for (const event of found) if (event._tag === "Chunk") given += event.bytes.length
    last = found.at(-1) ?? last
    const held = retained({ ...decoder, surplus: undefined })
    assert.isAtMost(held, bound, `after ${pushed} bytes`)
    // Every event but the last has read a byte of its own, and no byte of a body is given twice.
    assert.isAtMost(found.length, piece.length + 1)
    assert.isAtMost(given, pushed)
    if (!decoder.expecting) break
  }
  return { pushed, events, last }
}

function* repeat(start: string, repeated: string, times: number): Iterable<Uint8Array> {
  yield bytes(start)
  const piece = bytes(repeated)
  for (let time = 0; time < times; time++) yield piece
}

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

describe("what a decoder holds is bounded by its limits", () => {
  for (const [what, start, repeated] of [
    ["a reason", "HTTP/1.1 200 ", "x"],
    ["a name", "HTTP/1.1 200 OK\r\n", "x"],
    ["a value", "HTTP/1.1 200 OK\r\na:", "x"],
    ["blanks before a value", "HTTP/1.1 200 OK\r\na:", " "],
    ["fields", "HTTP/1.1 200 OK\r\n", "a:\r\n"],
    ["long fields", "HTTP/1.1 200 OK\r\n", `a: ${"b".repeat(900)}\r\n`],
    ["interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n"],
    ["zeros of a chunk's size", chunked, "0"],
    ["chunk extensions", chunked, "1;abcdef\r\nx\r\n"],
    ["a quoted chunk extension", `${chunked}1;a="`, "x"],
    ["trailers", `${chunked}0\r\n`, "a: b\r\n"]
  ] as const) {
    it(`while ${what} never end, and they are refused`, () => {
      const { last, pushed } = feed(repeat(start, repeated, 100_000))
      assert.strictEqual(last?._tag, "Failed")
      assert.isBelow(pushed, 3 * limits.maxHeaderSize)
    })
  }

  for (const [what, start, repeated] of [
    ["a body with a length", "HTTP/1.1 200 OK\r\nContent-Length: 9007199254740991\r\n\r\n", "x".repeat(1000)],
    ["a body to the close", "HTTP/1.1 200 OK\r\n\r\n", "x".repeat(1000)],
    ["chunks", chunked, `3e8\r\n${"x".repeat(1000)}\r\n`],
    ["one endless chunk", `${chunked}1fffffffffffff\r\n`, "x".repeat(1000)],
    ["chunks of one byte", chunked, "1\r\nx\r\n"]
  ] as const) {
    it(`while ${what} never ends, which is no error`, () => {
      const { last, pushed } = feed(repeat(start, repeated, 2000))
      assert.strictEqual(last?._tag, "Chunk")
      assert.strictEqual(pushed, start.length + 2000 * repeated.length)
    })
  }

  it("in any garbage, however it is cut", () => {
    const fragments = FastCheck.constantFrom(
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Content-Length: 900\r\n",
      "\r\n",
      "a: b\r\n",
      `long: ${"l".repeat(700)}\r\n`,
      '5;a="b"\r\nhello\r\n',
      "0\r\n",
      "x".repeat(300),
      "\0"
    )
    const piece = FastCheck.oneof(
      { weight: 8, arbitrary: fragments.map(bytes) },
      { weight: 1, arbitrary: FastCheck.uint8Array({ maxLength: 40 }) }
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(piece, { maxLength: 40 }),
        FastCheck.integer({ min: 1, max: 400 }),
        FastCheck.constantFrom("GET", "HEAD", "CONNECT"),
        (pieces, size, method) => {
          const all = bytes("HTTP/1.1 200 OK\r\n")
          const whole = Uint8Array.from([...all, ...pieces.flatMap((piece) => [...piece])])
          const cut: Array<Uint8Array> = []
          for (let at = 0; at < whole.length; at += size) cut.push(whole.slice(at, at + size))
          feed(cut, method)
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("and nothing of an answer is left when it has ended", () => {
    const decoder = ResponseDecoder.make(limits)
    decoder.start("GET")
    const fresh = retained(decoder)
    const reason = "Okay".repeat(200)
    const head = `HTTP/1.1 200 ${reason}\r\n${`a: ${"b".repeat(900)}\r\n`.repeat(3)}Content-Length: 0\r\n\r\n`
    // Cut within the head, so that it has to be held.
    decoder.push(bytes(head.slice(0, 3000)))
    assert.isAbove(retained(decoder), 3000)
    assert.strictEqual(decoder.push(bytes(head.slice(3000))).at(-1)?._tag, "End")
    // Marks are kept, for the next head; the bytes and the text, of which any part keeps the whole, are not.
    assert.isBelow(retained(decoder), fresh + 8 * 3 * 64)
    assert.notInclude(JSON.stringify(decoder), "Okay")
  })
})

describe("a limit is met to the byte", () => {
  const answer = (fields: number) => `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(fields)}\r\n`

  const verdict = (text: string, given: Partial<Http1Limits.Http1Limits> = {}) => {
    const decoder = ResponseDecoder.make({ ...Http1Limits.defaults, ...given })
    decoder.start("HEAD")
    const last = decoder.push(bytes(text)).at(-1)
    return last?._tag === "Failed" ? last.error.limit : last?._tag
  }

  it("maxHeaders, by default 1,024", () => {
    assert.strictEqual(verdict(answer(1024)), "End")
    assert.deepStrictEqual(verdict(answer(1025)), { name: "maxHeaders", value: 1024 })
  })

  it("maxLineLength, by default 64 KiB", () => {
    const line = (length: number) => `HTTP/1.1 200 OK\r\na:${"b".repeat(length - 2)}\r\n\r\n`
    assert.strictEqual(verdict(line(65_536)), "End")
    assert.deepStrictEqual(verdict(line(65_537)), { name: "maxLineLength", value: 65_536 })
  })

  it("maxHeaderSize, by default 1 MiB", () => {
    const head = (length: number) => {
      const lines = `a:${"b".repeat(65_532)}\r\n`.repeat(15)
      const start = "HTTP/1.1 200 OK\r\n"
      const rest = length - start.length - lines.length - 2
      return `${start}${lines}c:${"d".repeat(rest - 4)}\r\n\r\n`
    }
    assert.strictEqual(head(1_048_576).length, 1_048_576)
    assert.strictEqual(verdict(head(1_048_576)), "End")
    assert.deepStrictEqual(verdict(head(1_048_577)), { name: "maxHeaderSize", value: 1_048_576 })
  })

  it("maxInterimResponses, by default 32", () => {
    const interim = "HTTP/1.1 103 Early Hints\r\n\r\n"
    assert.strictEqual(verdict(interim.repeat(32) + answer(0)), "End")
    assert.deepStrictEqual(verdict(interim.repeat(33) + answer(0)), { name: "maxInterimResponses", value: 32 })
  })

  it("maxChunkExtensions, by default 16 KiB", () => {
    const extended = (length: number) => {
      const decoder = ResponseDecoder.make(Http1Limits.defaults)
      decoder.start("GET")
      const last = decoder.push(bytes(`${chunked}1;${"e".repeat(length - 1)}\r\nx\r\n0\r\n\r\n`)).at(-1)
      return last?._tag === "Failed" ? last.error.limit : last?._tag
    }
    assert.strictEqual(extended(16_384), "End")
    assert.deepStrictEqual(extended(16_385), { name: "maxChunkExtensions", value: 16_384 })
  })
})
