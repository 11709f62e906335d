/** Where llhttp reads bodies otherwise than the codec. */
import type { Difference, Found } from "../Difference.js"
import { keptAlike, keptByThem, lineBefore } from "../Difference.js"

/** The codec refused a chunked body at a byte; the peer read on. */
const stricter = (
  code: string,
  holds: (found: Found & { readonly line: string; readonly byte: string }) => boolean
): Pick<Difference, "applies" | "without"> => ({
  applies: (found) => {
    const { given, ours, theirs } = found
    if (ours.open !== "refused" || ours.head === undefined || ours.refusal?.code !== code) return false
    const { at } = ours.refusal
    if (theirs.open === "refused" && theirs.refusal !== undefined && theirs.refusal.at < at) return false
    return holds({ ...found, line: lineBefore(given, at), byte: given.bytes.charAt(at) })
  },
  without: "nothing more to compare"
})

/** Where the line that holds a byte starts and ends. */
const lineAround = ({ bytes }: Found["given"], at: number): { readonly from: number; readonly to: number } => {
  const from = bytes.lastIndexOf("\n", at - 1) + 1
  const end = bytes.indexOf("\r", from)
  return { from, to: end === -1 ? bytes.length : end }
}

/** Blanks between quotes stay. */
const withoutBlanks = (line: string): string => line.replace(/("(?:\\.|[^"\\])*"?)|[ \t]+/g, "$1")

export const bodies: ReadonlyArray<Difference> = [
  {
    name: "a chunk above 2^53 - 1 bytes",
    reason: "A recipient must prevent integer conversion errors: beyond this a size is not counted exactly.",
    source: "RFC 9112 section 7.1",
    ...stricter(
      "MalformedChunk",
      ({ byte, line }) => /^[\da-f]+$/i.test(line + byte) && BigInt(`0x${line}${byte}`) > Number.MAX_SAFE_INTEGER
    )
  },
  {
    name: "blanks in a chunk's size line",
    reason:
      "They have one meaning only: bad blanks are removed, and those behind a size pad it. The connection is closed then.",
    source: "RFC 9110 section 5.6.3",
    applies: ({ given, ours, theirs }) => {
      if (ours.open === "refused" || theirs.open !== "refused" || ours.head === undefined) return false
      const { from, to } = lineAround(given, theirs.refusal!.at)
      const line = given.bytes.slice(from, to)
      return /^[\da-f]+(?:[ \t]|;)/i.test(line) && withoutBlanks(line) !== line
    },
    without: ({ given, theirs }) => {
      const { from, to } = lineAround(given, theirs.refusal!.at)
      const line = withoutBlanks(given.bytes.slice(from, to))
      return {
        given: { ...given, bytes: given.bytes.slice(0, from) + line + given.bytes.slice(to) },
        reread: "both"
      }
    }
  },
  {
    name: "an extension without its name or its value, or with quotes behind a token",
    reason:
      "None is as the grammar has it. It is dropped like any other, and the connection is closed after the answer.",
    source: "RFC 9112 section 7.1.1",
    applies: (found) =>
      keptByThem(found) &&
      /(?:^|\n)[\da-f]+;(?:[^\r\n]*;)?(?:=|[^\r\n]*=[;\r]|[^\r\n]*=[^\s";]+")/i.test(found.given.bytes),
    without: keptAlike
  }
]
