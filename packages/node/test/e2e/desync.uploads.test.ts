/**
 * Answers that come while the request is still being written, with others in line for the same connection: whatever it
 * says, whatever follows and whatever becomes of the upload, it carries none of them.
 */
import { describe, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import { gen } from "effect/Effect"
import { turns } from "../support/dialling.js"
import { type Outcome, poison, told } from "./support/desync.js"
import type { Peer } from "./support/desyncPeer.js"
import { type EarlyAnswer, early, type Upload, uploads } from "./support/desyncUploads.js"

const transports = ["tcp", "tls"] as const

/** What a server does with the upload that it has answered. */
const servers: Readonly<Record<string, (peer: Peer) => void>> = {
  "reads on": ({ readOn }) => readOn(),
  "stops reading": () => {},
  "resets the connection": ({ reset }) => reset()
}

const answers: Readonly<Record<string, EarlyAnswer>> = {
  "200": early(200),
  "200 with close": early(200, "connection: close"),
  "413": early(413),
  "413 with close": early(413, "connection: close"),
  "302": early(302, "location: /elsewhere"),
  "302 with close": early(302, "location: /elsewhere", "connection: close")
}

describe("an early answer is its upload's, and the connection ends, EarlyAnswer:", () => {
  for (const transport of transports) {
    for (const [what, { pieces, status, text }] of Object.entries(answers)) {
      for (const upload of uploads) {
        for (const [does, then] of Object.entries(servers)) {
          it.scopedLive(`${what}, to one ${upload.what}, over ${transport}, by a server that ${does}`, () =>
            told({
              transport,
              request: upload.request,
              atHead: ({ stopReading }) => stopReading(),
              play: (peer) =>
                gen(function* () {
                  yield* peer.write(pieces.join(""))
                  then(peer)
                }),
              outcome: { status, text },
              retired: "EarlyAnswer"
            })
          )
        }
      }
    }
  }
})

interface Placement {
  readonly where: string
  readonly play: (
    peer: Peer,
    pieces: EarlyAnswer["pieces"],
    upload: Upload,
    outcome: Effect.Effect<Outcome>
  ) => Effect.Effect<void>
}

const anywhere: ReadonlyArray<Placement> = [
  { where: "in its segment", play: ({ write }, [most, last]) => write(most + last + poison) },
  {
    where: "in the segment of its end",
    play: ({ write }, [most, last]) =>
      gen(function* () {
        yield* write(most)
        yield* turns(3)
        yield* write(last + poison)
      })
  },
  {
    where: "in a segment of its own",
    play: ({ write }, [most, last]) =>
      gen(function* () {
        yield* write(most + last)
        yield* write(poison)
      })
  },
  {
    where: "when it has been read",
    play: ({ write }, [most, last], _upload, outcome) =>
      gen(function* () {
        yield* write(most + last)
        yield* outcome
        yield* write(poison)
      })
  }
]

/** The upload goes on while such an answer is read. */
const duringTheRest: ReadonlyArray<Placement> = [
  ["when half of the upload has come", 0.5],
  ["when all of the upload has come", 1]
].map(([where, share]) => ({
  where: String(where),
  play: ({ readOn, received, write }, [most, last], { size }) =>
    gen(function* () {
      yield* write(most)
      readOn()
      yield* received(size * Number(share))
      yield* write(last + poison)
    })
}))

describe("behind an early answer on a kept connection another is nobody's:", () => {
  for (const transport of transports) {
    for (const upload of uploads) {
      for (const status of [200, 413]) {
        const { pieces, text } = early(status)
        for (const { play, where } of status === 200 ? [...anywhere, ...duringTheRest] : anywhere) {
          it.scopedLive(`${where}, ${status}, to one ${upload.what}, over ${transport}`, () =>
            told({
              transport,
              request: upload.request,
              kept: true,
              atHead: ({ stopReading }) => stopReading(),
              play: (peer, outcome) => play(peer, pieces, upload, outcome),
              outcome: { status, text },
              retired: "EarlyAnswer"
            })
          )
        }
      }
    }
  }
})
