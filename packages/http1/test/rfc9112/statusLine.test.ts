import { assert, describe, it } from "@effect/vitest"
import { decode, end, failure, head, rows } from "../support.js"

const noLength = rows("Content-Length: 0", "")

describe("the status line (RFC 9112 section 4)", () => {
  it("gives version, status and reason", () => {
    const seen = decode({ answer: `HTTP/1.1 404 Not Found\r\n${noLength}` })
    assert.deepInclude(head(seen), { version: 1, status: 404, reason: "Not Found" })
    assert.strictEqual(end(seen)._tag, "Keep")
  })

  it("gives version 0 for HTTP/1.0", () => {
    assert.strictEqual(head(decode({ answer: `HTTP/1.0 200 OK\r\n${noLength}` })).version, 0)
  })

  for (const [what, line, status, reason] of [
    ["an empty reason", "HTTP/1.1 200 ", 200, ""],
    ["no space before an absent reason", "HTTP/1.1 301", 301, ""],
    ["a reason that starts with a space", "HTTP/1.1 200  OK", 200, " OK"],
    ["a reason with tabs", "HTTP/1.1 200 a\tb", 200, "a\tb"],
    ["obs-text in a reason, a byte a code unit", "HTTP/1.1 500 Ori\xc3\xabntatie", 500, "Ori\xc3\xabntatie"],
    ["the lowest status of a final answer", "HTTP/1.1 200 x", 200, "x"],
    ["a status nobody knows", "HTTP/1.1 799 Odd", 799, "Odd"]
  ] as const) {
    it(`takes ${what}`, () => {
      assert.deepInclude(head(decode({ answer: `${line}\r\n${noLength}` })), { status, reason })
    })
  }

  for (const [what, line] of [
    ["another protocol", "HTTPS/1.1 200 OK"],
    ["a shorter protocol", "HTT/1.1 200 OK"],
    ["a protocol in lower case", "http/1.1 200 OK"],
    ["an empty line before it", "\r\nHTTP/1.1 200 OK"],
    ["a carriage return before it", "\rHTTP/1.1 200 OK"],
    ["a blank before it", " HTTP/1.1 200 OK"],
    ["a major version with a sign", "HTTP/+1.1 200 OK"],
    ["a major version of two digits", "HTTP/11.1 200 OK"],
    ["a minor version of two digits", "HTTP/1.10 200 OK"],
    ["no minor version", "HTTP/1. 200 OK"],
    ["a comma in the version", "HTTP/1,1 200 OK"],
    ["a tab after the version", "HTTP/1.1\t200 OK"],
    ["two spaces after the version", "HTTP/1.1  200 OK"],
    ["a status of one digit", "HTTP/1.1 2 OK"],
    ["a status of two digits", "HTTP/1.1 20 OK"],
    ["a status of four digits", "HTTP/1.1 2000 OK"],
    ["a status below 100", "HTTP/1.1 099 OK"],
    ["a status in hexadecimal", "HTTP/1.1 2a0 OK"],
    ["a tab after the status", "HTTP/1.1 200\tOK"],
    ["NUL in the reason", "HTTP/1.1 200 O\0K"],
    ["DEL in the reason", "HTTP/1.1 200 O\x7fK"],
    ["an escape in the reason", "HTTP/1.1 200 \x1b[2J"]
  ] as const) {
    it(`refuses ${what}`, () => {
      const error = failure(decode({ answer: `${line}\r\n${noLength}` }))
      assert.strictEqual(error.kind, "MalformedStatusLine")
      assert.strictEqual(error.section, "RFC 9112 section 4")
    })
  }

  for (const version of ["0.9", "2.0", "3.0", "1.2", "1.9", "5.6"]) {
    it(`refuses HTTP/${version}`, () => {
      assert.strictEqual(
        failure(decode({ answer: `HTTP/${version} 200 OK\r\n${noLength}` })).kind,
        "UnsupportedVersion"
      )
    })
  }

  it("refuses at the first byte that is wrong, without waiting for the line's end", () => {
    assert.strictEqual(failure(decode({ answer: "S" })).kind, "MalformedStatusLine")
    assert.strictEqual(failure(decode({ answer: "HTTP/1.1 2x" })).kind, "MalformedStatusLine")
  })
})

describe("line ends (RFC 9112 section 2.2)", () => {
  for (const [what, answer] of [
    ["a bare LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"],
    ["a bare LF after an absent reason", "HTTP/1.1 200\nContent-Length: 0\r\n\r\n"],
    ["a bare LF after a field", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"],
    ["a bare LF after an empty value", "HTTP/1.1 200 OK\r\nx:\nContent-Length: 0\r\n\r\n"],
    ["a bare LF for the empty line", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"],
    ["bare LFs everywhere", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["a bare CR after the status line", "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n"],
    ["two CRs after the status line", "HTTP/1.1 200 OK\r\r\nContent-Length: 0\r\n\r\n"],
    ["a bare CR in a value", "HTTP/1.1 200 OK\r\nFoo: 1\rBar: 2\r\n\r\n"],
    ["a bare CR after an empty value", "HTTP/1.1 200 OK\r\nx:\rContent-Length: 0\r\n\r\n"],
    ["a CR without LF where the head ends", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\rabc"]
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.include(["MalformedHeader", "MalformedStatusLine"], failure(decode({ answer })).kind)
    })
  }
})
