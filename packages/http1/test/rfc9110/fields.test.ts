import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const answer = (...lines: ReadonlyArray<string>) => rows("HTTP/1.1 200 OK", ...lines, "Content-Length: 0", "")

const chunked = (rest: string) => rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "") + rest

requirements("RFC 9110", [
  {
    section: "4.2.4",
    level: "MUST NOT",
    says: "user info is sent in no target and no field",
    examples: {
      "in a caller's Host": { request: { headers: { host: "user:password@example.com" } }, refused: "host" },
      "in the host of the URL": { request: { host: "user@example.com" }, refused: "host" }
    }
  },
  {
    section: "5.1",
    level: "MUST",
    says: "names are compared without their case",
    examples: {
      "a length": {
        answer: `${rows("HTTP/1.1 200 OK", "cOnTeNt-LeNgTh: 2", "")}ok`,
        gives: { body: "ok", fate: "Keep" }
      },
      "a coding": {
        answer: rows("HTTP/1.1 200 OK", "TRANSFER-ENCODING: chunked", "", "0", ""),
        gives: { body: "", fate: "Keep" }
      },
      "an unknown field is passed on as it is": {
        answer: answer("x-UNKNOWN: v"),
        gives: { fields: ["x-UNKNOWN", "v", "Content-Length", "0"], fate: "Keep" }
      },
      "a caller's second Host in another case": { request: { headers: { host: "a", HOST: "a" } }, refused: "host" }
    }
  },
  {
    section: "5.3",
    level: "MUST NOT",
    says: "the order of lines with one name is changed",
    examples: {
      "in an answer": {
        answer: answer("A: 1", "B: 2", "a: 3"),
        gives: { fields: ["A", "1", "B", "2", "a", "3", "Content-Length", "0"] }
      },
      "in a request": {
        request: { headers: { b: "1", a: "2", B: "3" } },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "b: 1", "a: 2", "B: 3", "")
      }
    }
  },
  {
    section: "5.5",
    level: "MUST",
    says: "CR, LF and NUL in a value are refused",
    examples: {
      NUL: { answer: answer("A: b\0c"), gives: { fate: "MalformedHeader" } },
      "NUL at the end": { answer: answer("A: b\0"), gives: { fate: "MalformedHeader" } },
      CR: { answer: answer("A: b\rc"), gives: { fate: "MalformedHeader" } },
      LF: { answer: answer("A: b\nc"), gives: { fate: "MalformedHeader" } },
      "NUL in a trailer": { answer: chunked("0\r\nA: \0\r\n\r\n"), gives: { fate: "MalformedHeader" } },
      "NUL in an interim answer": {
        answer: rows("HTTP/1.1 103 Early Hints", "A: \0", ""),
        gives: { interim: 0, fate: "MalformedHeader" }
      },
      "none is sent": { request: { headers: { a: "b\0c" } }, refused: "header value" }
    }
  },
  {
    section: "5.5",
    level: "SHOULD",
    says: "other allowed bytes are opaque",
    examples: {
      "obs-text": {
        answer: answer("A: \x80\xff"),
        gives: { fields: ["A", "\x80\xff", "Content-Length", "0"], fate: "Keep" }
      },
      "tabs within": {
        answer: answer("A: b\t\tc"),
        gives: { fields: ["A", "b\t\tc", "Content-Length", "0"], fate: "Keep" }
      }
    }
  },
  {
    section: "5.6.1",
    level: "MUST",
    says: "empty items of a list are skipped",
    examples: {
      "before an option": { answer: answer("Connection: , ,close"), gives: { fate: "ConnectionClose" } },
      "behind it": { answer: answer("Connection: close,,"), gives: { fate: "ConnectionClose" } },
      alone: { answer: answer("Connection: ,"), gives: { fate: "Keep" } },
      "before the coding": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: , chunked", "", "0", ""),
        gives: { body: "", fate: "FaultyFraming" }
      },
      "behind chunked they are refused: readers see two ends": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked,", "", "0", ""),
        gives: { fate: "UnsupportedTransferCoding" }
      },
      "none is sent": { request: { headers: { connection: "close,," } }, refused: "forbidden header" }
    }
  },
  {
    section: "5.6.3",
    level: "MUST",
    says: "bad blanks are removed; after one in a chunk's size line, their only place here, the connection ends",
    examples: {
      "before a semicolon": {
        answer: chunked("2 ;a\r\nok\r\n0\r\n\r\n"),
        gives: { body: "ok", fate: "FaultyFraming" }
      },
      "behind it": { answer: chunked("2; a\r\nok\r\n0\r\n\r\n"), gives: { body: "ok", fate: "FaultyFraming" } },
      "around an equals sign": {
        answer: chunked("2;a = b\r\nok\r\n0\r\n\r\n"),
        gives: { body: "ok", fate: "FaultyFraming" }
      }
    }
  },
  {
    section: "5.6.4",
    level: "MUST",
    says: "a quoted pair stands for its second byte",
    examples: {
      "a quote that ends nothing": {
        answer: chunked('2;a="\\""\r\nok\r\n0\r\n\r\n'),
        gives: { body: "ok", fate: "Keep" }
      },
      "a backslash that escapes nothing": {
        answer: chunked('2;a="\\\\"\r\nok\r\n0\r\n\r\n'),
        gives: { body: "ok", fate: "Keep" }
      },
      "a line end cannot be quoted": { answer: chunked('2;a="\\\r\n"\r\nok'), gives: { fate: "MalformedChunk" } }
    }
  },
  {
    section: "6.5.1",
    level: "MUST NOT",
    says: "a trailer is merged into the head",
    examples: {
      "whatever it says": {
        answer: chunked("0\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\n\r\n"),
        gives: {
          fields: ["Transfer-Encoding", "chunked"],
          trailers: ["Content-Type", "text/html", "Set-Cookie", "a=b"],
          fate: "Keep"
        }
      }
    }
  }
])
