/**
 * Interim answers where a request waits for one, and where it is still being written: more than one final answer behind
 * them, or none at all. Others are in line for the same connection, and it carries none of them.
 */
import { HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import type { HttpSafety } from "@hotaru/client"
import * as Effect from "effect/Effect"
import { turns } from "../support/dialling.js"
import { head, type Outcome, poison, type Story, told } from "./support/desync.js"
import type { Peer } from "./support/desyncPeer.js"
import { early, uploads } from "./support/desyncUploads.js"

const transports = ["tcp", "tls"] as const

const goOn = head("HTTP/1.1 100 Continue")
const hints = head("HTTP/1.1 103 Early Hints")
const answer = (status: number): string => early(status).pieces.join("")
const answered = (status: number): Outcome => ({ status, text: early(status).text })

const BODY = "the content"
const expecting = HttpClientRequest.post("/first").pipe(
  HttpClientRequest.bodyText(BODY),
  HttpClientRequest.setHeader("expect", "100-continue")
)

/** Behind the head of the request. */
type Expecting = Pick<Story, "play" | "outcome" | "retired" | "again" | "received"> & {
  readonly what: string
  readonly limits?: Partial<HttpSafety.HttpSafety>
}

const never: Partial<HttpSafety.HttpSafety> = { expectContinueTimeout: "30 seconds" }

const inPlaceOfTheWord: ReadonlyArray<Expecting> = [200, 403].flatMap((status): ReadonlyArray<Expecting> => {
  const unsent = { outcome: answered(status), retired: "EarlyAnswer", received: "" }
  return [
    { what: `a ${status} and another answer`, play: ({ write }) => write(answer(status) + poison), ...unsent },
    {
      what: `a ${status}, and then the word and another answer`,
      play: ({ write }) => Effect.zipRight(write(answer(status)), write(goOn + poison)),
      ...unsent
    },
    {
      what: `a ${status} with close, and another answer`,
      play: ({ write }) => write(early(status, "connection: close").pieces.join("") + poison),
      ...unsent
    }
  ]
})

const withTheWord: ReadonlyArray<Expecting> = [
  // Final answers to content that was not sent: whether the server will read it is anybody's guess.
  ...[
    { what: "the word and an answer in one segment", more: "" },
    { what: "the word and two answers in one segment", more: poison }
  ].map(({ more, what }) => ({
    what: `${what}: the content stays here`,
    play: ({ write }: Peer) => write(goOn + answer(200) + more),
    outcome: answered(200),
    retired: "EarlyAnswer",
    received: ""
  })),
  {
    what: "the word and an answer at once, in segments of their own: the content stays here",
    // From an immediate: the client reads the word next, and the answer is there before it polls again.
    play: ({ reply }) =>
      Effect.map(turns(1), () => {
        reply.raw(goOn)
        setImmediate(() => reply.raw(answer(200)))
      }),
    outcome: answered(200),
    retired: "EarlyAnswer",
    received: ""
  },
  {
    what: "the word, and two answers to the content",
    play: ({ received, write }) =>
      Effect.zipRight(Effect.zipRight(write(goOn), received(BODY.length)), write(answer(200) + poison)),
    outcome: answered(200),
    retired: "LeftoverBytes",
    received: BODY
  },
  {
    what: "the word, and once more behind the answer",
    play: ({ received, write }) =>
      Effect.zipRight(Effect.zipRight(write(goOn), received(BODY.length)), write(answer(200) + goOn)),
    outcome: answered(200),
    retired: "LeftoverBytes",
    received: BODY
  },
  {
    what: "no word in time, and then all of it with two answers",
    limits: { expectContinueTimeout: "10 millis" },
    play: ({ received, write }) => Effect.zipRight(received(BODY.length), write(goOn + answer(200) + poison)),
    outcome: answered(200),
    retired: "LeftoverBytes",
    received: BODY
  },
  {
    what: "a 417 and another answer: the request is made again, elsewhere",
    play: ({ write }) => write(answer(417) + poison),
    outcome: { status: 200, text: `POST /first ${BODY}` },
    retired: "ExpectationFailed",
    received: "",
    again: "changed"
  }
]

for (const transport of transports) {
  describe(`a request that expects 100-continue, over ${transport}, gets`, () => {
    for (const { what, ...story } of [...inPlaceOfTheWord, ...withTheWord]) {
      it.scopedLive(what, () => told({ limits: never, ...story, transport, request: expecting, atHead: () => {} }))
    }
  })
}

const underWay: ReadonlyArray<Pick<Story, "play" | "outcome" | "retired"> & { readonly what: string }> = [
  {
    what: "an interim answer and two final ones in one segment",
    play: ({ write }) => write(hints + answer(200) + poison),
    outcome: answered(200),
    retired: "EarlyAnswer"
  },
  {
    what: "interim answers, and two final ones later",
    play: ({ write }) => Effect.zipRight(Effect.zipRight(write(goOn + hints), turns(3)), write(answer(413) + poison)),
    outcome: answered(413),
    retired: "EarlyAnswer"
  },
  {
    what: "a final answer, and then an interim and a final one",
    play: ({ write }) => Effect.zipRight(write(answer(200)), write(hints + poison)),
    outcome: answered(200),
    retired: "EarlyAnswer"
  },
  {
    what: "a 204 with content after all",
    play: ({ write }) => write(head("HTTP/1.1 204 No Content") + poison),
    outcome: { status: 204, text: "" },
    retired: "EarlyAnswer"
  },
  {
    what: "an answer whose Content-Length is too small",
    play: ({ write }) => write(`${head("content-length: 2")}first${poison}`),
    outcome: { status: 200, text: "fi" },
    retired: "EarlyAnswer"
  },
  {
    what: "more interim answers than there may be, and a final one",
    play: ({ write }) => write(hints.repeat(33) + poison),
    outcome: { error: "LimitExceeded maxInterimResponses" },
    retired: "LimitExceeded"
  },
  {
    what: "a 101, and an answer",
    play: ({ write }) => write(head("HTTP/1.1 101 Switching Protocols", "upgrade: x", "connection: upgrade") + poison),
    outcome: { error: "MalformedResponse UnexpectedUpgrade" },
    retired: "MalformedResponse"
  },
  {
    what: "an answer with two lengths, and another",
    play: ({ write }) => write(`${head("content-length: 5", "transfer-encoding: chunked")}0\r\n\r\n${poison}`),
    outcome: { error: "MalformedResponse AmbiguousLength" },
    retired: "MalformedResponse"
  },
  {
    what: "an answer where the next chunk of the answer should be",
    play: ({ write }) => write(`${head("transfer-encoding: chunked")}5\r\nfirst\r\n${poison}`),
    outcome: { error: "MalformedResponse MalformedChunk" },
    retired: "MalformedResponse"
  },
  {
    what: "half a head, and the end",
    play: ({ reply, write }) => Effect.map(write("HTTP/1.1 200 OK\r\ncontent-length: "), reply.end),
    outcome: { error: "ConnectionBroken" },
    retired: "ConnectionBroken"
  },
  {
    what: "half a head, and a reset",
    play: ({ reset, write }) => Effect.map(write("HTTP/1.1 200 OK\r\ncontent-length: "), reset),
    outcome: { error: "ConnectionBroken" },
    retired: "ConnectionBroken"
  }
]

for (const transport of transports) {
  describe(`an upload under way, over ${transport}, on a kept connection, gets`, () => {
    for (const { what, ...story } of underWay) {
      for (const upload of uploads) {
        it.scopedLive(`${what}: ${upload.what}`, () =>
          told({
            ...story,
            transport,
            kept: true,
            request: upload.request,
            atHead: ({ stopReading }) => stopReading()
          })
        )
      }
    }
  })
}

const [ofBytes] = uploads

describe("an upload that may be repeated is, once the peer has given up on a kept connection (408), and", () => {
  for (const transport of transports) {
    for (const [what, more] of [
      ["another answer", poison],
      ["an interim and another answer", goOn + poison]
    ] as const) {
      it.scopedLive(`${what} behind the 408 is nobody's, over ${transport}`, () =>
        told({
          transport,
          kept: true,
          request: HttpClientRequest.setHeader(ofBytes.request, "idempotency-key", "1"),
          atHead: ({ stopReading }) => stopReading(),
          play: ({ write }) => write(early(408, "connection: close").pieces.join("") + more),
          outcome: { status: 200, text: `POST /first ${ofBytes.size} bytes` },
          retired: "RequestTimeout",
          again: "retried"
        })
      )
    }
  }
})
