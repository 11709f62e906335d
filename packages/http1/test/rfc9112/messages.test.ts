import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const answer = (...lines: ReadonlyArray<string>) => rows("HTTP/1.1 200 OK", ...lines, "Content-Length: 0", "")

const chunked = (rest: string) => rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "") + rest

requirements("RFC 9112", [
  {
    section: "2.2",
    level: "MUST",
    says: "a message is parsed as octets, in a superset of US-ASCII",
    examples: {
      "UTF-8 whose characters hold CR and LF (U+010D, U+010A) ends no line": {
        answer: answer("A: \xc4\x8d\xc4\x8aB"),
        gives: { fields: ["A", "\xc4\x8d\xc4\x8aB", "Content-Length", "0"], fate: "Keep" }
      },
      "UTF-16 is no message": {
        answer: "\xff\xfeH\0T\0T\0P\0/\x001\0.\x001\0",
        gives: { fate: "MalformedStatusLine" }
      },
      "a byte order mark is no message": { answer: `\xef\xbb\xbf${answer()}`, gives: { fate: "MalformedStatusLine" } },
      "a non-breaking space is no blank": {
        answer: "HTTP/1.1\xa0200 OK\r\n\r\n",
        gives: { fate: "MalformedStatusLine" }
      },
      "a letter with a dot is no letter of a field's name": {
        answer: answer("Content-Length\xc4\xb0: 0"),
        gives: { fate: "MalformedHeader" }
      }
    }
  },
  {
    section: "2.2",
    level: "MUST",
    says: "an element with a bare CR is invalid",
    examples: {
      "in a version": { answer: "HTTP/1.\r1 200 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "in a status": { answer: "HTTP/1.1 2\r00 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "in a reason": { answer: "HTTP/1.1 200 O\rK\r\n\r\n", gives: { fate: "MalformedHeader" } },
      "in a field's name": { answer: answer("A\rB: c"), gives: { fate: "MalformedHeader" } },
      "before a colon": { answer: answer("A\r: b"), gives: { fate: "MalformedHeader" } },
      "before a value": { answer: answer("A:\rb"), gives: { fate: "MalformedHeader" } },
      "in a value": { answer: answer("A: b\rc"), gives: { fate: "MalformedHeader" } },
      "that looks like a line end to a reader that replaces it": {
        answer: answer("A: b\rContent-Length: 5"),
        gives: { fate: "MalformedHeader" }
      },
      "in a chunk's size": { answer: chunked("0\r0\r\n\r\n"), gives: { fate: "MalformedChunk" } },
      "in a chunk extension": { answer: chunked("0;a\rb\r\n\r\n"), gives: { fate: "MalformedChunk" } },
      "in a quoted chunk extension": { answer: chunked('0;a="\r"\r\n\r\n'), gives: { fate: "MalformedChunk" } },
      "behind a chunk": { answer: chunked("1\r\na\r\r\n0\r\n\r\n"), gives: { fate: "MalformedChunk" } },
      "in a trailer": { answer: chunked("0\r\nA: b\rc\r\n\r\n"), gives: { fate: "MalformedHeader" } },
      "is content like any other byte": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 3", "")}a\rb`,
        gives: { body: "a\rb", fate: "Keep" }
      }
    }
  },
  {
    section: "2.2",
    level: "MAY",
    says: "a single LF may end a line; it does not here, since two readers would see two messages",
    examples: {
      "before a field that smuggles": { answer: answer("A: b\nContent-Length: 5"), gives: { fate: "MalformedHeader" } },
      "between two field lines of a trailer": {
        answer: chunked("0\r\nA: b\nC: d\r\n\r\n"),
        gives: { fate: "MalformedHeader" }
      }
    }
  },
  {
    section: "2.2",
    level: "MUST",
    says: "blanks between the status line and the first field are refused",
    examples: {
      "a space": { answer: answer(" A: b"), gives: { fate: "MalformedHeader" } },
      "a tab": { answer: answer("\tA: b"), gives: { fate: "MalformedHeader" } },
      "a line of blanks": { answer: answer("  "), gives: { fate: "MalformedHeader" } },
      "that hide a length": {
        answer: rows("HTTP/1.1 200 OK", " Content-Length: 5", "Content-Length: 0", ""),
        gives: { fate: "MalformedHeader" }
      }
    }
  },
  {
    section: "2.2",
    level: "MUST NOT",
    says: "a request has no line end before it or behind it, and no blank before its first field",
    examples: {
      "without a body": { request: {}, sends: "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n" },
      "with a line end for a method": { request: { method: "\r\nGET" }, refused: "method" },
      "with a field that is an empty line": { request: { headers: { "": "" } }, refused: "header name" },
      "with a blank before a name": { request: { headers: { " a": "b" } }, refused: "header name" }
    }
  },
  {
    section: "2.2",
    level: "MUST NOT",
    says: "a sender generates no bare CR",
    examples: {
      "in a method": { request: { method: "G\rT" }, refused: "method" },
      "in a target": { request: { target: "/\r" }, refused: "target" },
      "in a name": { request: { headers: { "a\r": "b" } }, refused: "header name" },
      "in a value": { request: { headers: { a: "b\rc" } }, refused: "header value" },
      "at the end of a value": { request: { headers: { a: "b\r" } }, refused: "header value" }
    }
  },
  {
    section: "2.3",
    level: "MUST",
    says: "HTTP and the version are case-sensitive, digit dot digit",
    examples: {
      "lower case": { answer: "http/1.1 200 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "no dot": { answer: "HTTP/11 200 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "HTTP/1.0": { answer: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", gives: { status: 200, fate: "Http10" } },
      "a request says HTTP/1.1": {
        request: { method: "DELETE" },
        sends: "DELETE / HTTP/1.1\r\nHost: example.com\r\n\r\n"
      }
    }
  },
  {
    section: "3.2",
    level: "MUST",
    says: "every request has one Host, also where its target names one",
    examples: {
      "origin-form": { request: { target: "/a" }, sends: "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n" },
      "absolute-form": {
        request: { target: "http://example.com/a" },
        sends: "GET http://example.com/a HTTP/1.1\r\nHost: example.com\r\n\r\n"
      },
      "authority-form": {
        request: { method: "CONNECT", target: "example.com:443", host: "example.com:443" },
        sends: "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"
      },
      "asterisk-form": {
        request: { method: "OPTIONS", target: "*" },
        sends: "OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n"
      },
      "two of them are refused": { request: { headers: { Host: "a", host: "b" } }, refused: "host" },
      "one with user info is refused": { request: { host: "user:password@example.com" }, refused: "host" },
      "one with a path is refused": { request: { host: "example.com/a" }, refused: "host" },
      "an empty one is refused: http and https have no empty host": { request: { host: "" }, refused: "host" }
    }
  },
  {
    section: "3",
    level: "MUST",
    says: "single spaces separate method, target and version",
    examples: {
      "a space in a target is refused": { request: { target: "/a b" }, refused: "target" },
      "a tab in a target is refused": { request: { target: "/a\tb" }, refused: "target" },
      "a target that ends the line is refused": { request: { target: "/ HTTP/1.1\r\nA: b" }, refused: "target" },
      "an empty target is refused": { request: { target: "" }, refused: "target" }
    }
  }
])
