import { assert, describe, it } from "@effect/vitest"
import { body, bytes, decode, decoderOf, end, failure, rows, tags } from "../support.js"

const chunked = (rest: string, finish?: "fin" | "reset") =>
  decode({
    answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "") + rest,
    ...(finish === undefined ? undefined : { finish })
  })

describe("chunked bodies (RFC 9112 section 7.1)", () => {
  it("joins the chunks' content", () => {
    const seen = chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert.deepStrictEqual(tags(seen), ["Head", "Body", "End"])
    assert.strictEqual(body(seen), "hello world")
    assert.strictEqual(end(seen)._tag, "Keep")
  })

  it("takes a body without a chunk", () => {
    assert.deepStrictEqual(tags(chunked("0\r\n\r\n")), ["Head", "End"])
  })

  for (const [what, sent, content] of [
    ["hexadecimal in lower case", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
    ["hexadecimal in upper case", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
    ["leading zeros", "0002\r\nok\r\n0000\r\n\r\n", "ok"],
    ["content that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n"],
    ["content that is a line feed", "1\r\n\n\r\n0\r\n\r\n", "\n"]
  ] as const) {
    it(`takes ${what}`, () => {
      const seen = chunked(sent)
      assert.strictEqual(body(seen), content)
      assert.strictEqual(end(seen)._tag, "Keep")
    })
  }

  for (const [what, sent] of [
    ["an empty size", "\r\n\r\n"],
    ["an empty size after a chunk", "1\r\nZ\r\n\r\n\r\n"],
    ["a sign", "+5\r\nhello\r\n0\r\n\r\n"],
    ["a negative size", "-1\r\na\r\n0\r\n\r\n"],
    ["0x", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a character that is no digit", "5g\r\nhello\r\n0\r\n\r\n"],
    ["a blank before a size", " 5\r\nhello\r\n0\r\n\r\n"],
    ["a digit behind blanks after a size", "5 0\r\nhello\r\n0\r\n\r\n"],
    ["a blank between CR and LF", "5\r \nhello\r\n0\r\n\r\n"],
    ["blanks without a size", "  \r\n\r\n"],
    ["an underscore in a size", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"],
    ["NUL after a size", "5\0\r\nhello\r\n0\r\n\r\n"],
    ["a size of 2 to the 53rd", "20000000000000\r\na"],
    ["a size that is 3 in 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"],
    ["a bare LF after a size", "5\nhello\r\n0\r\n\r\n"],
    ["a bare CR after a size", "5\rhello\r\n0\r\n\r\n"],
    ["two CRs after a size", "5\r\r\nhello\r\n0\r\n\r\n"],
    ["content longer than its size", "3\r\nhello\r\n0\r\n\r\n"],
    ["a bare LF after content", "5\r\nhello\n0\r\n\r\n"],
    ["a CR and something else after content", "5\r\nhello\rx0\r\n\r\n"],
    ["two bytes that are no line end after content", "3\r\nxxx__1a\r\n"]
  ] as const) {
    it(`refuses ${what}`, () => {
      const error = failure(chunked(sent))
      assert.strictEqual(error.kind, "MalformedChunk")
      assert.strictEqual(error.section, "RFC 9112 section 7.1")
    })
  }

  it("takes the largest size that can be counted exactly", () => {
    const seen = chunked("1fffffffffffff\r\nab", "fin")
    assert.strictEqual(body(seen), "ab")
    assert.deepInclude(failure(seen), { kind: "IncompleteBody", received: 2 })
  })

  for (const [what, sent] of [
    ["blanks after a size", "5  \r\nhello\r\n0\r\n\r\n"],
    ["a tab after a size", "5\t\r\nhello\r\n0\r\n\r\n"],
    ["blanks after the last size", "5\r\nhello\r\n0   \r\n\r\n"],
    ["sizes padded to one width", "5    \r\nhello\r\n00000\r\n\r\n"],
    ["blanks after a size and trailers", "5 \r\nhello\r\n0\r\na: b\r\n\r\n"]
  ] as const) {
    it(`takes ${what}, and nothing more on the connection`, () => {
      const seen = chunked(sent)
      assert.strictEqual(body(seen), "hello")
      assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "FaultyFraming" })
    })
  }

  it("takes padded sizes of a long body, whose blanks are no extensions", () => {
    const seen = chunked(`${`1${" ".repeat(99)}\r\nx\r\n`.repeat(300)}0\r\n\r\n`)
    assert.strictEqual(body(seen), "x".repeat(300))
  })

  it("forgets with the next answer that sizes were padded", () => {
    const decoder = decoderOf({})
    const head = rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "")
    const ends = ["0 \r\n\r\n", "0\r\n\r\n"].map((sent) => {
      decoder.start("GET")
      const last = decoder.push(bytes(head + sent)).at(-1)
      return last?._tag === "End" ? last.keepAlive._tag : last?._tag
    })
    assert.deepStrictEqual(ends, ["Close", "Keep"])
  })

  it("is not complete without the last chunk, whatever the connection's end", () => {
    for (const sent of ["", "5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "0\r\n\r"]) {
      for (const finish of ["fin", "reset"] as const) {
        assert.strictEqual(failure(chunked(sent, finish)).kind, "IncompleteBody", JSON.stringify(sent))
      }
    }
  })
})

describe("chunk extensions (RFC 9112 section 7.1.1)", () => {
  for (const [what, extension] of [
    ["a name", ";a"],
    ["a name and a token", ";a=b"],
    ["several", ";a;b=c;d"],
    ["a quoted value", ';a="b c"'],
    ["a quoted delimiter", ';a="b;c=d";e'],
    ["quoted pairs", ';a="I \\"love\\" \\\\"'],
    ["an empty quoted value", ';a=""'],
    ["obs-text in quotes", ';a="\xe9"']
  ] as const) {
    it(`drops ${what}`, () => {
      const seen = chunked(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`)
      assert.strictEqual(body(seen), "hello")
      assert.strictEqual(end(seen)._tag, "Keep")
    })
  }

  for (const [what, extension] of [
    ["a blank before the semicolon", " ;a"],
    ["a blank before the name", "; a"],
    ["blanks around the equals sign", ";a\t=  b"],
    ["a blank behind a name", ";a "],
    ["a blank behind a value", ";a=b ;c"],
    ["a blank behind quotes", ';a="b" ;c'],
    ["a value without a name", ";=b"],
    ["an empty value", ";a="],
    ["an empty value before another", ";a=;b"],
    ["quotes within a token", ';a=b"c"']
  ] as const) {
    it(`drops ${what}, which ends the connection`, () => {
      const seen = chunked(`5${extension}\r\nhello\r\n0\r\n\r\n`)
      assert.strictEqual(body(seen), "hello")
      assert.deepStrictEqual(end(seen), { _tag: "Close", reason: "FaultyFraming" })
    })
  }

  for (const [what, extension] of [
    ["an empty one", ";"],
    ["empty ones", ";;"],
    ["one that is empty at the end", ";a;"],
    ["one without a semicolon", " a"],
    ["an empty one behind blanks", "; "],
    ["an empty one between blanks", ";a ; ;b"],
    ["two equals signs", ";a=b=c"],
    ["two names with a blank between them", ";a b"],
    ["two values with a blank between them", ";a=b c"],
    ["a token behind a blank behind quotes", ';a="b" c'],
    ["a bare LF", ";a\nb"],
    ["a bare LF behind a blank", " \n"],
    ["a bare LF in quotes", ';a="b\nc"'],
    ["a line end in quotes", ';a="b'],
    ["an escaped CR", ';a="\\\r"'],
    ["something after a quoted value", ';a="b"c'],
    ["quotes within a token that do not end", ';a=b"c'],
    ["a control character", ";a=\x01"],
    ["DEL in quotes", ';a="\x7f"']
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.strictEqual(failure(chunked(`5${extension}\r\nhello\r\n0\r\n\r\n`)).kind, "MalformedChunk")
    })
  }
})

describe("trailers (RFC 9112 section 7.1.2)", () => {
  it("gives them before the end, apart from the head", () => {
    const seen = chunked("2\r\nok\r\n0\r\nVary: *\r\nX-Sum:  1 \r\n\r\n")
    assert.deepStrictEqual(tags(seen), ["Head", "Body", "Trailers", "End"])
    assert.deepInclude(seen[2], { rawHeaders: ["Vary", "*", "X-Sum", "1"] })
  })

  for (const [what, trailers] of [
    ["a line without a colon", "bad\r\n\r\n"],
    ["a bare CR", "bad\r\r\n"],
    ["a bare LF", "a: b\n\r\n"],
    ["a folded line", "a: b\r\n c\r\n\r\n"],
    ["a space before the colon", "a : b\r\n\r\n"],
    ["NUL", "a: \0\r\n\r\n"],
    ["a CR without LF at the end", "\rx"]
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.strictEqual(failure(chunked(`0\r\n${trailers}`)).kind, "MalformedHeader")
    })
  }

  it("refuses a length that comes too late to frame anything", () => {
    const error = failure(chunked("2\r\nok\r\n0\r\nContent-length: 2\r\n\r\n"))
    assert.deepInclude(error, { kind: "AmbiguousLength", section: "RFC 9110 section 6.5.1" })
  })

  it("does not let them change the verdict on the connection", () => {
    assert.strictEqual(end(chunked("0\r\nConnection: close\r\n\r\n"))._tag, "Keep")
  })
})
