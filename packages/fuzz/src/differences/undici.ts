/** Where `undici` differs from Node's parser, which it shares, by what it does around it. Here `ours` is that parser. */
import type { Difference } from "../Difference.js"
import type { ReadHead, Reading } from "../Reading.js"

const trimmed = (fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.map((text) => text.replace(/[ \t]+$/, ""))

const headsOf = ({ head, interim }: Reading): ReadonlyArray<ReadHead> =>
  head === undefined ? interim : [...interim, head]

const onHeads = (reading: Reading, change: (head: ReadHead) => ReadHead): Reading => ({
  ...reading,
  interim: reading.interim.map(change),
  head: reading.head && change(reading.head)
})

const utf8 = (reason: string | undefined): string => Buffer.from(reason ?? "", "latin1").toString("utf8")

export const undici: ReadonlyArray<Difference> = [
  {
    name: "blanks behind a value",
    reason: "Blanks around a value are no part of it; undici leaves those behind it.",
    source: "RFC 9110 section 5.5",
    applies: ({ theirs }) =>
      [...headsOf(theirs).flatMap(({ rawHeaders }) => rawHeaders), ...theirs.trailers].some((text) =>
        /[ \t]$/.test(text)
      ),
    without: ({ theirs }) => ({
      theirs: {
        ...onHeads(theirs, (head) => ({ ...head, rawHeaders: trimmed(head.rawHeaders) })),
        trailers: trimmed(theirs.trailers)
      }
    })
  },
  {
    name: "a reason in UTF-8",
    reason: "A reason has no charset: a byte is a code unit here; undici reads UTF-8.",
    source: "RFC 9112 section 4",
    applies: ({ ours, theirs }) =>
      headsOf(ours).some(({ reason }, index) => {
        const other = headsOf(theirs)[index]?.reason
        return other !== undefined && other !== reason && other === utf8(reason)
      }),
    without: ({ ours, theirs }) => ({
      ours: onHeads(ours, (head) => ({ ...head, reason: utf8(head.reason) })),
      theirs
    })
  },
  {
    name: "100 Continue that was not asked for",
    reason: "A client must be able to read interim answers that it does not expect.",
    source: "RFC 9110 section 15.2",
    applies: ({ ours, theirs }) =>
      theirs.refusal?.code === "UND_ERR_SOCKET" &&
      theirs.refusal.why === "bad response" &&
      headsOf(ours)[theirs.interim.length]?.status === 100,
    without: "nothing more to compare"
  },
  {
    name: "a length where there is no body",
    reason: "204 and 304 have no body, whatever length they state; for 304 it is that of another answer.",
    source: "RFC 9110 section 8.6",
    applies: ({ ours, theirs }) =>
      theirs.refusal?.code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" &&
      (ours.head?.status === 204 || ours.head?.status === 304),
    without: "nothing more to compare"
  },
  {
    name: "101 without its fields, and a status below 100",
    reason: "Both trip an assertion of undici, which is a refusal like another; the codec refuses both by name.",
    source: "RFC 9110 section 15",
    applies: ({ ours, theirs }) =>
      theirs.refusal?.code === "ERR_ASSERTION" && headsOf(ours).some(({ status }) => status === 101 || status < 100),
    without: "nothing more to compare"
  },
  {
    name: "DEL in a quoted chunk extension",
    reason: "Control characters are no text, not between quotes either; undici has an older llhttp.",
    source: "RFC 9110 section 5.6.4",
    applies: ({ given, ours, theirs }) =>
      ours.refusal?.code === "HPE_STRICT" &&
      theirs.open !== "refused" &&
      /(?:^|\n)[\da-f]+;[^\n]*"[^\n]*\x7f"?$/i.test(given.bytes.slice(0, ours.refusal.at + 1)),
    without: "nothing more to compare"
  },
  {
    name: "two carriage returns for a line end, by an older llhttp",
    reason: "A line ends with CR LF; llhttp took CR CR after a status line, and undici has that one.",
    source: "RFC 9112 section 2.2",
    since: "9.4",
    applies: ({ given, ours }) =>
      ours.refusal?.code === "HPE_STRICT" && /\r\r$/.test(given.bytes.slice(0, ours.refusal.at + 1)),
    without: "nothing more to compare"
  },
  {
    name: "an empty Transfer-Encoding, by an older llhttp",
    reason: "The field is there, whatever it says; undici has an older llhttp, which passes over it.",
    source: "RFC 9112 section 6.3",
    since: "9.4",
    applies: ({ given, ours }) =>
      ours.refusal?.code === "HPE_INVALID_TRANSFER_ENCODING" &&
      /\ntransfer-encoding:[ \t]*\r?\n?$/i.test(given.bytes.slice(0, ours.refusal.at)),
    without: "nothing more to compare"
  },
  {
    name: "a tab behind a length, by an older llhttp",
    reason: "Optional blanks are SP and HTAB; undici has an older llhttp, which refuses this one.",
    source: "RFC 9110 sections 5.5 and 5.6.3",
    since: "9.4",
    applies: ({ given, theirs }) =>
      theirs.open === "refused" &&
      /content-length/i.test(theirs.refusal?.why ?? "") &&
      /\ncontent-length:[ \t]*\d+ *\t[ \t]*\r/i.test(given.bytes),
    without: "nothing more to compare"
  }
]
