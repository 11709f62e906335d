import { assert, describe, it } from "@effect/vitest"
import { RequestEncoder } from "@hotaru/http1"
import { rows } from "./support.js"

const encode = (given: Partial<RequestEncoder.RequestHead> = {}) =>
  RequestEncoder.encodeHead({
    method: "GET",
    target: "/",
    host: "example.com",
    headers: {},
    framing: RequestEncoder.none,
    close: false,
    ...given
  })

const refused = (given: Partial<RequestEncoder.RequestHead>): RequestEncoder.RequestHeadError => {
  const encoded = encode(given)
  if (typeof encoded === "string") return assert.fail(`was encoded: ${JSON.stringify(encoded)}`)
  assert.strictEqual(encoded._tag, "RequestHeadError")
  return encoded
}

describe("RequestEncoder.encodeHead", () => {
  it("writes the request line, Host first, then the caller's fields in order", () => {
    assert.strictEqual(
      encode({ method: "PATCH", target: "/a?b=c", headers: { "x-b": "1", accept: "*/*", "x-A": "" } }),
      rows("PATCH /a?b=c HTTP/1.1", "Host: example.com", "x-b: 1", "accept: */*", "x-A: ", "")
    )
  })

  for (const target of ["/", "/a%20b?c#d", "http://example.com/a", "*", "example.com:443"]) {
    it(`writes the target ${target} as it is`, () => {
      assert.strictEqual(encode({ target }), rows(`GET ${target} HTTP/1.1`, "Host: example.com", ""))
    })
  }

  it("writes a length", () => {
    assert.strictEqual(
      encode({ method: "POST", framing: RequestEncoder.length(12), headers: { a: "b" } }),
      rows("POST / HTTP/1.1", "Host: example.com", "a: b", "Content-Length: 12", "")
    )
  })

  it("writes a length of zero", () => {
    assert.strictEqual(
      encode({ method: "POST", framing: RequestEncoder.length(0) }),
      rows("POST / HTTP/1.1", "Host: example.com", "Content-Length: 0", "")
    )
  })

  it("writes that chunks follow", () => {
    assert.strictEqual(
      encode({ method: "PUT", framing: RequestEncoder.chunked, close: true }),
      rows("PUT / HTTP/1.1", "Host: example.com", "Transfer-Encoding: chunked", "Connection: close", "")
    )
  })

  it("sends a caller's equal length once", () => {
    assert.strictEqual(
      encode({ framing: RequestEncoder.length(5), headers: { "Content-Length": "5" } }),
      rows("GET / HTTP/1.1", "Host: example.com", "Content-Length: 5", "")
    )
    assert.strictEqual(
      encode({ headers: { "content-length": "0" } }),
      rows("GET / HTTP/1.1", "Host: example.com", "Content-Length: 0", "")
    )
  })

  it("sends a caller's host instead, first and once", () => {
    assert.strictEqual(
      encode({ headers: { a: "b", HOST: "other:8080" } }),
      rows("GET / HTTP/1.1", "Host: other:8080", "a: b", "")
    )
  })

  it("writes obs-text and tabs as they are", () => {
    assert.strictEqual(
      encode({ headers: { a: "\x80\t\xff" } }),
      rows("GET / HTTP/1.1", "Host: example.com", "a: \x80\t\xff", "")
    )
  })

  for (const [headers, close, sent] of [
    [{}, true, "close"],
    [{ connection: "close" }, false, "close"],
    [{ Connection: "Keep-Alive" }, false, "keep-alive"],
    [{ connection: "keep-alive" }, true, "close"],
    [{ connection: "keep-alive , CLOSE" }, false, "close"],
    [{ connection: "keep-alive", Connection: "close" }, false, "close"]
  ] as const) {
    it(`sends Connection: ${sent} for ${JSON.stringify(headers)} and close: ${close}`, () => {
      assert.strictEqual(
        encode({ headers, close }),
        rows("GET / HTTP/1.1", "Host: example.com", `Connection: ${sent}`, "")
      )
    })
  }

  it("says in Connection that TE is for the next hop (RFC 9110 section 10.1.4)", () => {
    for (const [headers, connection] of [
      [{}, "TE"],
      [{ connection: "close" }, "close, TE"],
      [{ connection: "keep-alive" }, "keep-alive, TE"]
    ] as const) {
      assert.strictEqual(
        encode({ headers: { te: "trailers", ...headers } }),
        rows("GET / HTTP/1.1", "Host: example.com", "te: trailers", `Connection: ${connection}`, "")
      )
    }
  })

  it("lets an expectation through", () => {
    assert.include(encode({ headers: { expect: "100-continue" } }), "expect: 100-continue\r\n")
  })

  for (const host of [
    "localhost",
    "example.com.",
    "127.0.0.1:80",
    "[::1]",
    "[::1]:8080",
    "xn--bcher-kva.de",
    "a_b",
    "a:"
  ]) {
    it(`takes ${host} as a host`, () => {
      assert.include(encode({ host }), `Host: ${host}\r\n`)
    })
  }
})

describe("what RequestEncoder.encodeHead refuses", () => {
  const injections = ["\r", "\n", "\0", "\r\nX: y", "\x7f", "\u010d\u010a", "\u2028", "\ud83d\ude00"]

  for (const bad of injections) {
    it(`refuses ${JSON.stringify(bad)} anywhere, and says where`, () => {
      assert.deepInclude(refused({ method: `GE${bad}T` }), { field: "method", position: 2 })
      assert.deepInclude(refused({ target: `/a${bad}` }), { field: "target", position: 2 })
      assert.deepInclude(refused({ headers: { [`a${bad}b`]: "c" } }), { field: "header name", position: 1 })
      assert.deepInclude(refused({ headers: { a: `bc${bad}` } }), { field: "header value", name: "a", position: 2 })
      assert.deepInclude(refused({ host: `example${bad}.com` }), { field: "host", position: 7 })
    })
  }

  for (const method of ["", "GET ", " GET", "GE T", "GET:", "G\xc9T", "a/b"]) {
    it(`refuses the method ${JSON.stringify(method)}`, () => {
      assert.strictEqual(refused({ method }).field, "method")
    })
  }

  for (const target of ["", "/a b", "/\xe9", " /", "/\t"]) {
    it(`refuses the target ${JSON.stringify(target)}`, () => {
      assert.strictEqual(refused({ target }).field, "target")
    })
  }

  for (const name of ["", "a b", "a:", ":a", "\xe9", "a\t", "(a)"]) {
    it(`refuses the name ${JSON.stringify(name)}`, () => {
      assert.strictEqual(refused({ headers: { [name]: "b" } }).field, "header name")
    })
  }

  for (const host of [
    "",
    ":80",
    "a b",
    "a/b",
    "a@b",
    "user:pw@a",
    "a?b",
    "a#b",
    "a\\b",
    "a,b c",
    "a:b",
    "a:1:2",
    "::1",
    "[::1",
    "::1]",
    "[::1]x",
    "[]",
    "[[::1]]",
    "a[::1]",
    "\xe9"
  ]) {
    it(`refuses the host ${JSON.stringify(host)}, whoever passes it`, () => {
      assert.strictEqual(refused({ host }).field, "host")
      assert.strictEqual(refused({ headers: { host } }).field, "host")
    })
  }

  it("refuses two hosts and two lengths", () => {
    assert.deepInclude(refused({ headers: { host: "a", Host: "a" } }), { field: "host", name: "Host" })
    assert.deepInclude(
      refused({ framing: RequestEncoder.length(1), headers: { "content-length": "1", "Content-Length": "1" } }),
      { field: "content-length" }
    )
  })

  for (const [framing, value] of [
    [RequestEncoder.length(5), "4"],
    [RequestEncoder.length(5), "5, 5"],
    [RequestEncoder.length(5), " 5"],
    [RequestEncoder.length(5), "+5"],
    [RequestEncoder.length(5), "0x5"],
    [RequestEncoder.length(5), "5.0"],
    [RequestEncoder.length(0), ""],
    [RequestEncoder.none, "5"],
    [RequestEncoder.none, "-0"],
    [RequestEncoder.chunked, "5"],
    [RequestEncoder.chunked, "0"]
  ] as const) {
    it(`refuses content-length ${JSON.stringify(value)} for ${JSON.stringify(framing)}`, () => {
      assert.strictEqual(refused({ framing, headers: { "content-length": value } }).field, "content-length")
    })
  }

  for (const length of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    it(`refuses a body of ${length} bytes`, () => {
      assert.strictEqual(refused({ framing: RequestEncoder.length(length) }).field, "content-length")
    })
  }

  for (const [name, value] of [
    ["transfer-encoding", "chunked"],
    ["Transfer-Encoding", "identity"],
    ["upgrade", "websocket"],
    ["HTTP2-Settings", "AAMAAABkAAQAAP__"],
    ["keep-alive", "timeout=5"],
    ["proxy-connection", "keep-alive"],
    ["connection", "upgrade"],
    ["connection", "close, foo"],
    ["connection", ""],
    ["connection", "close,"],
    ["te", "gzip"],
    ["te", "trailers, deflate"],
    ["te", ""]
  ] as const) {
    it(`refuses ${name}: ${value}`, () => {
      assert.deepInclude(refused({ headers: { [name]: value } }), { field: "forbidden header", name })
    })
  }

  it("names the character by its code, if that tells nothing", () => {
    assert.include(refused({ headers: { a: "b\n" } }).problem, "0x0A")
    assert.include(refused({ headers: { a: "b\u010a" } }).problem, "above 0xFF")
  })

  it("never shows a value", () => {
    for (const headers of [
      { authorization: "Basic secret\n" },
      { cookie: "secret\u{1f600}" },
      { host: "secret@x" },
      { te: "secret" },
      { upgrade: "secret" }
    ]) {
      assert.notInclude(JSON.stringify(refused({ headers: headers as Record<string, string> })), "secret")
    }
  })
})

describe("the pieces of a chunked body", () => {
  it("are sizes in hexadecimal, line ends and a last chunk", () => {
    assert.deepStrictEqual([1, 15, 31, 65536].map(RequestEncoder.chunkHead), ["1\r\n", "f\r\n", "1f\r\n", "10000\r\n"])
    assert.strictEqual(RequestEncoder.chunkEnd, "\r\n")
    assert.strictEqual(RequestEncoder.lastChunk, "0\r\n\r\n")
  })

  it("are never empty: that would end the body", () => {
    for (const length of [0, -1, 0.5, NaN, Infinity]) {
      assert.throws(() => RequestEncoder.chunkHead(length), RangeError)
    }
  })
})
