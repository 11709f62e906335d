import { requirements } from "../requirements.js"
import { rows } from "../support.js"

const answer = (...lines: ReadonlyArray<string>) => rows("HTTP/1.1 200 OK", ...lines, "Content-Length: 0", "")

requirements("RFC 9112", [
  {
    section: "4",
    level: "MUST",
    says: "the space behind the status is sent even without a reason; who leaves it out is read all the same",
    examples: {
      "with it": {
        answer: rows("HTTP/1.1 200 ", "Content-Length: 0", ""),
        gives: { status: 200, reason: "", fate: "Keep" }
      },
      "without it": {
        answer: rows("HTTP/1.1 200", "Content-Length: 0", ""),
        gives: { status: 200, reason: "", fate: "Keep" }
      }
    }
  },
  {
    section: "4",
    level: "SHOULD",
    says: "the reason means nothing",
    examples: {
      "a reason of another status": {
        answer: `${rows("HTTP/1.1 200 Not Modified", "Content-Length: 2", "")}ok`,
        gives: { status: 200, body: "ok", fate: "Keep" }
      },
      "a reason that looks like a field": {
        answer: rows("HTTP/1.1 200 Content-Length: 5", "Content-Length: 0", ""),
        gives: { body: "", fate: "Keep" }
      }
    }
  },
  {
    section: "4",
    level: "MAY",
    says: "other blanks may separate the parts of a status line; they do not here",
    examples: {
      "a vertical tab": { answer: "HTTP/1.1\x0b200 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "a form feed": { answer: "HTTP/1.1 200\x0cOK\r\n\r\n", gives: { fate: "MalformedStatusLine" } },
      "several spaces": { answer: "HTTP/1.1   200 OK\r\n\r\n", gives: { fate: "MalformedStatusLine" } }
    }
  },
  {
    section: "5.1",
    level: "MUST",
    says: "no blank stands between a name and its colon (who relays must remove it: who does not know it differs)",
    examples: {
      "a length": { answer: rows("HTTP/1.1 200 OK", "Content-Length : 5", ""), gives: { fate: "MalformedHeader" } },
      "a coding": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding\t: chunked", ""),
        gives: { fate: "MalformedHeader" }
      },
      "a trailer": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "0", "A : b", ""),
        gives: { fate: "MalformedHeader" }
      },
      "is never sent": { request: { headers: { "a ": "b" } }, refused: "header name" }
    }
  },
  {
    section: "5.1",
    level: "MUST",
    says: "blanks around a value are no part of it",
    examples: {
      "around a length": {
        answer: `${rows("HTTP/1.1 200 OK", "Content-Length: \t 2 \t ", "")}ok`,
        gives: { body: "ok", fate: "Keep" }
      },
      "around a coding": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding:\t chunked \t", "", "2", "ok", "0", ""),
        gives: { body: "ok", fate: "Keep" }
      },
      "around an option of the connection": {
        answer: answer("Connection:\tclose\t"),
        gives: { fate: "ConnectionClose" }
      },
      "around nothing": { answer: answer("A: \t "), gives: { fields: ["A", "", "Content-Length", "0"] } }
    }
  },
  {
    section: "5.2",
    level: "MUST NOT",
    says: "a sender folds no line",
    examples: {
      "with a space": { request: { headers: { a: "b\r\n c" } }, refused: "header value" },
      "with a tab": { request: { headers: { a: "b\r\n\tc" } }, refused: "header value" }
    }
  },
  {
    section: "5.2",
    level: "MUST",
    says: "a folded line is unfolded by a user agent; here it is refused, as Node's parser does (docs/rfc-coverage.md)",
    examples: {
      "in a value": { answer: answer("A: b", " c"), gives: { fate: "MalformedHeader" } },
      "in a length": {
        answer: rows("HTTP/1.1 200 OK", "Content-Length:", " 5", ""),
        gives: { fate: "MalformedHeader" }
      },
      "in a coding": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chun", " ked", ""),
        gives: { fate: "MalformedHeader" }
      },
      "in a trailer": {
        answer: rows("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "0", "A: b", " c", ""),
        gives: { fate: "MalformedHeader" }
      },
      "in an interim answer": {
        answer: rows("HTTP/1.1 103 Early Hints", "A: b", " c", ""),
        gives: { fate: "MalformedHeader" }
      }
    }
  }
])
