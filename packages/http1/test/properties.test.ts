import { assert, describe, it } from "@effect/vitest"
import { RequestEncoder } from "@hotaru/http1"
import * as FastCheck from "effect/FastCheck"
import { portable } from "../src/internal/latin1.js"
import type { Input, Seen } from "./support.js"
import { body, bytes, decoderOf, end, head, replay, rows, tags } from "./support.js"

const latin1 = (maxLength: number) =>
  FastCheck.uint8Array({ maxLength }).map((content) => String.fromCharCode(...content))

/** Places to cut, as parts of the whole: duplicates make empty pushes, which must mean nothing. */
const cuts = (length: number, parts: ReadonlyArray<number>): ReadonlyArray<number> =>
  parts.map((part) => Math.floor(part * length)).sort((a, b) => a - b)

const parts = FastCheck.array(FastCheck.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

/** One way to frame a body, as what is sent and how it ends. */
type Frame = (content: string, chunks: ReadonlyArray<number>) => Pick<Input, "answer" | "finish">

const frames: { readonly [name: string]: Frame } = {
  Length: (content) => ({ answer: rows("HTTP/1.1 200 OK", "A: b", `Content-Length: ${content.length}`, "") + content }),
  Chunked: (content, sizes) => {
    let answer = rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "")
    let rest = content
    for (let index = 0; rest.length > 0; index++) {
      const size = Math.min(rest.length, sizes[index] ?? rest.length)
      answer += `${size.toString(16)};index=${index}\r\n${rest.slice(0, size)}\r\n`
      rest = rest.slice(size)
    }
    return { answer: `${answer}0\r\nSum: 1\r\n\r\n` }
  },
  UntilClose: (content) => ({ answer: rows("HTTP/1.1 200 OK", "A: b", "") + content, finish: "fin" })
}

describe("any body, any cut", () => {
  for (const [framing, frame] of Object.entries(frames)) {
    it(`gives the same events, framed as ${framing}`, () => {
      FastCheck.assert(
        FastCheck.property(
          latin1(300),
          FastCheck.array(FastCheck.integer({ min: 1, max: 60 }), { maxLength: 8 }),
          parts,
          (content, sizes, places) => {
            const input = frame(content, sizes)
            const whole = replay(input)
            assert.strictEqual(head(whole).framing._tag, framing)
            assert.strictEqual(body(whole), content)
            assert.strictEqual(end(whole)._tag, framing === "UntilClose" ? "Close" : "Keep")
            assert.deepStrictEqual(replay(input, cuts(input.answer.length, places)), whole)
          }
        ),
        { numRuns: 300 }
      )
    })
  }

  it("says the same of a cut-off answer", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(...Object.values(frames)),
        latin1(60),
        FastCheck.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        parts,
        FastCheck.constantFrom("fin" as const, "reset" as const),
        (frame, content, at, places, finish) => {
          const { answer } = frame(content, [7])
          const input = { answer: answer.slice(0, Math.floor(at * answer.length)), finish }
          assert.deepStrictEqual(replay(input, cuts(input.answer.length, places)), replay(input))
        }
      ),
      { numRuns: 300 }
    )
  })
})

/** What an answer can be, once the last bytes are in and the connection has ended. */
const isWellFormed = (seen: ReadonlyArray<Seen>): boolean =>
  /^(InformationalHead )*(Head (Body )?(Trailers )?)?(End|Failed|End Failed)$/.test(tags(seen).join(" "))

/** Pieces of answers, good and bad, so that garbage gets further than the first byte. */
const fragments = FastCheck.constantFrom(
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.0 200\r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 204 \r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "a: b\r\n",
  "\r\n",
  "\n",
  "\r",
  ":",
  " ",
  ";",
  '"',
  "5\r\nhello\r\n",
  '5;a="b"\r\nhel',
  "0\r\n",
  "0\r\n\r\n",
  "hello",
  "\0",
  "\xff"
)

const garbage = FastCheck.oneof(
  latin1(200),
  FastCheck.array(FastCheck.oneof({ weight: 9, arbitrary: fragments }, { weight: 1, arbitrary: latin1(4) }), {
    maxLength: 12
  }).map((pieces) => pieces.join("")),
  FastCheck.array(fragments, { maxLength: 8 }).map((pieces) => `HTTP/1.1 200 OK\r\n${pieces.join("")}`),
  FastCheck.array(fragments, { maxLength: 8 }).map(
    (pieces) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.join("")}`
  )
)

describe("garbage", () => {
  it("never throws: it waits, ends or fails, and the connection's end settles it", () => {
    FastCheck.assert(
      FastCheck.property(
        garbage,
        FastCheck.constantFrom("GET", "HEAD", "CONNECT"),
        FastCheck.constantFrom("fin" as const, "reset" as const),
        parts,
        (answer, method, finish, places) => {
          // `replay` asserts that nothing follows Failed and that no chunk is empty.
          const seen = replay({ answer, method, finish }, cuts(answer.length, places))
          assert.isTrue(isWellFormed(seen), tags(seen).join(" "))
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("gives the same up to the end of an answer, whatever the cut", () => {
    const answerOf = (seen: ReadonlyArray<Seen>) => {
      const at = seen.findIndex((event) => event._tag === "End")
      return at === -1 ? seen : [...seen.slice(0, at), "end"]
    }
    FastCheck.assert(
      FastCheck.property(garbage, FastCheck.constantFrom("GET", "HEAD", "CONNECT"), parts, (answer, method, places) => {
        const input = { answer, method, finish: "fin" as const }
        assert.deepStrictEqual(answerOf(replay(input, cuts(answer.length, places))), answerOf(replay(input)))
      }),
      { numRuns: 2000 }
    )
  })

  it("leaves a failed decoder deaf", () => {
    FastCheck.assert(
      FastCheck.property(garbage, garbage, (first, second) => {
        const decoder = decoderOf({})
        decoder.start("GET")
        const failed = decoder.push(bytes(`\0${first}`))
        assert.deepStrictEqual(
          failed.map((event) => event._tag),
          ["Failed"]
        )
        assert.deepStrictEqual(decoder.push(bytes(second)), [])
        assert.deepStrictEqual(decoder.finish("fin"), [])
        assert.isFalse(decoder.expecting)
      }),
      { numRuns: 200 }
    )
  })
})

describe("any request", () => {
  it("is refused, or is one request whose lines are the ones that were asked for", () => {
    const piece = FastCheck.oneof(
      FastCheck.string({ maxLength: 12 }),
      FastCheck.string({ maxLength: 12, unit: "binary" }),
      FastCheck.constantFrom("GET", "/", "a", "close", "5", "\r\n", "\u010d\u010a", " ")
    )
    FastCheck.assert(
      FastCheck.property(
        piece,
        piece,
        FastCheck.dictionary(
          FastCheck.oneof(piece, FastCheck.constantFrom("host", "content-length", "te", "x")),
          piece,
          { maxKeys: 4 }
        ),
        (method, target, headers) => {
          const encoded = RequestEncoder.encodeHead({
            method,
            target,
            host: "h",
            headers,
            framing: RequestEncoder.none,
            close: false
          })
          if (typeof encoded !== "string") return
          assert.isTrue(encoded.endsWith("\r\n\r\n"))
          const lines = encoded.slice(0, -4).split("\r\n")
          assert.strictEqual(lines[0], `${method} ${target} HTTP/1.1`)
          assert.match(lines[1]!, /^Host: ./)
          const names = lines.slice(1).map((line) => line.slice(0, line.indexOf(":")).toLowerCase())
          const asked = Object.keys(headers).map((name) => name.toLowerCase())
          for (const name of names)
            assert.isTrue(name === "host" || name === "connection" || asked.includes(name), name)
          assert.isAtMost(names.length, asked.length + 2)
          for (const line of lines) assert.match(line, /^[\t\x20-\x7e\x80-\xff]*$/)
        }
      ),
      { numRuns: 2000 }
    )
  })
})

describe("latin1", () => {
  it("is the same without Node's own decoder", () => {
    const all = Uint8Array.from({ length: 10_000 }, (_, index) => index % 256)
    const expected = Array.from(all.subarray(3, 9_999), (byte) => String.fromCharCode(byte)).join("")
    assert.strictEqual(portable(all, 3, 9_999), expected)
    assert.strictEqual(portable(all, 5, 5), "")
  })
})
