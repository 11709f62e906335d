/** Where llhttp reads bodies otherwise than the codec. */
import type { Difference, Found } from "../Difference.js"
import { lineBefore } from "../Difference.js"

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
    name: "an empty value of a chunk extension",
    reason: "A value is a token or a quoted string, and neither is empty without its quotes.",
    source: "RFC 9112 section 7.1.1",
    ...stricter("MalformedChunk", ({ byte, line }) => /^[\da-f]+;.*=$/i.test(line) && /[\r;]/.test(byte))
  },
  {
    name: "a chunk extension without a name",
    reason: "An extension has a name, which is a token.",
    source: "RFC 9112 section 7.1.1",
    ...stricter("MalformedChunk", ({ byte, line }) => /^[\da-f]+;(?:.*;)?$/i.test(line) && /[=;]/.test(byte))
  },
  {
    name: "quotes behind a token in a chunk extension",
    reason: "A value is a token or a quoted string, not both.",
    source: "RFC 9112 section 7.1.1",
    ...stricter("MalformedChunk", ({ byte, line }) => /^[\da-f]+;.*=[^";]+$/i.test(line) && byte === '"')
  }
]
