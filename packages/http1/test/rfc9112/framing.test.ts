import { RequestEncoder } from "@hotaru/http1"
import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const chunked = (rest: string) => rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "") + rest

const withLength = (value: string, rest = "") => rows("HTTP/1.1 200 OK", `Content-Length: ${value}`, "") + rest

requirements("RFC 9112", [
  {
    section: "6.1",
    level: "MUST",
    says: "a recipient reads chunks",
    examples: {
      "an answer in chunks": { answer: chunked("2\r\nok\r\n0\r\n\r\n"), gives: { body: "ok", fate: "Keep" } },
      "the name of the coding is case-insensitive": {
        answer: rows("HTTP/1.1 200 OK", "transfer-encoding: Chunked", "", "2", "ok", "0", ""),
        gives: { body: "ok", fate: "Keep" }
      }
    }
  },
  {
    section: "6.1",
    level: "MUST NOT",
    says: "a sender applies chunked more than once, or beside a length",
    examples: {
      once: {
        request: { method: "POST", framing: RequestEncoder.chunked },
        sends: rows("POST / HTTP/1.1", "Host: example.com", "Transfer-Encoding: chunked", "")
      },
      "a caller's coding is refused": {
        request: { method: "POST", framing: RequestEncoder.chunked, headers: { "transfer-encoding": "chunked" } },
        refused: "forbidden header"
      },
      "a caller's length beside chunks is refused (section 6.2)": {
        request: { method: "POST", framing: RequestEncoder.chunked, headers: { "content-length": "5" } },
        refused: "content-length"
      }
    }
  },
  {
    section: "6.1",
    level: "MUST",
    says: "HTTP/1.0 with a Transfer-Encoding is framed faultily: it is processed, and ends the connection",
    examples: {
      chunked: {
        answer: rows("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "", "2", "ok", "0", ""),
        gives: { body: "ok", fate: "Http10" }
      },
      "with keep-alive": {
        answer: rows("HTTP/1.0 200 OK", "Connection: keep-alive", "Transfer-Encoding: chunked", "", "0", ""),
        gives: { body: "", fate: "FaultyFraming" }
      },
      "chunks that end too early": {
        answer: rows("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "", "2", "ok"),
        finish: "fin",
        gives: { body: "ok", fate: "IncompleteBody" }
      },
      "with a length": {
        answer: rows("HTTP/1.0 200 OK", "Content-Length: 0", "Transfer-Encoding: chunked", ""),
        gives: { fate: "AmbiguousLength" }
      },
      "without a body": {
        method: "HEAD",
        answer: rows("HTTP/1.0 200 OK", "Connection: keep-alive", "Transfer-Encoding: chunked", ""),
        gives: { fate: "FaultyFraming" }
      },
      "in an interim answer": {
        answer: rows(
          "HTTP/1.0 103 Hints",
          "Transfer-Encoding: chunked",
          "",
          "HTTP/1.1 200 OK",
          "Content-Length: 0",
          ""
        ),
        gives: { interim: 1, fate: "ConnectionClose" }
      }
    }
  },
  {
    section: "6.1",
    level: "MAY",
    says: "an answer to HEAD and a 304 name the coding that their body would have had",
    examples: {
      HEAD: {
        method: "HEAD",
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", ""),
        gives: { status: 200, body: "", fate: "Keep" }
      },
      "304": {
        answer: rows("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked", ""),
        gives: { status: 304, body: "", fate: "Keep" }
      }
    }
  },
  {
    section: "6.3 rule 2",
    level: "MUST",
    says: "length and coding of a 2xx to CONNECT are ignored",
    examples: {
      "both at once, both wrong": {
        method: "CONNECT",
        answer: rows("HTTP/1.1 200 OK", "Content-Length: x", "Transfer-Encoding: y", ""),
        gives: { status: 200, fate: "Upgraded" }
      },
      "any 2xx": {
        method: "CONNECT",
        answer: rows("HTTP/1.1 299 OK", "Content-Length: 5", ""),
        gives: { fate: "Upgraded" }
      },
      "of a refused CONNECT they count": {
        method: "CONNECT",
        answer: `${rows("HTTP/1.1 502 No", "Content-Length: 2", "")}no`,
        gives: { body: "no", fate: "Keep" }
      }
    }
  },
  {
    section: "6.3 rule 3",
    level: "MAY",
    says: "a message with both is an error: Transfer-Encoding does not override silently",
    examples: {
      "length first": {
        answer: rows("HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked", "", "0", ""),
        gives: { body: "", fate: "AmbiguousLength" }
      },
      "coding first": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Length: 0", "", "0", ""),
        gives: { fate: "AmbiguousLength" }
      }
    }
  },
  {
    section: "6.3 rule 5",
    level: "MUST",
    says: "a bad length cannot be recovered from: the answer is discarded and the connection closed",
    examples: Object.fromEntries(
      ["", "+5", "-5", "0x5", "5.0", "5e0", "5 5", "five", "5;", "5,6", "5,", "\xb2", "\u00bd"].map((value) => [
        JSON.stringify(value),
        { answer: withLength(value, "hello"), gives: { interim: 0, body: "", fate: "AmbiguousLength" } as const }
      ])
    )
  },
  {
    section: "6.3 rule 5",
    level: "MAY",
    says: "a list of equal lengths may be read as one (RFC 9110 section 8.6), and is; it ends the connection",
    examples: {
      "in one line": { answer: withLength("5, 5", "hello"), gives: { body: "hello", fate: "FaultyFraming" } },
      "in two lines": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5", "")}hello`,
        gives: { body: "hello", fate: "FaultyFraming" }
      },
      "of 304, which has no body": {
        answer: rows("HTTP/1.1 304 Not Modified", "Content-Length: 5,5", ""),
        gives: { body: "", fate: "FaultyFraming" }
      },
      "not beside a coding": {
        answer: rows("HTTP/1.1 200 OK", "Content-Length: 5, 5", "Transfer-Encoding: chunked", "", "0", ""),
        gives: { fate: "AmbiguousLength" }
      },
      "nor with an empty item": { answer: withLength("5, , 5", "hello"), gives: { fate: "AmbiguousLength" } }
    }
  },
  {
    section: "6.3 rule 6",
    level: "MUST",
    says: "fewer bytes than announced make an incomplete message",
    examples: {
      "after a FIN": {
        answer: withLength("5", "hell"),
        finish: "fin",
        gives: { body: "hell", fate: "IncompleteBody" }
      },
      "after a reset": { answer: withLength("5", "hell"), finish: "reset", gives: { fate: "IncompleteBody" } },
      "none at all": { answer: withLength("1"), finish: "fin", gives: { body: "", fate: "IncompleteBody" } },
      "until then it waits": { answer: withLength("5", "hell"), gives: { body: "hell", fate: "waiting" } }
    }
  },
  {
    section: "6.3",
    level: "MUST",
    says: "a request with a body has a length or goes in chunks",
    examples: {
      "a length": {
        request: { method: "POST", framing: RequestEncoder.length(5) },
        sends: rows("POST / HTTP/1.1", "Host: example.com", "Content-Length: 5", "")
      },
      "a length that is not that of the body is refused": {
        request: { method: "POST", framing: RequestEncoder.length(5), headers: { "content-length": "6" } },
        refused: "content-length"
      },
      "a length without a body is refused": {
        request: { headers: { "content-length": "5" } },
        refused: "content-length"
      }
    }
  },
  {
    section: "6.3",
    level: "MUST NOT",
    says: "bytes behind the final answer are no answer",
    examples: {
      "another answer": {
        answer: withLength("2", `ok${withLength("0")}`),
        gives: { body: "ok", fate: "LeftoverBytes" }
      },
      "the rest of a body that was announced too short": {
        answer: withLength("2", "ok and more"),
        gives: { body: "ok", fate: "LeftoverBytes" }
      },
      "a body to HEAD": { method: "HEAD", answer: withLength("2", "ok"), gives: { body: "", fate: "LeftoverBytes" } },
      "a body of 204": {
        answer: `${rows("HTTP/1.1 204 No Content", "Content-Length: 2", "")}ok`,
        gives: { body: "", fate: "LeftoverBytes" }
      },
      "a line end, which may be discarded, and is not": {
        answer: withLength("2", "ok\r\n"),
        gives: { fate: "LeftoverBytes" }
      }
    }
  }
])
