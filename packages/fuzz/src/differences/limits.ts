/** Where the codec stops at a limit. */
import type { Http1Limits } from "@hotaru/http1"
import type { Difference } from "../Difference.js"
import * as Ours from "../readers/Ours.js"

const off: Http1Limits.Http1Limits = {
  maxHeaderSize: Infinity,
  maxLineLength: Infinity,
  maxHeaders: Infinity,
  maxInterimResponses: Infinity,
  maxChunkExtensions: Infinity
}

export const limits: ReadonlyArray<Difference> = [
  {
    name: "limits",
    reason: "Every bound of the codec has a name and a value; without them it reads what the peer reads.",
    source: "RFC 9110 section 2.3",
    applies: ({ ours }) => ours.refusal?.code === "LimitExceeded",
    without: ({ given }) => ({ ours: Ours.read(given, off), reread: "theirs" })
  }
]
