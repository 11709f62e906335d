/**
 * Answers that nobody reads to their end, with others in line for the same connection: what is thrown away to save it is
 * told from what is not theirs as strictly as what is read.
 */
import { HttpBody, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { head, poison, type Story, told } from "./support/desync.js"
import { uploads } from "./support/desyncUploads.js"

const bytes = new TextEncoder().encode("a request")
const post = (body: HttpBody.HttpBody) => HttpClientRequest.setBody(HttpClientRequest.post("/first"), body)
const requests = {
  "a GET": HttpClientRequest.get("/first"),
  "an upload with a length": post(HttpBody.uint8Array(bytes)),
  "an upload in chunks": post(HttpBody.stream(Stream.make(bytes, bytes)))
}

/** The answer is not read; the scope that it was made in closes. */
const unread: Pick<Story, "read" | "outcome"> = {
  read: () => Effect.succeed("unread"),
  outcome: { status: 200, text: "unread" }
}

const whole = `${head("content-length: 10")}first`
const chunked = `${head("transfer-encoding: chunked")}5\r\nfirst\r\n`

/** What has come when it is given up, and what comes then. */
const cases: ReadonlyArray<
  Pick<Story, "retired"> & {
    readonly what: string
    readonly before: string
    readonly after: ReadonlyArray<string>
    readonly ends?: true
  }
> = [
  { what: "the rest and another answer", before: whole, after: [`first${poison}`], retired: "LeftoverBytes" },
  {
    what: "the last chunk and another answer",
    before: chunked,
    after: [`0\r\n\r\n${poison}`],
    retired: "LeftoverBytes"
  },
  {
    what: "the rest, and another answer in a segment of its own",
    before: whole,
    after: ["first", poison],
    retired: ["LeftoverBytes", "UnexpectedBytes"]
  },
  {
    what: "another answer that is as long as the rest: the connection carries those in line",
    before: `${head(`content-length: ${5 + poison.length}`)}first`,
    after: [poison],
    retired: undefined
  },
  {
    what: "another answer that is shorter than the rest, and silence",
    before: `${head("content-length: 200")}first`,
    after: [poison],
    retired: "BodyNotDrained"
  },
  {
    what: "another answer that is shorter than the rest, and the end",
    before: `${head("content-length: 200")}first`,
    after: [poison],
    ends: true,
    retired: "ConnectionBroken"
  },
  { what: "another answer where a chunk should be", before: chunked, after: [poison], retired: "MalformedResponse" },
  {
    what: "another answer where trailers should be",
    before: chunked,
    after: [`0\r\n${poison}`],
    retired: "MalformedResponse"
  },
  {
    what: "more than is thrown away",
    before: chunked,
    after: [`50000\r\n${"x".repeat(0x50000)}\r\n0\r\n\r\n${poison}`],
    retired: "BodyNotDrained"
  }
]

for (const transport of ["tcp", "tls"] as const) {
  describe(`of an answer that nobody reads comes, over ${transport}:`, () => {
    for (const [which, request] of Object.entries(requests)) {
      for (const { after, before, ends, retired, what } of cases) {
        it.scopedLive(`${what}, to ${which}`, () =>
          told({
            ...unread,
            transport,
            request,
            retired,
            play: ({ reply, write }, outcome) =>
              Effect.gen(function* () {
                yield* write(before)
                yield* outcome
                for (const bytes of after) yield* write(bytes)
                if (ends === true) reply.end()
              })
          })
        )
      }
    }

    for (const { request, what } of uploads) {
      it.scopedLive(`the rest and another answer, to an upload ${what}, under way: nothing is thrown away`, () =>
        told({
          ...unread,
          transport,
          request,
          retired: "BodyAbandoned",
          atHead: ({ stopReading }) => stopReading(),
          play: ({ readOn, write }, outcome) =>
            Effect.gen(function* () {
              yield* write(whole)
              yield* outcome
              readOn()
              yield* write(`first${poison}`)
            })
        })
      )
    }
  })
}
