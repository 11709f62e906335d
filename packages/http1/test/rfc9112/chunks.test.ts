import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const chunked = (rest: string) => rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "") + rest

requirements("RFC 9112", [
  {
    section: "7",
    level: "MUST",
    says: "an unknown coding is no end that could be seen: refused",
    examples: Object.fromEntries(
      [
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked, identity",
        "",
        "chunked;a=b",
        "x-chunked"
      ].map((value) => [
        JSON.stringify(value),
        {
          answer: rows("HTTP/1.1 200 OK", `Transfer-Encoding: ${value}`, "", "0", ""),
          gives: { body: "", fate: "UnsupportedTransferCoding" } as const
        }
      ])
    )
  },
  {
    section: "7.1",
    level: "MUST",
    says: "chunks are parsed and decoded",
    examples: {
      "several, of other sizes": {
        answer: chunked("1\r\na\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
        gives: { body: "a0123456789abcdef", fate: "Keep" }
      },
      "sizes in either case": {
        answer: chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        gives: { body: "01234567890123456789", fate: "Keep" }
      },
      "a last chunk of several zeros": { answer: chunked("000\r\n\r\n"), gives: { body: "", fate: "Keep" } },
      "content that looks like a last chunk": {
        answer: chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        gives: { body: "0\r\n\r\n", fate: "Keep" }
      }
    }
  },
  {
    section: "7.1",
    level: "MUST",
    says: "large sizes neither overflow nor lose precision",
    examples: {
      "2 to the 53rd, less one": {
        answer: chunked("1fffffffffffff\r\na"),
        finish: "fin",
        gives: { body: "a", fate: "IncompleteBody" }
      },
      "2 to the 53rd": { answer: chunked("20000000000000\r\na"), gives: { body: "", fate: "MalformedChunk" } },
      "2 to the 53rd, plus one, which a double cannot hold": {
        answer: chunked("20000000000001\r\na"),
        gives: { fate: "MalformedChunk" }
      },
      "2 to the 32nd, plus 2": { answer: chunked("100000002\r\nok"), gives: { body: "ok", fate: "waiting" } },
      "2 to the 64th, plus 2": {
        answer: chunked("10000000000000002\r\nok\r\n0\r\n\r\n"),
        gives: { fate: "MalformedChunk" }
      },
      "as many digits as a line holds": {
        answer: chunked(`${"f".repeat(400)}\r\na`),
        gives: { fate: "MalformedChunk" }
      }
    }
  },
  {
    section: "7.1.1",
    level: "MUST",
    says: "unrecognized chunk extensions are ignored",
    examples: {
      "a name": { answer: chunked("2;a\r\nok\r\n0\r\n\r\n"), gives: { body: "ok", fate: "Keep" } },
      "a value": { answer: chunked("2;a=b\r\nok\r\n0\r\n\r\n"), gives: { body: "ok", fate: "Keep" } },
      "a quoted value with delimiters": {
        answer: chunked('2;a="b;c\\"=d"\r\nok\r\n0\r\n\r\n'),
        gives: { body: "ok", fate: "Keep" }
      },
      "of the last chunk": { answer: chunked("2\r\nok\r\n0;a=b\r\n\r\n"), gives: { body: "ok", fate: "Keep" } },
      "one that looks like a size": { answer: chunked("2;5\r\nok\r\n0\r\n\r\n"), gives: { body: "ok", fate: "Keep" } }
    }
  },
  {
    section: "7.1.2",
    level: "MUST NOT",
    says: "trailers are not merged into the head",
    examples: {
      "a field that the head has": {
        answer: rows("HTTP/1.1 200 OK", "A: head", "Transfer-Encoding: chunked", "", "0", "A: trailer", ""),
        gives: {
          fields: ["A", "head", "Transfer-Encoding", "chunked"],
          trailers: ["A", "trailer"],
          fate: "Keep"
        }
      },
      "one that would change the framing (RFC 9110 section 6.5.1)": {
        answer: chunked("0\r\nContent-Length: 5\r\n\r\n"),
        gives: { fate: "AmbiguousLength" }
      },
      "a coding is a trailer that frames nothing": {
        answer: chunked("0\r\nTransfer-Encoding: gzip\r\n\r\n"),
        gives: { trailers: ["Transfer-Encoding", "gzip"], fate: "Keep" }
      },
      "one about the connection does not change its fate": {
        answer: chunked("0\r\nConnection: close\r\n\r\n"),
        gives: { trailers: ["Connection", "close"], fate: "Keep" }
      }
    }
  },
  {
    section: "7.4",
    level: "MUST NOT",
    says: "chunked is not named in TE",
    examples: {
      alone: { request: { headers: { te: "chunked" } }, refused: "forbidden header" },
      "among others": { request: { headers: { TE: "trailers, chunked" } }, refused: "forbidden header" }
    }
  },
  {
    section: "7.4",
    level: "MUST",
    says: "who sends TE lists it in Connection",
    examples: {
      trailers: {
        request: { headers: { te: "trailers" } },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "te: trailers", "Connection: TE", "")
      },
      "beside close": {
        request: { headers: { te: "trailers" }, close: true },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "te: trailers", "Connection: close, TE", "")
      }
    }
  }
])
