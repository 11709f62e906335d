import { assert, describe, it } from "@effect/vitest"
import { Http1Limits } from "@hotaru/http1"
import type { Input } from "./support.js"
import { decode, decoderOf, failure, rows, tags } from "./support.js"

const answer = rows("HTTP/1.1 200 OK", "Content-Length: 0", "Abc: 1", "")
const chunked = rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "")

/** The smallest limit that lets an answer pass lets it pass; one less refuses it, naming itself. */
const exactly = (name: keyof Http1Limits.Http1Limits, value: number, input: Input) => {
  it(`${name} of ${value} lets ${JSON.stringify(input.answer.slice(-30))} pass, ${value - 1} does not`, () => {
    assert.strictEqual(decode({ ...input, limits: { [name]: value } }).at(-1)?._tag, "End")
    const error = failure(decode({ ...input, limits: { [name]: value - 1 } }))
    assert.strictEqual(error.kind, "LimitExceeded")
    assert.deepStrictEqual(error.limit, { name, value: value - 1 })
    assert.include(error.problem, name)
    assert.include(error.problem, String(value - 1))
  })
}

describe("Http1Limits", () => {
  exactly("maxHeaderSize", answer.length, { answer })
  exactly("maxHeaderSize", 50 + answer.length, { answer: rows("HTTP/1.1 100 Continue", "").repeat(2) + answer })
  exactly("maxHeaderSize", 25 + answer.length, { answer: rows("HTTP/1.1 100 Continue", "") + answer })
  exactly("maxHeaderSize", chunked.length + 8, { answer: `${chunked}0\r\na: b\r\n\r\n` })
  exactly("maxLineLength", 15, { answer: rows("HTTP/1.1 200 OK", "A: 1", "Connection: x", ""), finish: "fin" })
  exactly("maxLineLength", 17, { answer })
  exactly("maxLineLength", 20, { answer: rows("HTTP/1.1 200 OK", "Content-Length:    0", "") })
  exactly("maxLineLength", 18, { answer: rows("HTTP/1.1 200 OK", "Content-Length: 0 ", "") })
  exactly("maxLineLength", 23, { answer: rows("HTTP/1.1 200 0123456789", "Content-Length: 0", "") })
  exactly("maxLineLength", 30, { answer: `${chunked}${"0".repeat(29)}1\r\nx\r\n0\r\n\r\n` })
  exactly("maxLineLength", 30, { answer: `${chunked}1;${"e".repeat(28)}\r\nx\r\n0\r\n\r\n` })
  exactly("maxLineLength", 30, { answer: `${chunked}0\r\n${"n".repeat(28)}:v\r\n\r\n` })
  exactly("maxHeaders", 2, { answer })
  exactly("maxHeaders", 2, { answer: `${chunked}0\r\na: b\r\nc: d\r\n\r\n` })
  exactly("maxInterimResponses", 3, { answer: rows("HTTP/1.1 102 Processing", "").repeat(3) + answer })
  exactly("maxChunkExtensions", 9, { answer: `${chunked}1;abc\r\nx\r\n1\r\ny\r\n0;d=""\r\n\r\n` })

  it("has defaults", () => {
    assert.deepStrictEqual(Http1Limits.defaults, {
      maxHeaderSize: 1_048_576,
      maxLineLength: 65_536,
      maxHeaders: 1024,
      maxInterimResponses: 32,
      maxChunkExtensions: 16_384
    })
  })

  it("may be off", () => {
    const limits = {
      maxHeaderSize: Infinity,
      maxLineLength: Infinity,
      maxHeaders: Infinity,
      maxInterimResponses: Infinity,
      maxChunkExtensions: Infinity
    }
    assert.deepStrictEqual(tags(decode({ answer: `${chunked}1;a\r\nx\r\n0\r\na: b\r\n\r\n`, limits })), [
      "Head",
      "Body",
      "Trailers",
      "End"
    ])
  })

  it("refuse a head that never ends, whatever it consists of", () => {
    const endless: ReadonlyArray<readonly [string, string, keyof Http1Limits.Http1Limits]> = [
      ["HTTP/1.1 200 ", "O", "maxLineLength"],
      ["HTTP/1.1 200 OK\r\n", "n", "maxLineLength"],
      ["HTTP/1.1 200 OK\r\nn:", " ", "maxLineLength"],
      ["HTTP/1.1 200 OK\r\nn:", "v", "maxLineLength"],
      ["HTTP/1.1 200 OK\r\n", "a:\r\n", "maxHeaders"],
      ["HTTP/1.1 200 OK\r\n", `a:${"b".repeat(60_000)}\r\n`, "maxHeaderSize"],
      ["", "HTTP/1.1 100 Continue\r\n\r\n", "maxInterimResponses"],
      ["", `HTTP/1.1 103 Early Hints\r\n${`a:${"b".repeat(60_000)}\r\n`.repeat(10)}\r\n`, "maxHeaderSize"],
      [`${chunked}`, "0", "maxLineLength"],
      [`${chunked}`, "1;abcdef\r\nx\r\n", "maxChunkExtensions"],
      [`${chunked}0\r\n`, `a:${"b".repeat(60_000)}\r\n`, "maxHeaderSize"]
    ]
    for (const [start, repeated, name] of endless) {
      const decoder = decoderOf({})
      decoder.start("GET")
      const encoder = new TextEncoder()
      const piece = encoder.encode(repeated.length > 1000 ? repeated : repeated.repeat(1000))
      let failed = decoder.push(encoder.encode(start)).at(-1)
      let pushed = 0
      while (failed?._tag !== "Failed" && pushed < 64 * 1024 * 1024) {
        failed = decoder.push(piece).at(-1)
        pushed += piece.length
      }
      assert.strictEqual(
        failed?._tag === "Failed" ? failed.error.limit?.name : failed?._tag,
        name,
        JSON.stringify(repeated.slice(0, 30))
      )
    }
  })
})
