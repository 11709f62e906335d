import { RequestEncoder } from "@hotaru/http1"
import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const length = (status: string, content: string) => `${rows(status, `Content-Length: ${content.length}`, "")}${content}`

requirements("RFC 9110", [
  {
    section: "6.2",
    level: "SHOULD",
    says: "a higher minor version is read like the highest known; here it is refused (docs/rfc-coverage.md)",
    examples: {
      "HTTP/1.2": { answer: length("HTTP/1.2 200 OK", ""), gives: { fate: "UnsupportedVersion" } },
      "HTTP/1.9": { answer: length("HTTP/1.9 200 OK", ""), gives: { fate: "UnsupportedVersion" } }
    }
  },
  {
    section: "6",
    level: "MUST",
    says: "an answer is read by what was asked",
    examples: {
      "the same bytes to GET": { answer: length("HTTP/1.1 200 OK", "ok"), gives: { body: "ok", fate: "Keep" } },
      "to HEAD": {
        method: "HEAD",
        answer: rows("HTTP/1.1 200 OK", "Content-Length: 2", ""),
        gives: { body: "", fate: "Keep" }
      },
      "to CONNECT": {
        method: "CONNECT",
        answer: rows("HTTP/1.1 200 OK", "Content-Length: 2", ""),
        gives: { body: "", fate: "Upgraded" }
      }
    }
  },
  {
    section: "7.2",
    level: "SHOULD",
    says: "Host comes first",
    examples: {
      "before the caller's fields": {
        request: { headers: { accept: "*/*" } },
        sends: rows("GET / HTTP/1.1", "Host: example.com", "accept: */*", "")
      },
      "the caller's own as well": {
        request: { headers: { accept: "*/*", host: "other" } },
        sends: rows("GET / HTTP/1.1", "Host: other", "accept: */*", "")
      }
    }
  },
  {
    section: "7.6.1",
    level: "MUST",
    says: "a field about the connection is named in Connection; a caller may send none",
    examples: Object.fromEntries(
      ["keep-alive", "proxy-connection", "upgrade", "http2-settings", "transfer-encoding"].map((name) => [
        name,
        { request: { headers: { [name]: "x" } }, refused: "forbidden header" } as const
      ])
    )
  },
  {
    section: "7.8",
    level: "MUST",
    says: "no upgrade is sent without its option in Connection: none is sent at all",
    examples: {
      "a field": { request: { headers: { upgrade: "websocket" } }, refused: "forbidden header" },
      "an option": { request: { headers: { connection: "upgrade" } }, refused: "forbidden header" },
      "an offer in an answer is no switch": {
        answer: `${rows("HTTP/1.1 200 OK", "Connection: upgrade", "Upgrade: h2c", "Content-Length: 2", "")}ok`,
        gives: { body: "ok", fate: "Keep" }
      }
    }
  },
  {
    section: "8.6",
    level: "MUST",
    says: "large lengths neither overflow nor lose precision",
    examples: {
      "2 to the 32nd, plus 2": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 4294967298", "")}ok`,
        gives: { body: "ok", fate: "waiting" }
      },
      "2 to the 53rd, less one": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 9007199254740991", "")}ok`,
        gives: { body: "ok", fate: "waiting" }
      },
      "2 to the 53rd, plus one, which a double cannot hold": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 9007199254740993", "")}ok`,
        gives: { body: "", fate: "AmbiguousLength" }
      },
      "2 to the 64th, plus 2": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: 18446744073709551618", "")}ok`,
        gives: { fate: "AmbiguousLength" }
      },
      "leading zeros mean nothing": {
        answer: `${rows("HTTP/1.1 200 OK", `Content-Length: ${"0".repeat(40)}2`, "")}ok`,
        gives: { body: "ok", fate: "Keep" }
      }
    }
  },
  {
    section: "8.6",
    level: "SHOULD",
    says: "a request without content has no length, one with an empty content has 0",
    examples: {
      GET: { request: {}, sends: rows("GET / HTTP/1.1", "Host: example.com", "") },
      POST: {
        request: { method: "POST", framing: RequestEncoder.length(0) },
        sends: rows("POST / HTTP/1.1", "Host: example.com", "Content-Length: 0", "")
      }
    }
  },
  {
    section: "9.1",
    level: "MUST",
    says: "a method is a token, and its case counts",
    examples: {
      "any token": {
        request: { method: "M-SEARCH" },
        sends: rows("M-SEARCH / HTTP/1.1", "Host: example.com", "")
      },
      "lower case is left alone": {
        request: { method: "get" },
        sends: rows("get / HTTP/1.1", "Host: example.com", "")
      },
      "head is not HEAD": {
        method: "head",
        answer: length("HTTP/1.1 200 OK", "ok"),
        gives: { body: "ok", fate: "Keep" }
      },
      "no token": { request: { method: "GET /" }, refused: "method" }
    }
  },
  {
    section: "9.3.2",
    level: "MUST NOT",
    says: "an answer to HEAD has content",
    examples: {
      "a length": {
        method: "HEAD",
        answer: rows("HTTP/1.1 404 Not Found", "Content-Length: 500", ""),
        gives: { status: 404, body: "", fate: "Keep" }
      },
      "no length": { method: "HEAD", answer: rows("HTTP/1.1 200 OK", ""), gives: { body: "", fate: "Keep" } }
    }
  },
  {
    section: "15",
    level: "MUST",
    says: "a status that nobody knows is read by its class",
    examples: {
      "1xx comes before another answer": {
        answer: rows("HTTP/1.1 199 Odd", "Content-Length: 2", "") + length("HTTP/1.1 200 OK", "ok"),
        gives: { interim: 1, status: 200, body: "ok", fate: "Keep" }
      },
      "2xx": { answer: length("HTTP/1.1 299 Odd", "ok"), gives: { status: 299, body: "ok", fate: "Keep" } },
      "3xx": { answer: length("HTTP/1.1 399 Odd", "ok"), gives: { status: 399, body: "ok", fate: "Keep" } },
      "5xx": { answer: length("HTTP/1.1 599 Odd", "ok"), gives: { status: 599, body: "ok", fate: "Keep" } },
      "600 and above are a final answer, for the caller to judge": {
        answer: length("HTTP/1.1 999 Odd", "ok"),
        gives: { status: 999, body: "ok", fate: "Keep" }
      },
      "below 100 there is no class": { answer: length("HTTP/1.1 099 Odd", ""), gives: { fate: "MalformedStatusLine" } }
    }
  },
  {
    section: "15.2",
    level: "MUST",
    says: "interim answers are read though nobody expects them, one or more",
    examples: {
      "100": {
        answer: rows("HTTP/1.1 100 Continue", "") + length("HTTP/1.1 200 OK", "ok"),
        gives: { interim: 1, body: "ok", fate: "Keep" }
      },
      several: {
        answer:
          rows(
            "HTTP/1.1 100 Continue",
            "",
            "HTTP/1.1 102 Processing",
            "",
            "HTTP/1.1 103 Early Hints",
            "Link: </a>",
            ""
          ) + length("HTTP/1.1 200 OK", "ok"),
        gives: { interim: 3, status: 200, fields: ["Content-Length", "2"], body: "ok", fate: "Keep" }
      },
      "to HEAD": {
        method: "HEAD",
        answer: rows("HTTP/1.1 103 Early Hints", "", "HTTP/1.1 200 OK", "Content-Length: 2", ""),
        gives: { interim: 1, body: "", fate: "Keep" }
      },
      "to CONNECT they make no tunnel": {
        method: "CONNECT",
        answer: rows("HTTP/1.1 103 Early Hints", "", "HTTP/1.1 200 OK", ""),
        gives: { interim: 1, status: 200, fate: "Upgraded" }
      },
      "of HTTP/1.0, which has none": {
        answer: rows("HTTP/1.0 100 Continue", "") + length("HTTP/1.1 200 OK", "ok"),
        gives: { interim: 1, body: "ok", fate: "Keep" }
      }
    }
  },
  {
    section: "15.2.2",
    level: "MUST",
    says: "101 answers a request that asked for another protocol, and no other",
    examples: {
      unasked: {
        answer: rows("HTTP/1.1 101 Switching Protocols", "Upgrade: h2c", ""),
        gives: { fate: "UnexpectedUpgrade" }
      },
      "unasked, behind an interim answer": {
        answer: rows("HTTP/1.1 103 Early Hints", "", "HTTP/1.1 101 Switching Protocols", ""),
        gives: { interim: 1, fate: "UnexpectedUpgrade" }
      },
      "asked for": {
        upgrade: true,
        answer: rows("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade", ""),
        gives: { status: 101, fate: "Upgraded" }
      },
      "asked for and declined": {
        upgrade: true,
        answer: length("HTTP/1.1 200 OK", "ok"),
        gives: { status: 200, body: "ok", fate: "Keep" }
      }
    }
  },
  {
    section: "15.3.5 and 15.4.5",
    level: "MUST NOT",
    says: "204 and 304 have content, whatever their fields say",
    examples: Object.fromEntries(
      ["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"].flatMap((status) => [
        [
          `${status}, with a length`,
          { answer: rows(status, "Content-Length: 5", ""), gives: { body: "", fate: "Keep" } } as const
        ],
        [`${status}, without`, { answer: rows(status, ""), gives: { body: "", fate: "Keep" } } as const]
      ])
    )
  },
  {
    section: "15.3.6",
    level: "MUST NOT",
    says: "205 has content; one that has some is read to its end all the same, or its bytes would answer the next request",
    examples: {
      none: { answer: length("HTTP/1.1 205 Reset Content", ""), gives: { body: "", fate: "Keep" } },
      some: { answer: length("HTTP/1.1 205 Reset Content", "ok"), gives: { body: "ok", fate: "Keep" } }
    }
  }
])
