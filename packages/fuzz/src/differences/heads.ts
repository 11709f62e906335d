/** Where llhttp, which is in Node and in undici, reads heads that the codec refuses. */
import type { Difference, Found } from "../Difference.js"
import { headStart, valuesIn, valuesOf } from "../Difference.js"

/** The codec refused a head at a byte with an error; the peer read on. */
const stricter = (
  code: string,
  holds: (found: Found & { readonly at: number; readonly start: number; readonly rest: string }) => boolean
): Pick<Difference, "applies" | "without"> => ({
  applies: (found) => {
    const { given, ours, theirs } = found
    if (ours.open !== "refused" || ours.head !== undefined || ours.refusal?.code !== code) return false
    const { at } = ours.refusal
    if (theirs.open === "refused" && theirs.refusal !== undefined && theirs.refusal.at < at) return false
    const start = headStart(given, at)
    return holds({ ...found, at, start, rest: given.bytes.slice(start) })
  },
  without: "nothing more to compare"
})

/** The head that was refused, whole. */
const headOf = (given: Found["given"], start: number, at: number): string => given.bytes.slice(start, at + 1)

/** Line ends and tabs apart. */
const isControl = (code: number): boolean => (code < 0x20 && ![0x09, 0x0a, 0x0d].includes(code)) || code === 0x7f

const framingCodes = /^HPE_(?:INVALID_CONTENT_LENGTH|UNEXPECTED_CONTENT_LENGTH|INVALID_TRANSFER_ENCODING)$/

/** Where the framing field starts at which a peer gave up, or -1. */
const framingLine = ({ bytes }: Found["given"], { refusal }: Found["theirs"]): number =>
  refusal === undefined || !framingCodes.test(refusal.code)
    ? -1
    : bytes.slice(0, refusal.at).search(/(?<=^|\n)(?:content-length|transfer-encoding):[^\n]*\n?$/i)

/** The bytes with the length said once less at which a peer gave up, or `undefined` if it is none said before. */
const lengthAgain = (given: Found["given"], theirs: Found["theirs"]): string | undefined => {
  const from = framingLine(given, theirs)
  const { bytes } = given
  const line = from === -1 ? undefined : /^content-length:[ \t]*([^\r\n]*?)[ \t]*(?=\r|$)/i.exec(bytes.slice(from))
  if (line === null || line === undefined) return undefined
  const lengths = line[1]!.split(",").map((item) => item.replace(/^[ \t]+|[ \t]+$/g, ""))
  if (lengths.some((length) => !/^\d+$/.test(length) || BigInt(length) !== BigInt(lengths[0]!))) return undefined
  const behind = bytes.slice(from + line[0].length)
  if (lengths.length > 1) return `${bytes.slice(0, from)}${line[0].slice(0, 15)} ${lengths[0]}${behind}`
  const earlier = bytes.slice(headStart(given, from), from)
  if (!/\ncontent-length:/i.test(earlier)) return undefined
  return `${bytes.slice(0, from)}content_length:${line[0].slice(15)}${behind}`
}

const emptyCoding = /(?<=\n)transfer-encoding(:[ \t]*\r?\n?)$/i

const withoutTabs = (name: string): Pick<Difference, "applies" | "without"> => {
  const tabs = new RegExp(`((?:^|\\n)${name}:[ \\t]*[^\\s]+ *)\\t[ \\t]*(?=\\r)`, "i")
  return {
    applies: ({ given }) => tabs.test(given.bytes),
    without: ({ given }) => ({ given: { ...given, bytes: given.bytes.replace(tabs, "$1") }, reread: "both" })
  }
}

export const heads: ReadonlyArray<Difference> = [
  {
    name: "line ends before a status line",
    reason: "An empty line may be skipped before a request only; before an answer it is a byte that answers nothing.",
    source: "RFC 9112 section 2.2",
    ...stricter("MalformedStatusLine", ({ at, rest, start }) => at === start && /^[\r\n]/.test(rest))
  },
  {
    name: "other protocols",
    reason: "llhttp speaks RTSP and ICE as well; an HTTP client asked for HTTP.",
    source: "RFC 9112 section 2.3",
    ...stricter(
      "MalformedStatusLine",
      ({ at, rest, start }) =>
        at === start && ["RTSP/", "ICE/"].some((name) => name.startsWith(rest) || rest.startsWith(name))
    )
  },
  {
    name: "HTTP/0.9 and HTTP/2.0",
    reason: "Neither has a status line of this kind: such an answer comes from something else than an HTTP/1 server.",
    source: "RFC 9112 section 2.3",
    ...stricter("UnsupportedVersion", ({ rest }) => /^HTTP\/(?:0\.9|2\.0)/.test(rest))
  },
  {
    name: "a status below 100",
    reason: "A status is from 100 to 999: the first digit says the class, and there is no class 0.",
    source: "RFC 9110 section 15",
    ...stricter(
      "MalformedStatusLine",
      ({ at, rest, start }) => at === start + 9 && /^HTTP\/1\.[01] 0(?:\d|$)/.test(rest)
    )
  },
  {
    name: "control characters in a reason",
    reason: "A reason is HTAB, SP, VCHAR and obs-text; what is not may reach a terminal or a log.",
    source: "RFC 9112 section 4",
    ...stricter(
      "MalformedStatusLine",
      ({ at, given, rest, start }) =>
        at > start + 12 &&
        /^HTTP\/1\.[01] \d{3} [^\r\n]*$/.test(rest.slice(0, at - start)) &&
        isControl(given.bytes.charCodeAt(at))
    )
  },
  {
    name: "other transfer codings than chunked",
    reason:
      "None was asked for (no TE), none is decoded here, and a body that is not chunked last has no provable end.",
    source: "RFC 9112 sections 6.1, 6.3 and 7.4",
    ...stricter("UnsupportedTransferCoding", ({ at, given, start }) => {
      const values = valuesOf(headOf(given, start, at), "transfer-encoding")
      return values.length > 0 && values.join(", ").toLowerCase() !== "chunked"
    })
  },
  {
    name: "one length said twice",
    reason:
      "Equal lengths can be read in one way only, and a list of them may be read as one; the connection is closed.",
    source: "RFC 9110 section 8.6",
    applies: ({ given, ours, theirs }) =>
      ours.open !== "refused" && theirs.open === "refused" && lengthAgain(given, theirs) !== undefined,
    without: ({ given, theirs }) => ({ given: { ...given, bytes: lengthAgain(given, theirs)! }, reread: "both" })
  },
  {
    name: "an empty Transfer-Encoding beside Content-Length",
    reason: "The field is there, whatever it says: both together are how answers are smuggled.",
    source: "RFC 9112 section 6.3",
    until: "9.4",
    ...stricter("AmbiguousLength", ({ at, given, start }) => {
      const head = headOf(given, start, at)
      const codings = valuesOf(head, "transfer-encoding")
      return codings.length > 0 && codings.some((value) => value === "") && valuesOf(head, "content-length").length > 0
    })
  },
  {
    name: "a length above 2^53 - 1",
    reason: "It could not be counted exactly, so the end of the body could not be known.",
    source: "RFC 9110 section 8.6",
    ...stricter("AmbiguousLength", ({ at, given, start }) => {
      const [value, ...more] = valuesOf(headOf(given, start, at), "content-length")
      return value !== undefined && more.length === 0 && /^\d+$/.test(value) && BigInt(value) > Number.MAX_SAFE_INTEGER
    })
  },
  {
    name: "two carriage returns for a line end",
    reason:
      "A line ends with CR LF; llhttp takes CR CR after a status line, and the second one need not end it elsewhere.",
    source: "RFC 9112 section 2.2",
    until: "9.4",
    ...stricter(
      "MalformedHeader",
      ({ at, given, rest, start }) =>
        given.bytes.slice(at - 1, at + 1) === "\r\r" && !rest.slice(0, at - start).includes("\n")
    )
  },
  {
    name: "a version is refused at its first wrong digit",
    reason: "Every byte is judged when it comes; llhttp reads on to the end of the version and then refuses it.",
    source: "RFC 9112 section 2.3",
    applies: ({ given, ours, theirs }) =>
      ours.refusal?.code === "UnsupportedVersion" &&
      theirs.open === "waiting" &&
      /^HTTP\/\d\.?$/.test(given.bytes.slice(headStart(given, ours.refusal.at))),
    without: ({ given, ours }) => ({
      given: { ...given, bytes: `${given.bytes.slice(0, ours.refusal!.at + 1)}.1 200 OK\r\n\r\n` },
      reread: "theirs"
    })
  },
  {
    name: "an empty Transfer-Encoding among the trailers",
    reason: "A trailer frames nothing, whatever its name; it is handed on apart from the head.",
    source: "RFC 9112 section 7.1.2",
    since: "9.4",
    applies: ({ given, ours, theirs }) =>
      ours.head !== undefined &&
      valuesIn(ours.head, "transfer-encoding").join() !== "" &&
      theirs.refusal?.code === "HPE_INVALID_TRANSFER_ENCODING" &&
      emptyCoding.test(given.bytes.slice(0, theirs.refusal.at)),
    without: ({ given, theirs }) => {
      const { at } = theirs.refusal!
      const bytes = `${given.bytes.slice(0, at).replace(emptyCoding, "transfer_encoding$1")}${given.bytes.slice(at)}`
      return { given: { ...given, bytes }, reread: "both" }
    }
  },
  {
    name: "a tab behind a coding",
    reason: "Optional blanks are SP and HTAB; llhttp does not know a coding with a tab behind it.",
    source: "RFC 9110 sections 5.5 and 5.6.3",
    ...withoutTabs("transfer-encoding")
  },
  {
    name: "a tab behind a length",
    reason: "Optional blanks are SP and HTAB; llhttp refused a length with a tab behind it.",
    source: "RFC 9110 sections 5.5 and 5.6.3",
    until: "9.4",
    ...withoutTabs("content-length")
  },
  {
    name: "a framing field is refused at once",
    reason:
      "llhttp refuses a Content-Length or Transfer-Encoding while it reads the line, the codec when head or trailers are " +
      "complete: what ends after that line is refused by both.",
    source: "RFC 9112 section 6.3",
    applies: ({ given, ours, theirs }) =>
      ours.open === "waiting" && theirs.open === "refused" && framingLine(given, theirs) !== -1,
    without: ({ given, theirs }) => {
      const end = given.bytes.indexOf("\r", framingLine(given, theirs))
      return {
        given: { ...given, bytes: `${end === -1 ? given.bytes : given.bytes.slice(0, end)}\r\n\r\n` },
        reread: "both"
      }
    }
  },
  {
    name: "lengths and codings of a tunnel",
    reason: "A client must ignore both where a tunnel begins; llhttp judges them before it knows.",
    source: "RFC 9112 section 6.3 rule 2",
    applies: ({ given, ours, theirs }) =>
      theirs.open === "refused" &&
      framingCodes.test(theirs.refusal?.code ?? "") &&
      ours.head !== undefined &&
      (ours.head.status === 101 || (given.method === "CONNECT" && ours.head.status >= 200 && ours.head.status < 300)),
    without: "nothing more to compare"
  }
]
