import { assert, describe, it } from "@effect/vitest"
import { Framing } from "@hotaru/http1"
import { body, decode, end, failure, head, rows, tags } from "../support.js"

const input = (given: Partial<Framing.FramingInput>): Framing.FramingInput => ({
  method: "GET",
  status: 200,
  version: 1,
  transferEncoding: undefined,
  contentLength: undefined,
  ...given
})

/** RFC 9112 section 6.3, row by row: what is given, what it is. */
const table: ReadonlyArray<readonly [string, Partial<Framing.FramingInput>, string]> = [
  ["rule 1: an answer to HEAD has no body", { method: "HEAD" }, "NoBody"],
  ["rule 1: an answer to HEAD has no body, whatever its length", { method: "HEAD", contentLength: "5" }, "NoBody"],
  [
    "rule 1: an answer to HEAD has no body, whatever its coding",
    { method: "HEAD", transferEncoding: "chunked" },
    "NoBody"
  ],
  ["rule 1: methods are case-sensitive", { method: "head", contentLength: "5" }, "Length"],
  ["rule 1: 100 has no body", { status: 100, contentLength: "5" }, "NoBody"],
  ["rule 1: 199 has no body", { status: 199 }, "NoBody"],
  ["rule 1: 204 has no body", { status: 204, contentLength: "5" }, "NoBody"],
  ["rule 1: 304 has no body", { status: 304, contentLength: "5" }, "NoBody"],
  ["rule 1: 304 has no body, whatever its coding", { status: 304, transferEncoding: "chunked" }, "NoBody"],
  ["rule 1: 205 has a body like others", { status: 205, contentLength: "5" }, "Length"],
  ["rule 2: a 2xx to CONNECT is a tunnel", { method: "CONNECT" }, "Tunnel"],
  [
    "rule 2: a tunnel ignores length and coding",
    { method: "CONNECT", status: 299, contentLength: "x", transferEncoding: "y" },
    "Tunnel"
  ],
  ["rule 2: a refused CONNECT is like others", { method: "CONNECT", status: 407, contentLength: "5" }, "Length"],
  ["rule 2: an interim answer to CONNECT is no tunnel", { method: "CONNECT", status: 100 }, "NoBody"],
  ["rule 2: 101 is a tunnel", { status: 101 }, "Tunnel"],
  ["rule 3: both fields are ambiguous", { contentLength: "5", transferEncoding: "chunked" }, "AmbiguousLength"],
  [
    "rule 3: both are ambiguous even without a body",
    { status: 204, contentLength: "5", transferEncoding: "chunked" },
    "AmbiguousLength"
  ],
  ["rule 3: an empty coding is one, too", { contentLength: "5", transferEncoding: "" }, "AmbiguousLength"],
  ["rule 4: chunked", { transferEncoding: "chunked" }, "Chunked"],
  ["rule 4: chunked in any case", { transferEncoding: "ChunKed" }, "Chunked"],
  ["section 6.1: chunks in HTTP/1.0 are chunks", { version: 0, transferEncoding: "chunked" }, "Chunked"],
  [
    "section 6.1: beside a length in HTTP/1.0 they are ambiguous",
    { version: 0, transferEncoding: "chunked", contentLength: "5" },
    "AmbiguousLength"
  ],
  ["section 7: gzip is no coding here", { transferEncoding: "gzip" }, "UnsupportedTransferCoding"],
  ["section 7: nor before chunked", { transferEncoding: "gzip, chunked" }, "UnsupportedTransferCoding"],
  ["section 7: chunked must be last", { transferEncoding: "chunked, gzip" }, "UnsupportedTransferCoding"],
  ["section 7: chunked only once", { transferEncoding: "chunked, chunked" }, "UnsupportedTransferCoding"],
  ["section 7: chunked takes no parameters", { transferEncoding: "chunked;q=1" }, "UnsupportedTransferCoding"],
  ["section 7: identity is no coding at all", { transferEncoding: "Identity" }, "UntilClose"],
  ["section 7: nor before chunked", { transferEncoding: "identity, chunked" }, "Chunked"],
  ["section 7: behind chunked readers differ", { transferEncoding: "chunked, identity" }, "UnsupportedTransferCoding"],
  ["section 7: an empty item before chunked says nothing", { transferEncoding: ",\t, chunked" }, "Chunked"],
  ["section 7: behind chunked readers differ about it", { transferEncoding: "chunked," }, "UnsupportedTransferCoding"],
  ["section 7: no name around chunked", { transferEncoding: "xchunked" }, "UnsupportedTransferCoding"],
  ["section 7: no byte before chunked", { transferEncoding: "\x0bchunked" }, "UnsupportedTransferCoding"],
  ["section 7: an empty coding", { transferEncoding: "" }, "UnsupportedTransferCoding"],
  ["rule 5: a list of one length", { contentLength: "5,5 ,\t05" }, "Length"],
  ["rule 5: a list with an empty item", { contentLength: "5," }, "AmbiguousLength"],
  ["rule 5: a list with something else", { contentLength: "5, x" }, "AmbiguousLength"],
  ["rule 5: different lengths", { contentLength: "5, 6" }, "AmbiguousLength"],
  ["rule 5: an empty length", { contentLength: "" }, "AmbiguousLength"],
  ["rule 5: a positive sign", { contentLength: "+5" }, "AmbiguousLength"],
  ["rule 5: a negative sign", { contentLength: "-5" }, "AmbiguousLength"],
  ["rule 5: hexadecimal", { contentLength: "0x5" }, "AmbiguousLength"],
  ["rule 5: a fraction", { contentLength: "5.0" }, "AmbiguousLength"],
  ["rule 5: an exponent", { contentLength: "5e3" }, "AmbiguousLength"],
  ["rule 5: a blank inside", { contentLength: "4 2" }, "AmbiguousLength"],
  ["rule 5: digits of another script", { contentLength: "\xb2" }, "AmbiguousLength"],
  ["rule 5: more than can be counted", { contentLength: "9007199254740992" }, "AmbiguousLength"],
  ["rule 5: more than 64 bits", { contentLength: "18446744073709551621" }, "AmbiguousLength"],
  ["rule 5: a bad length, even without a body", { status: 304, contentLength: "x" }, "AmbiguousLength"],
  ["rule 6: a length", { contentLength: "5" }, "Length"],
  ["rule 6: HTTP/1.0 has lengths", { version: 0, contentLength: "5" }, "Length"],
  ["rule 6: as much as can be counted", { contentLength: "9007199254740991" }, "Length"],
  ["rule 8: neither", {}, "UntilClose"],
  ["rule 8: neither, in HTTP/1.0", { version: 0 }, "UntilClose"]
]

describe("Framing.responseFraming (RFC 9112 section 6.3)", () => {
  for (const [name, given, expected] of table) {
    it(`${name}: ${expected}`, () => {
      const framing = Framing.responseFraming(input(given))
      assert.strictEqual(framing._tag === "Http1Error" ? framing.kind : framing._tag, expected)
    })
  }

  it("reaches every row of its table", () => {
    const reached = new Set(table.map(([, given]) => Framing.rules.findIndex((rule) => rule.applies(input(given)))))
    assert.deepStrictEqual(
      [...reached].sort(),
      Framing.rules.map((_, index) => index)
    )
  })

  it("states the length it found, leading zeros or not", () => {
    assert.deepStrictEqual(Framing.responseFraming(input({ contentLength: "0042" })), Framing.length(42))
  })

  it("says where the rule that refuses is written", () => {
    const error = Framing.responseFraming(input({ contentLength: "5", transferEncoding: "chunked" }))
    assert.deepInclude(error, { section: "RFC 9112 section 6.3" })
  })
})

describe("bodies", () => {
  it("reads as many bytes as announced", () => {
    const seen = decode({ answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 5", "")}hello` })
    assert.deepStrictEqual(tags(seen), ["Head", "Body", "End"])
    assert.strictEqual(body(seen), "hello")
    assert.deepInclude(head(seen), { contentLength: 5, framing: Framing.length(5) })
  })

  it("reads a length of zero as no chunk at all", () => {
    assert.deepStrictEqual(tags(decode({ answer: rows("HTTP/1.1 200 OK", "Content-Length: 0", "") })), ["Head", "End"])
  })

  it("reads to the close where nothing is announced", () => {
    const seen = decode({ answer: `${rows("HTTP/1.1 200 OK", "")}HTTP/1.1 200 OK\r\n`, finish: "fin" })
    assert.strictEqual(body(seen), "HTTP/1.1 200 OK\r\n")
    assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "DelimitedByClose" })
  })

  it("reads an empty body to the close", () => {
    assert.deepStrictEqual(tags(decode({ answer: rows("HTTP/1.1 200 OK", ""), finish: "fin" })), ["Head", "End"])
  })

  it("states the length of an answer to HEAD, which has no body", () => {
    const seen = decode({ method: "HEAD", answer: rows("HTTP/1.1 200 OK", "Content-Length: 123", "") })
    assert.deepStrictEqual(tags(seen), ["Head", "End"])
    assert.deepInclude(head(seen), { contentLength: 123, framing: Framing.noBody })
  })

  for (const [name, ...lines] of [
    ["two lengths on two lines", "Content-Length: 5", "Content-Length: 6"],
    ["a length and chunks", "Content-Length: 5", "Transfer-Encoding: chunked"],
    ["chunks and a length", "Transfer-Encoding: chunked", "Content-Length: 5"],
    ["an empty length", "Content-Length:"]
  ] as const) {
    it(`refuses ${name} before it gives a head`, () => {
      const seen = decode({ answer: `${rows("HTTP/1.1 200 OK", ...lines, "")}hello` })
      assert.deepStrictEqual(tags(seen), ["Failed"])
      assert.strictEqual(failure(seen).kind, "AmbiguousLength")
    })
  }

  it("refuses codings on two lines", () => {
    const seen = decode({
      answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "")
    })
    assert.strictEqual(failure(seen).kind, "UnsupportedTransferCoding")
  })

  it("is not misled by names that only start like those of the framing", () => {
    const seen = decode({
      answer: `${rows(
        "HTTP/1.1 200 OK",
        "Content-Length-X: 9",
        "X-Content-Length: 9",
        "Content_Length: 9",
        "Content-Length: 2",
        ""
      )}ok`
    })
    assert.strictEqual(body(seen), "ok")
  })
})
