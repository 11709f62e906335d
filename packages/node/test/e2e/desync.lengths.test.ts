/**
 * Answers that are shorter than they say: by their framing, whatever comes next is their own. It is nobody else's, the
 * exchange is not over, and its end ends the connection; those in line get their answers from another.
 */
import { HttpBody, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import type { HttpSafety } from "@hotaru/client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { head, poison, type Story, told } from "./support/desync.js"
import type { Peer } from "./support/desyncPeer.js"
import { uploads } from "./support/desyncUploads.js"

const bytes = new TextEncoder().encode("a request")
const post = (body: HttpBody.HttpBody) => HttpClientRequest.setBody(HttpClientRequest.post("/first"), body)

type Asked = Pick<Story, "request" | "atHead">

/** What is answered, and whether it is still being written. */
const requests: Readonly<Record<string, Asked>> = {
  "a GET": {},
  "an upload with a length": { request: post(HttpBody.uint8Array(bytes)) },
  "an upload in chunks": { request: post(HttpBody.stream(Stream.make(bytes, bytes))) },
  ...Object.fromEntries(
    uploads.map(({ request, what }): readonly [string, Asked] => [
      `an upload ${what}, under way`,
      { request, atHead: ({ stopReading }) => stopReading() }
    ])
  )
}

const begun: Readonly<Record<string, string>> = {
  "a Content-Length that is too large": `${head("content-length: 200")}first`,
  "a chunk size that is too large": `${head("transfer-encoding: chunked")}c8\r\nfirst`,
  "a chunk size that is 5 in 32 bits": `${head("transfer-encoding: chunked")}100000005\r\nfirst\r\n0\r\n\r\n`
}

interface Ending {
  readonly limit?: "bodyTimeout" | "requestTimeout"
  readonly more?: string
  readonly act?: (peer: Peer) => void
}

const end = ({ reply }: Peer) => reply.end()
const reset = ({ reset }: Peer) => reset()

const endings: Readonly<Record<string, Ending>> = {
  "the server closes": { act: end },
  "the server resets": { act: reset },
  "what looks like an answer, and the server closes": { more: poison, act: end },
  "silence, until bodyTimeout": { limit: "bodyTimeout" },
  "silence, until requestTimeout": { limit: "requestTimeout" },
  "what looks like an answer, and silence until bodyTimeout": { more: poison, limit: "bodyTimeout" },
  "what looks like an answer, and silence until requestTimeout": { more: poison, limit: "requestTimeout" }
}

/** Long enough that the others are in line before: `bodyTimeout` runs while an upload makes no progress, too. */
const limitsOf = (limit: NonNullable<Ending["limit"]>, { atHead }: Asked): Partial<HttpSafety.HttpSafety> =>
  limit === "requestTimeout"
    ? { requestTimeout: "500 millis" }
    : { bodyTimeout: atHead === undefined ? "100 millis" : "500 millis" }

/** What waits for a limit takes its time: `requestTimeout` knows nothing of lengths, and silence is the same over TLS. */
const isTold = (limit: Ending["limit"], what: string, which: string, transport: "tcp" | "tls"): boolean => {
  if (limit === undefined) return true
  if (transport === "tls" && !which.includes("Content-Length")) return false
  return limit === "bodyTimeout" || (/GET|chunks, under way/.test(what) && which.includes("Content-Length"))
}

for (const transport of ["tcp", "tls"] as const) {
  describe(`an answer that is not over, over ${transport}: its error, and the connection ends:`, () => {
    for (const [what, asked] of Object.entries(requests)) {
      for (const [which, answer] of Object.entries(begun)) {
        for (const [how, { act, limit, more = "" }] of Object.entries(endings)) {
          if (!isTold(limit, what, which, transport)) continue
          it.scopedLive(`${which}, then ${how}, to ${what}`, () =>
            told({
              ...asked,
              ...(limit === undefined ? {} : { limits: limitsOf(limit, asked) }),
              transport,
              play: (peer) => Effect.map(peer.write(answer + more), () => act?.(peer)),
              outcome: { error: limit === undefined ? "ConnectionBroken" : `ExchangeTimeout ${limit}` },
              retired: limit === undefined ? "ConnectionBroken" : "ExchangeTimeout"
            })
          )
        }
      }
    }
  })

  describe(`what looks like an answer, over ${transport}`, () => {
    it.scopedLive("is the rest of the body if it is as long: the connection carries those in line", () =>
      told({
        transport,
        play: ({ write }) => write(`${head(`content-length: ${5 + poison.length}`)}first${poison}`),
        outcome: { status: 200, text: `first${poison}` },
        retired: undefined
      })
    )

    it.scopedLive("is the rest of the body as far as that goes: the connection ends, LeftoverBytes", () =>
      told({
        transport,
        play: ({ write }) => write(`${head("content-length: 15")}first${poison}`),
        outcome: { status: 200, text: `first${poison.slice(0, 10)}` },
        retired: "LeftoverBytes"
      })
    )

    for (const version of ["1.0", "1.1"]) {
      it.scopedLive(`is the rest of a body without a length, HTTP/${version}: DelimitedByClose`, () =>
        told({
          transport,
          play: ({ reply, write }) =>
            Effect.map(write(`${head(`HTTP/${version} 200 OK`, "connection: keep-alive")}first${poison}`), reply.end),
          outcome: { status: 200, text: `first${poison}` },
          retired: "DelimitedByClose"
        })
      )
    }
  })
}
