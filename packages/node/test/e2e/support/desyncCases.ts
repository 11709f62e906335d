/** Answers that say too much, too little or two things at once; behind most of them comes an answer that nobody asked for. */
import { HttpClientRequest } from "@effect/platform"
import { head, type Outcome, poison } from "./desync.js"

const text = (body: string, status = 200): Outcome => ({ status, text: body })
const malformed = (kind: string): Outcome => ({ error: `MalformedResponse ${kind}` })

export interface Case {
  readonly what: string
  readonly bytes: string
  readonly outcome: Outcome
  readonly request?: HttpClientRequest.HttpClientRequest
}

const HEAD = HttpClientRequest.head("/first")
const chunked = "transfer-encoding: chunked"
/** After a body in chunks that begins with these bytes comes what would be the end, and an answer. */
const inChunks = (...lines: ReadonlyArray<string>) => head(chunked) + lines.join("\r\n") + poison

/** All is well with the answer; what follows it is not part of it. */
export const leftover: ReadonlyArray<Case> = [
  { what: "a second answer", bytes: `${head("content-length: 5")}first${poison}`, outcome: text("first") },
  {
    what: "the beginning of a second answer",
    bytes: `${head("content-length: 5")}firstHTTP/1`,
    outcome: text("first")
  },
  { what: "a second answer after a chunked body", bytes: inChunks("5", "first", "0", "", ""), outcome: text("first") },
  {
    what: "a second answer after trailers",
    bytes: inChunks("5", "first", "0", "x: y", "", ""),
    outcome: text("first")
  },
  {
    what: "a second answer after a chunk size of many digits",
    bytes: inChunks(`${"0".repeat(20)}5`, "first", "0", "", ""),
    outcome: text("first")
  },
  {
    what: "an interim answer",
    bytes: `${head("content-length: 5")}first${head("HTTP/1.1 100 Continue")}`,
    outcome: text("first")
  },
  { what: "an empty line", bytes: `${head("content-length: 5")}first\r\n`, outcome: text("first") },
  { what: "a single NUL", bytes: `${head("content-length: 5")}first\0`, outcome: text("first") },
  {
    what: "the rest of a body whose Content-Length is too small",
    bytes: `${head("content-length: 2")}first${poison}`,
    outcome: text("fi")
  },
  { what: "a body after Content-Length: 0", bytes: head("content-length: 0") + poison, outcome: text("") },
  { what: "a body of an answer to HEAD", bytes: head("content-length: 52") + poison, outcome: text(""), request: HEAD },
  { what: "chunks of an answer to HEAD", bytes: inChunks("5", "first", "0", "", ""), outcome: text(""), request: HEAD },
  { what: "a body of a 204", bytes: head("HTTP/1.1 204 No Content") + poison, outcome: text("", 204) },
  {
    what: "a body of a 304",
    bytes: head("HTTP/1.1 304 Not Modified", "content-length: 52") + poison,
    outcome: text("", 304)
  },
  { what: "an answer to HEAD without a length", bytes: head() + poison, outcome: text(""), request: HEAD },
  {
    what: "a body of a 204 with its length",
    bytes: head("HTTP/1.1 204 No Content", "content-length: 52") + poison,
    outcome: text("", 204)
  },
  {
    what: "chunks of a 204",
    bytes: `${head("HTTP/1.1 204 No Content", chunked)}5\r\nfirst\r\n0\r\n\r\n${poison}`,
    outcome: text("", 204)
  },
  {
    what: "chunks of a 304",
    bytes: `${head("HTTP/1.1 304 Not Modified", chunked)}5\r\nfirst\r\n0\r\n\r\n${poison}`,
    outcome: text("", 304)
  },
  {
    what: "a body of a 304 without a length",
    bytes: head("HTTP/1.1 304 Not Modified") + poison,
    outcome: text("", 304)
  },
  {
    what: "a body of a 205",
    bytes: head("HTTP/1.1 205 Reset Content", "content-length: 0") + poison,
    outcome: text("", 205)
  },
  {
    what: "a second answer after Transfer-Encoding among the trailers",
    bytes: inChunks("5", "first", "0", chunked, "", ""),
    outcome: text("first")
  },
  {
    what: "the second of two answers after an interim one",
    bytes: `${head("HTTP/1.1 103 Early Hints")}${head("content-length: 5")}first${poison}`,
    outcome: text("first")
  }
]

/** Faulty, but there is one way only to read it; what follows it is not part of it. */
export const faulty: ReadonlyArray<Case> = [
  [
    "Transfer-Encoding in HTTP/1.0",
    `${head("HTTP/1.0 200 OK", "connection: keep-alive", chunked)}5\r\nfirst\r\n0\r\n\r\n${poison}`
  ],
  ["identity before chunked", `${head("transfer-encoding: identity, chunked")}5\r\nfirst\r\n0\r\n\r\n${poison}`],
  ["one length twice", `${head("content-length: 5", "content-length: 5")}first${poison}`],
  ["one length twice on one line", `${head("content-length: 5, 5")}first${poison}`],
  ["a blank after a chunk size", inChunks("5 ", "first", "0", "", "")],
  ["a tab after a chunk size", inChunks("5\t", "first", "0", "", "")],
  ["blanks after the last chunk's size", inChunks("5", "first", "0   ", "", "")],
  ["blanks around a chunk extension", inChunks("5 ; a = b ", "first", "0", "", "")],
  ["a chunk extension without a value", inChunks("5;a=", "first", "0", "", "")]
].map(([what, bytes]) => ({ what: what!, bytes: bytes!, outcome: text("first") }))

/** Two readers could see two ends, so there is none. */
export const refused: ReadonlyArray<Case> = [
  [
    "Content-Length beside Transfer-Encoding",
    `${head("content-length: 5", chunked)}0\r\n\r\n${poison}`,
    "AmbiguousLength"
  ],
  [
    "Transfer-Encoding before Content-Length",
    `${head(chunked, "content-length: 5")}0\r\n\r\n${poison}`,
    "AmbiguousLength"
  ],
  ["two lengths", `${head("content-length: 5", "content-length: 6")}first${poison}`, "AmbiguousLength"],
  ["two lengths on one line", `${head("content-length: 5, 6")}first${poison}`, "AmbiguousLength"],
  ["a length with a sign", `${head("content-length: +5")}first${poison}`, "AmbiguousLength"],
  ["a length in hexadecimal", `${head("content-length: 0x5")}first${poison}`, "AmbiguousLength"],
  ["a negative length", `${head("content-length: -1")}first${poison}`, "AmbiguousLength"],
  [
    "a length that is too large to count",
    `${head("content-length: 18446744073709551621")}first${poison}`,
    "AmbiguousLength"
  ],
  [
    "chunked, identity",
    `${head("transfer-encoding: chunked, identity")}0\r\n\r\n${poison}`,
    "UnsupportedTransferCoding"
  ],
  ["xchunked", `${head("transfer-encoding: xchunked")}0\r\n\r\n${poison}`, "UnsupportedTransferCoding"],
  ["chunked twice", `${head(chunked, chunked)}0\r\n\r\n${poison}`, "UnsupportedTransferCoding"],
  ["chunked in quotes", `${head('transfer-encoding: "chunked"')}0\r\n\r\n${poison}`, "UnsupportedTransferCoding"],
  [
    "Transfer-Encoding and a length in HTTP/1.0",
    `${head("HTTP/1.0 200 OK", "connection: keep-alive", chunked, "content-length: 5")}0\r\n\r\n${poison}`,
    "AmbiguousLength"
  ],
  ["a blank before the colon", `${head("transfer-encoding : chunked")}0\r\n\r\n${poison}`, "MalformedHeader"],
  ["a folded line", `${head("transfer-encoding:\r\n chunked", "content-length: 5")}first${poison}`, "MalformedHeader"],
  ["a vertical tab before chunked", `${head("transfer-encoding: \x0bchunked")}0\r\n\r\n${poison}`, "MalformedHeader"],
  ["a bare CR in a line", head("x: y\rcontent-length: 0", "content-length: 52") + poison, "MalformedHeader"],
  ["a trailer with a bare LF", inChunks("5", "first", "0", "x: y\nz: w", "", ""), "MalformedHeader"],
  ["a blank before a trailer's colon", inChunks("5", "first", "0", "x : y", "", ""), "MalformedHeader"],
  ["a folded trailer", inChunks("5", "first", "0", "x: y", " z", "", ""), "MalformedHeader"],
  ["Content-Length among the trailers", inChunks("5", "first", "0", "content-length: 0", "", ""), "AmbiguousLength"],
  ["a bare LF where trailers end", `${head(chunked)}5\r\nfirst\r\n0\r\n\n${poison}`, "MalformedHeader"],
  ["an answer where trailers should be", inChunks("5", "first", "0", ""), "MalformedHeader"],
  ["bare LFs in the head", `HTTP/1.1 200 OK\ncontent-length: 5\n\nfirst${poison}`, "MalformedStatusLine"]
].map(([what, bytes, kind]) => ({ what: what!, bytes: bytes!, outcome: malformed(kind!) }))

/** The head was sound, and the body is not. */
export const broken: ReadonlyArray<Case> = [
  ["a chunk size that overflows", inChunks("10000000000000005", "first", "0", "", "")],
  ["a chunk size with a sign", inChunks("+5", "first", "0", "", "")],
  ["a chunk size with a prefix", inChunks("0x5", "first", "0", "", "")],
  ["a negative chunk size", inChunks("-5", "first", "0", "", "")],
  ["a blank before a chunk size", inChunks(" 5", "first", "0", "", "")],
  ["a digit behind a blank after a chunk size", inChunks("5 0", "first", "0", "", "")],
  ["NUL after a chunk size", inChunks("5\0", "first", "0", "", "")],
  ["an underscore in a chunk size", inChunks("0_5", "first", "0", "", "")],
  ["a fraction in a chunk size", inChunks("5.0", "first", "0", "", "")],
  ["a chunk size that cannot be counted exactly", inChunks("20000000000005", "first", "0", "", "")],
  ["a chunk extension without a name", inChunks("5;", "first", "0", "", "")],
  ["a last chunk with a prefix", inChunks("5", "first", "0x0", "", "")],
  ["no line end after a chunk", `${head(chunked)}5\r\nfirst0\r\n\r\n${poison}`],
  ["a size line that ends in a bare CR", `${head(chunked)}5\rfirst\r\n0\r\n\r\n${poison}`],
  ["a size line that ends in two CRs", `${head(chunked)}5\r\r\nfirst\r\n0\r\n\r\n${poison}`],
  ["a last chunk that ends in a bare LF", `${head(chunked)}5\r\nfirst\r\n0\n\r\n${poison}`],
  ["no chunk size", inChunks("", "first", "0", "", "")],
  ["a chunk longer than its size", inChunks("3", "first", "0", "", "")],
  ["a chunk shorter than its size", inChunks("7", "first", "0", "", "")],
  ["a size line that ends in a bare LF", `${head(chunked)}5\nfirst\r\n0\r\n\r\n${poison}`],
  ["a chunk that ends in a bare LF", `${head(chunked)}5\r\nfirst\n0\r\n\r\n${poison}`],
  ["an extension with a bare LF", `${head(chunked)}5;a\nb\r\nfirst\r\n0\r\n\r\n${poison}`],
  ["an answer where a chunk should be", inChunks("5", "first", "")]
].map(([what, bytes]) => ({ what: what!, bytes: bytes!, outcome: malformed("MalformedChunk") }))

/** Answers before the answer. */
export const interim: ReadonlyArray<Case> = [
  {
    what: "33 interim answers and one",
    bytes: head("HTTP/1.1 103 Early Hints").repeat(33) + poison,
    outcome: { error: "LimitExceeded maxInterimResponses" }
  },
  {
    what: "101 that nobody asked for",
    bytes: head("HTTP/1.1 101 Switching Protocols", "upgrade: x", "connection: upgrade") + poison,
    outcome: malformed("UnexpectedUpgrade")
  },
  {
    what: "an interim one with content",
    bytes: `${head("HTTP/1.1 103 Early Hints", "content-length: 5")}first${poison}`,
    outcome: malformed("MalformedStatusLine")
  },
  { what: "a status below 100", bytes: head("HTTP/1.1 099 Early") + poison, outcome: malformed("MalformedStatusLine") }
]
