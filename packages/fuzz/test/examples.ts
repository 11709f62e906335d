import type { Case } from "../src/Case.js"

const rows = (...lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

/** A short answer, whose bytes are the given lines and then the rest. */
const answer = (lines: ReadonlyArray<string>, rest = ""): Partial<Case> => ({ bytes: rows(...lines, "") + rest })

const chunked = (rest: string): Partial<Case> => answer(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], rest)

/** For each difference between the codec and Node's parser, a case that shows it and no other. */
export const codecAndParser: ReadonlyArray<readonly [name: string, given: Partial<Case>]> = [
  ["limits", { lowLimits: true, ...answer(["HTTP/1.1 200 OK", `X-Long: ${"l".repeat(80)}`]) }],
  ["CONNECT that is not a tunnel", { method: "CONNECT", ...answer(["HTTP/1.1 505 No", "Content-Length: 2"], "no") }],
  ["an upgrade that nobody asked for", answer(["HTTP/1.1 101 Switching Protocols"])],
  ["an upgrade without its fields", { upgrade: true, ...answer(["HTTP/1.1 101 Switching Protocols"]) }],
  [
    "Connection: close in an interim answer",
    answer(["HTTP/1.1 103 Early Hints", "Connection: close", "", "HTTP/1.1 200 OK", "Content-Length: 0"])
  ],
  ["an interim answer of HTTP/1.0", answer(["HTTP/1.0 103 Early Hints", "", "HTTP/1.1 200 OK", "Content-Length: 0"])],
  ["line ends before a status line", answer(["", "HTTP/1.1 200 OK", "Content-Length: 0"])],
  ["other protocols", answer(["RTSP/1.0 200 OK", "Content-Length: 0"])],
  ["HTTP/0.9 and HTTP/2.0", answer(["HTTP/2.0 200 OK", "Content-Length: 0"])],
  ["a status below 100", answer(["HTTP/1.1 099 OK", "Content-Length: 0"])],
  ["control characters in a reason", answer(["HTTP/1.1 200 \x1b[2J", "Content-Length: 0"])],
  ["other transfer codings than chunked", answer(["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"], "0\r\n\r\n")],
  [
    "Transfer-Encoding in HTTP/1.0",
    answer(["HTTP/1.0 200 OK", "Connection: keep-alive", "Transfer-Encoding: chunked"], "0\r\n\r\n")
  ],
  [
    "more than chunked in Transfer-Encoding",
    answer(["HTTP/1.1 200 OK", "Transfer-Encoding: identity, chunked"], "0\r\n\r\n")
  ],
  ["one length said twice", answer(["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5"], "hello")],
  ["one length said twice", answer(["HTTP/1.1 200 OK", "Content-Length: 5, 5"], "hello")],
  [
    "an empty Transfer-Encoding beside Content-Length",
    answer(["HTTP/1.1 200 OK", "Transfer-Encoding:", "Content-Length: 0"])
  ],
  ["a length above 2^53 - 1", answer(["HTTP/1.1 200 OK", "Content-Length: 9007199254740992"])],
  ["two carriage returns for a line end", { bytes: "HTTP/1.1 200 OK\r\rXContent-Length: 0\r\n\r\n" }],
  ["a version is refused at its first wrong digit", { bytes: "HTTP/3" }],
  ["an empty Transfer-Encoding among the trailers", chunked("0\r\nTransfer-Encoding:\r\n\r\n")],
  ["a tab behind a length", answer(["HTTP/1.1 200 OK", "Content-Length: 0\t"])],
  ["a tab behind a coding", answer(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked \t"], "0\r\n\r\n")],
  ["a framing field is refused at once", { bytes: "HTTP/1.1 200 OK\r\nContent-Length: five\r\n" }],
  ["lengths and codings of a tunnel", { method: "CONNECT", ...answer(["HTTP/1.1 200 OK", "Content-Length: five"]) }],
  ["a chunk above 2^53 - 1 bytes", chunked("20000000000000\r\nhello")],
  ["blanks in a chunk's size line", chunked("5  \r\nhello\r\n0\r\n\r\n")],
  ["blanks in a chunk's size line", chunked("5 ; a = b\r\nhello\r\n0\r\n\r\n")],
  ["an extension without its name or its value, or with quotes behind a token", chunked("5;a=\r\nhello\r\n0\r\n\r\n")],
  ["an extension without its name or its value, or with quotes behind a token", chunked("5;=b\r\nhello\r\n0\r\n\r\n")],
  [
    "an extension without its name or its value, or with quotes behind a token",
    chunked('5;a=b"c"\r\nhello\r\n0\r\n\r\n')
  ],
  ["HEAD without a length keeps the connection", { method: "HEAD", ...answer(["HTTP/1.1 200 OK"]) }],
  ["Proxy-Connection", answer(["HTTP/1.1 200 OK", "Proxy-Connection: close", "Content-Length: 0"])],
  ["Proxy-Connection", answer(["HTTP/1.0 200 OK", "Proxy-Connection: keep-alive", "Content-Length: 0"])],
  [
    "keep-alive and close in HTTP/1.0",
    answer(["HTTP/1.0 200 OK", "Connection: close, keep-alive", "Content-Length: 0"])
  ],
  ["a tab behind an option of Connection", answer(["HTTP/1.1 200 OK", "Connection: close\t, x", "Content-Length: 0"])]
]

/** The same for `undici` and that parser. */
export const undiciAndParser: ReadonlyArray<readonly [name: string, given: Partial<Case>]> = [
  ["blanks behind a value", answer(["HTTP/1.1 200 OK", "X: v \t", "Content-Length: 0"])],
  ["a reason in UTF-8", answer(["HTTP/1.1 200 Ori\xeb", "Content-Length: 0"])],
  [
    "100 Continue that was not asked for",
    answer(["HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK", "Content-Length: 0"])
  ],
  ["a length where there is no body", answer(["HTTP/1.1 304 Not Modified", "Content-Length: 5"])],
  ["101 without its fields, and a status below 100", answer(["HTTP/1.1 101 Switching Protocols"])],
  ["DEL in a quoted chunk extension", chunked('5;a="\x7f"\r\nhello\r\n0\r\n\r\n')],
  [
    "two carriage returns for a line end, by an older llhttp",
    { bytes: "HTTP/1.1 200 OK\r\rXContent-Length: 0\r\n\r\n" }
  ],
  ["an empty Transfer-Encoding, by an older llhttp", answer(["HTTP/1.1 200 OK", "Transfer-Encoding:"])],
  ["a tab behind a length, by an older llhttp", answer(["HTTP/1.1 200 OK", "Content-Length: 0\t"])]
]

/** Answers that every reader reads alike, at the edges of what is allowed. */
export const alike: ReadonlyArray<Partial<Case>> = [
  answer(["HTTP/1.1 200 OK", "Content-Length: 5"], "hello"),
  answer(["HTTP/1.1 200", "Content-Length: 0"]),
  answer(["HTTP/1.0 200 OK"], "to the close"),
  answer(["HTTP/1.1 204 No Content"]),
  { method: "HEAD", ...answer(["HTTP/1.1 200 OK", "Content-Length: 5"]) },
  { method: "CONNECT", ...answer(["HTTP/1.1 200 OK"]) },
  { upgrade: true, ...answer(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade"]) },
  answer(["HTTP/1.1 102 Processing", "", "HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close"]),
  chunked('5;a;b="c\\"d"\r\nhello\r\n0\r\nSum: 1\r\n\r\n'),
  chunked("5\r\nhel"),
  chunked("g\r\n"),
  answer(["HTTP/1.0 200 OK", "Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
  answer(["HTTP/1.1 200 OK", "Transfer-Encoding: identity"], "to the close"),
  answer(["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6"], "hello"),
  answer(["HTTP/1.1 200 OK", "X: a", " folded"]),
  { bytes: "" },
  { bytes: "HTTP/1.1 200 OK\nContent-Length: 0\n\n" }
]
