import { assert, describe, it } from "@effect/vitest"
import { requirements } from "../requirements.js"
import { bytes, decode, decoderOf, end, rows } from "../support.js"

const ok = `${rows("HTTP/1.1 200 OK", "Content-Length: 2", "")}ok`

const ending = (...lines: ReadonlyArray<string>) => rows(...lines, "Content-Length: 0", "")

requirements("RFC 9112", [
  {
    section: "8",
    level: "MUST",
    says: "an answer that ends too early is recorded as incomplete",
    examples: {
      "before its first byte": { answer: "", finish: "fin", gives: { fate: "NoResponse" } },
      "within a status line": { answer: "HTTP/1.1 2", finish: "fin", gives: { fate: "IncompleteHead" } },
      "within its fields": { answer: "HTTP/1.1 200 OK\r\nA: b\r\n", finish: "fin", gives: { fate: "IncompleteHead" } },
      "behind an interim answer": {
        answer: rows("HTTP/1.1 100 Continue", ""),
        finish: "fin",
        gives: { interim: 1, fate: "IncompleteHead" }
      },
      "within a body with a length": {
        answer: ok.slice(0, -1),
        finish: "fin",
        gives: { body: "o", fate: "IncompleteBody" }
      },
      "within chunks": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "2", "ok"),
        finish: "fin",
        gives: { body: "ok", fate: "IncompleteBody" }
      },
      "within trailers": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "0", "A: b"),
        finish: "fin",
        gives: { trailers: [], fate: "IncompleteBody" }
      },
      "where chunks cannot be decoded": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "2", "ok", "x"),
        gives: { body: "ok", fate: "MalformedChunk" }
      },
      "by a reset, where the end is the connection's": {
        answer: `${rows("HTTP/1.1 200 OK", "")}ok`,
        finish: "reset",
        gives: { body: "ok", fate: "IncompleteBody" }
      },
      "not by a FIN there": {
        answer: `${rows("HTTP/1.1 200 OK", "")}ok`,
        finish: "fin",
        gives: { body: "ok", fate: "DelimitedByClose" }
      }
    }
  },
  {
    section: "9.3",
    level: "MAY",
    says: "a connection is used again until one side says close, or HTTP/1.0 does not say keep-alive",
    examples: {
      "HTTP/1.1": { answer: ending("HTTP/1.1 200 OK"), gives: { fate: "Keep" } },
      "HTTP/1.0": { answer: ending("HTTP/1.0 200 OK"), gives: { fate: "Http10" } },
      "HTTP/1.0 with keep-alive": {
        answer: ending("HTTP/1.0 200 OK", "Connection: Keep-Alive"),
        gives: { fate: "Keep" }
      },
      "HTTP/1.0 with a Keep-Alive field alone": {
        answer: ending("HTTP/1.0 200 OK", "Keep-Alive: timeout=5"),
        gives: { fate: "Http10" }
      },
      "an error's status does not end it": { answer: ending("HTTP/1.1 500 No"), gives: { fate: "Keep" } }
    }
  },
  {
    section: "9.3",
    level: "MUST",
    says: "a client that keeps no connection says close in every request",
    examples: {
      close: {
        request: { close: true },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "Connection: close", "")
      },
      "a caller's keep-alive does not undo it": {
        request: { close: true, headers: { connection: "keep-alive" } },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "Connection: close", "")
      }
    }
  },
  {
    section: "9.6",
    level: "MUST",
    says: "an answer with close is the last one, however close is written",
    examples: {
      plain: { answer: ending("HTTP/1.1 200 OK", "Connection: close"), gives: { fate: "ConnectionClose" } },
      "in upper case": { answer: ending("HTTP/1.1 200 OK", "CONNECTION: CLOSE"), gives: { fate: "ConnectionClose" } },
      "in a list": { answer: ending("HTTP/1.1 200 OK", "Connection: a, close, b"), gives: { fate: "ConnectionClose" } },
      "in a second line": {
        answer: ending("HTTP/1.1 200 OK", "Connection: a", "Connection: close"),
        gives: { fate: "ConnectionClose" }
      },
      "behind keep-alive": {
        answer: ending("HTTP/1.1 200 OK", "Connection: keep-alive, close"),
        gives: { fate: "ConnectionClose" }
      },
      "in HTTP/1.0, behind keep-alive": {
        answer: ending("HTTP/1.0 200 OK", "Connection: keep-alive, close"),
        gives: { fate: "ConnectionClose" }
      },
      "without a body": {
        answer: rows("HTTP/1.1 204 No Content", "Connection: close", ""),
        gives: { fate: "ConnectionClose" }
      },
      "not in a longer word": { answer: ending("HTTP/1.1 200 OK", "Connection: closed"), gives: { fate: "Keep" } }
    }
  }
])

describe("RFC 9112 section 9.2, MUST: each answer belongs to the first request that has none", () => {
  it("one request, one final answer, with any interim ones before it", () => {
    const decoder = decoderOf({})
    for (const method of ["GET", "HEAD", "POST"]) {
      decoder.start(method)
      const answer = rows("HTTP/1.1 103 Early Hints", "") + (method === "HEAD" ? ok.slice(0, -2) : ok)
      const events = decoder.push(bytes(answer)).map((event) => event._tag)
      assert.deepStrictEqual(events, ["InformationalHead", "Head", ...(method === "HEAD" ? [] : ["Chunk"]), "End"])
      assert.isFalse(decoder.expecting)
    }
  })

  it("a second request is refused while the first has no answer: there is no pipelining", () => {
    const decoder = decoderOf({})
    decoder.start("GET")
    decoder.push(bytes(rows("HTTP/1.1 100 Continue", "")))
    assert.throws(() => decoder.start("GET"), /not complete/)
  })
})

describe("RFC 9112 section 9.2, MUST NOT: data without a request is no answer", () => {
  for (const [what, stray] of [
    ["an answer", ok],
    ["a timeout's 408", ending("HTTP/1.1 408 Request Timeout", "Connection: close")],
    ["a line end", "\r\n"],
    ["one byte", "H"]
  ] as const) {
    it(`${what} before the first request`, () => {
      const decoder = decoderOf({})
      assert.deepInclude(decoder.push(bytes(stray))[0], { _tag: "Failed" })
      assert.throws(() => decoder.start("GET"), /Failed/)
    })

    it(`${what} between two requests`, () => {
      const decoder = decoderOf({})
      decoder.start("GET")
      assert.strictEqual(decoder.push(bytes(ok)).at(-1)?._tag, "End")
      const [event] = decoder.push(bytes(stray))
      assert.strictEqual(event?._tag === "Failed" ? event.error.kind : event?._tag, "UnexpectedBytes")
      assert.throws(() => decoder.start("GET"), /Failed/)
    })
  }
})

describe("RFC 9112 section 9.6, MUST: no request follows any answer with close", () => {
  it("not behind an interim answer with close either", () => {
    const answer = rows("HTTP/1.1 103 Early Hints", "Connection: close", "") + ok
    assert.deepStrictEqual(end(decode({ answer })), { _tag: "Close", reason: "ConnectionClose" })
  })
})
