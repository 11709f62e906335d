/**
 * Answers with more, less or other bytes than they announce, with two requests in line for the same connection: it
 * carries neither of them, and each gets its own answer from another.
 */
import { HttpBody, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import * as Stream from "effect/Stream"
import { type Story, told } from "./support/desync.js"
import { broken, type Case, faulty, interim, leftover, refused } from "./support/desyncCases.js"

const stories = (
  cases: ReadonlyArray<Case>,
  retired: Story["retired"],
  cut: boolean,
  transport: "tcp" | "tls" = "tcp"
) => {
  for (const { bytes, outcome, request, what } of cases) {
    it.scopedLive(`${what}${cut ? ", byte by byte" : ""}${transport === "tls" ? ", over TLS" : ""}`, () =>
      told({
        transport,
        outcome,
        retired,
        ...(request === undefined ? {} : { request }),
        play: ({ reply }) => {
          if (!cut) return reply.raw(bytes)
          // Each in a segment of its own, read before the next is sent, as long as there is somebody to read.
          const send = (at: number): void => {
            if (at === bytes.length || !reply.connection.isOpen || reply.connection.ended) return
            reply.raw(bytes[at]!)
            setImmediate(send, at + 1)
          }
          send(0)
        }
      })
    )
  }
}

describe("bytes after the answer, in its segment: the connection ends, LeftoverBytes:", () =>
  stories(leftover, "LeftoverBytes", false))
describe("an answer that is framed faultily and can be read in one way only, and bytes after it: the connection ends:", () =>
  stories(faulty, "LeftoverBytes", false))
describe("an answer whose end is ambiguous: the connection ends, MalformedResponse:", () =>
  stories([...refused, ...broken], "MalformedResponse", false))
describe("answers before the answer: the connection ends with their error:", () =>
  stories(interim, ["MalformedResponse", "LimitExceeded"], false))

// The next request may have got the connection by then; it has not been written.
describe("in many segments:", () => {
  stories(leftover, ["LeftoverBytes", "UnexpectedBytes"], true)
  stories(faulty, "FaultyFraming", true)
  stories([...refused, ...broken, ...interim], ["MalformedResponse", "LimitExceeded"], true)
})

describe("over TLS, in the segment of the answer:", () => {
  stories(leftover, "LeftoverBytes", false, "tls")
})

const bytes = new TextEncoder().encode("a request")
const uploads = {
  "with a length": HttpBody.uint8Array(bytes),
  "in chunks": HttpBody.stream(Stream.make(bytes, bytes))
}

for (const transport of ["tcp", "tls"] as const) {
  for (const [how, body] of Object.entries(uploads)) {
    const request = HttpClientRequest.post("/first").pipe(HttpClientRequest.setBody(body))
    const answers = leftover.filter(({ request }) => request === undefined)
    describe(`to an upload ${how}:`, () =>
      stories(
        answers.map((one) => ({ ...one, request })),
        "LeftoverBytes",
        false,
        transport
      ))
  }
}
