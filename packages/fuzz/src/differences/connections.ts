/** Where llhttp judges otherwise than the codec whether the connection may be used again. */
import type { Difference } from "../Difference.js"
import { keptAlike, keptByThem, valuesIn } from "../Difference.js"

const tabs = /(\n(?:proxy-)?connection:[^\n]*)\t/i

export const connections: ReadonlyArray<Difference> = [
  {
    name: "HEAD without a length keeps the connection",
    reason: "An answer to HEAD ends with its head, so its end is known without a length; llhttp waits for the close.",
    source: "RFC 9112 section 6.3 rule 1",
    applies: ({ given, ours, theirs }) =>
      given.method === "HEAD" &&
      ours.keep === true &&
      theirs.keep === false &&
      ours.head !== undefined &&
      valuesIn(ours.head, "content-length").length === 0 &&
      valuesIn(ours.head, "transfer-encoding").length === 0,
    without: keptAlike
  },
  {
    name: "Proxy-Connection",
    reason: "No standard has this field, and no proxy is asked: what it says neither keeps a connection nor ends it.",
    source: "RFC 9112 appendix C.2.2",
    applies: ({ ours, theirs }) =>
      ours.keep !== theirs.keep && ours.head !== undefined && valuesIn(ours.head, "proxy-connection").length > 0,
    without: ({ given }) => ({
      given: { ...given, bytes: given.bytes.replace(/(?<=\n)proxy-connection(?=:)/gi, "proxy_connection") },
      reread: "both"
    })
  },
  {
    name: "keep-alive and close in HTTP/1.0",
    reason: "Close is looked at first, in every version; llhttp lets keep-alive win in HTTP/1.0.",
    source: "RFC 9112 section 9.3",
    applies: ({ ours, theirs }) =>
      ours.keep === false &&
      theirs.keep === true &&
      ours.head?.version === "1.0" &&
      /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(valuesIn(ours.head, "connection").join(",")),
    without: keptAlike
  },
  {
    name: "Transfer-Encoding in HTTP/1.0",
    reason: "Such framing is faulty: the answer is processed, and the connection closed, whatever it says.",
    source: "RFC 9112 section 6.1",
    applies: (found) =>
      keptByThem(found) &&
      found.ours.head!.version === "1.0" &&
      valuesIn(found.ours.head!, "transfer-encoding").length > 0,
    without: keptAlike
  },
  {
    name: "more than chunked in Transfer-Encoding",
    reason: "Empty items and identity before it say nothing. Such framing is faulty, so the connection is closed.",
    source: "RFC 9112 section 6.1",
    applies: (found) =>
      keptByThem(found) &&
      [...found.ours.interim, found.ours.head!].some((head) => {
        const values = valuesIn(head, "transfer-encoding")
        return values.length > 0 && values.join(", ").toLowerCase() !== "chunked"
      }),
    without: keptAlike
  },
  {
    name: "a tab behind an option of Connection",
    reason: "Blanks around the items of a list are SP and HTAB; llhttp does not know an option with a tab behind it.",
    source: "RFC 9110 section 5.6.1",
    until: "9.4",
    applies: ({ given, ours }) => ours.head !== undefined && tabs.test(given.bytes),
    without: ({ given }) => ({ given: { ...given, bytes: given.bytes.replace(tabs, "$1 ") }, reread: "both" })
  }
]
