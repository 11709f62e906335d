import { assert, describe, it } from "@effect/vitest"
import { decode, failure, head, rows } from "../support.js"

const fields = (...lines: ReadonlyArray<string>) =>
  decode({ method: "HEAD", answer: rows("HTTP/1.1 200 OK", ...lines, "") })

describe("fields (RFC 9112 section 5)", () => {
  it("keeps names as they were sent, in order and with their repetitions", () => {
    assert.deepStrictEqual(head(fields("X-b: 1", "set-cookie: a=1", "SET-COOKIE: b=2", "x-B: 3")).rawHeaders, [
      "X-b",
      "1",
      "set-cookie",
      "a=1",
      "SET-COOKIE",
      "b=2",
      "x-B",
      "3"
    ])
  })

  it("gives no fields where there are none", () => {
    assert.deepStrictEqual(head(fields()).rawHeaders, [])
  })

  for (const [what, line, name, value] of [
    ["a value without the blank before it", "a:b", "a", "b"],
    ["a value without the blanks around it", "a: \t b c \t ", "a", "b c"],
    ["an empty value", "a:", "a", ""],
    ["a value of blanks, as empty", "a: \t \t", "a", ""],
    ["colons in a value", "a::b: c", "a", ":b: c"],
    ["every character a name may have", "!#$%&'*+-.^_`|~09AZaz: 1", "!#$%&'*+-.^_`|~09AZaz", "1"],
    ["obs-text in a value, a byte a code unit", "a: \x80\xe9\xff", "a", "\x80\xe9\xff"],
    ["a non-breaking space, which is no blank", "a: \xa0b\xa0", "a", "\xa0b\xa0"]
  ] as const) {
    it(`takes ${what}`, () => {
      assert.deepStrictEqual(head(fields(line)).rawHeaders, [name, value])
    })
  }

  for (const [what, line] of [
    ["a space before the colon", "Content-Length : 0"],
    ["a tab before the colon", "a\t: b"],
    ["a space in a name", "a b: c"],
    ["a name without a colon", "abc"],
    ["an empty name", ": c"],
    ["a folded line", "a: b\r\n c"],
    ["a folded line that starts with a tab", "a: b\r\n\tc"],
    ["a folded line of blanks", "a: b\r\n  "],
    ["a blank before the first field", " a: b"],
    ["NUL in a value", "a: b\0c"],
    ["NUL in a name", "a\0: b"],
    ["a control character in a value", "a: b\x01c"],
    ["DEL in a value", "a: b\x7fc"],
    ["obs-text in a name", "\xe9: b"],
    ["a delimiter in a name", "a@b: c"],
    ["quotes around a name", '"a": c']
  ] as const) {
    it(`refuses ${what}`, () => {
      const error = failure(fields(line))
      assert.strictEqual(error.kind, "MalformedHeader")
      assert.match(error.section!, /^RFC 9112 section 5/)
    })
  }

  it("refuses every byte in a name that is not a token's, and every byte in a value that is not a value's", () => {
    const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/
    const value = /[\t\x20-\x7e\x80-\xff]/
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code)
      const named = decode({ method: "HEAD", answer: `HTTP/1.1 200 OK\r\na${character}b: c\r\n\r\n` })
      // A colon ends the name, and a value follows.
      assert.strictEqual(
        named[0]!._tag,
        token.test(character) || character === ":" ? "Head" : "Failed",
        `name, ${code}`
      )
      const valued = decode({ method: "HEAD", answer: `HTTP/1.1 200 OK\r\na: b${character}c\r\n\r\n` })
      assert.strictEqual(valued[0]!._tag, value.test(character) ? "Head" : "Failed", `value, ${code}`)
    }
  })

  it("keeps every byte, however long a cut head grows", () => {
    const lines = Array.from({ length: 40 }, (_, index) => `X-${index}: ${String(index).repeat(60)}`)
    const expected = lines.flatMap((line) => line.split(": "))
    // `decode` compares the head in one piece with the head byte by byte.
    assert.deepStrictEqual(head(fields(...lines)).rawHeaders, expected)
  })

  it("never shows a value in an error", () => {
    const error = failure(fields("authorization: secret\0"))
    assert.notInclude(JSON.stringify(error), "secret")
    assert.include(error.problem, "0x00")
  })
})
