/**
 * Requests interrupted wherever they may wait before their answer's head has come, and in the turn in which it comes.
 * What must hold in every cell: nothing is on lease, in line or dialled in the end, no limit in time runs on, no fiber
 * is left, no socket is open that is not idle, and the next request is served.
 *
 * Bodies on their way, retries, redirects and scopes are in `interruptionSending`, readers in `interruptionBodies`.
 */
import { HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import {
  answersOther,
  busy,
  type Cell,
  dialSucceeds,
  execute,
  hasSent,
  interrupted,
  isDialling,
  one,
  parked,
  unrested,
  waiting
} from "./interruptionSupport.js"
import { get, post } from "./support.js"

const cells: Readonly<Record<string, Cell>> = {
  "in line behind another": {
    fates: ["open"],
    options: one,
    before: busy,
    operation: execute(get("/x")),
    there: hasSent("/other"),
    after: answersOther,
    sent: { "/x": 0 }
  },
  "in line for its dial, which succeeds later": {
    fates: ["open"],
    before: parked,
    operation: execute(get("/x")),
    there: isDialling,
    after: dialSucceeds,
    sent: { "/x": 0 }
  },
  "in line for its dial, which fails later": {
    fates: [],
    before: parked,
    operation: execute(get("/x")),
    there: isDialling,
    after: (here) => here.lastDial().fail()
  },
  // The dial's fiber comes first, and its new connection rests when the interruption comes.
  "in the turn in which its dial succeeds": {
    fates: ["open"],
    before: parked,
    operation: execute(get("/x")),
    there: isDialling,
    turn: dialSucceeds,
    sent: { "/x": 0 }
  },
  "while its new connection rests": {
    fates: ["open"],
    options: { manualTurns: true },
    operation: execute(get("/x")),
    there: ({ network, socket }) => network.sockets.length === 1 && !socket().parked,
    sent: { "/x": 0 }
  },
  "in the turn in which another's connection passes on to it": {
    fates: ["open"],
    options: { ...one, manualTurns: true },
    before: busy,
    operation: execute(get("/x")),
    there: hasSent("/other"),
    turn: answersOther,
    sent: { "/x": 0 }
  },
  "while its connection rests": {
    fates: ["open"],
    options: { manualTurns: true },
    before: unrested,
    operation: execute(get("/x")),
    there: ({ socket }) => !socket().parked,
    sent: { "/x": 0 }
  },
  "while its connection rests, in the turn in which that ends": {
    fates: ["PeerClosed", "open"],
    options: { manualTurns: true },
    before: unrested,
    operation: execute(get("/x")),
    there: ({ socket }) => !socket().parked,
    turn: ({ socket }) => socket().end(),
    after: dialSucceeds,
    sent: { "/x": 0 }
  },
  "in line again, because its connection ended while it rested": {
    fates: ["PeerClosed", "open"],
    options: { manualTurns: true },
    before: unrested,
    operation: execute(get("/x")),
    reach: ({ socket }) => Effect.sync(() => socket().end()),
    there: isDialling,
    after: dialSucceeds,
    sent: { "/x": 0 }
  },
  "waiting for the head": waiting,
  "waiting for the head, under limits in time": {
    ...waiting,
    options: { safety: { requestTimeout: "1 minute", headersTimeout: "1 minute", bodyTimeout: "1 minute" } }
  },
  "waiting for the head of a request with a body": {
    ...waiting,
    operation: execute(post("/x").pipe(HttpClientRequest.bodyText("body"))),
    there: hasSent("body"),
    sent: { "POST /x": 1 }
  },
  "waiting for the head after an interim answer": {
    ...waiting,
    reach: ({ socket }) => Effect.sync(() => socket().send(Wire.interim(103)))
  },
  "within the head": {
    ...waiting,
    reach: ({ socket }) => Effect.sync(() => socket().send("HTTP/1.1 200 OK\r\nconte"))
  },
  "in the turn in which its whole answer comes": {
    ...waiting,
    fates: ["open"],
    turn: ({ socket }) => socket().send(Wire.ok("x"))
  },
  "in the turn in which the head of a small body comes": {
    ...waiting,
    fates: ["open"],
    turn: ({ socket }) => socket().send(Wire.head({ headers: { "content-length": "10" } })),
    after: ({ socket }) => socket().send("0123456789")
  },
  "in the turn in which the head of a large body comes": {
    ...waiting,
    fates: ["BodyAbandoned"],
    turn: ({ socket }) => socket().send(Wire.head({ headers: { "content-length": "600000" } }))
  },
  "in the turn in which the head of a body of unknown length comes": {
    ...waiting,
    fates: ["BodyAbandoned"],
    turn: ({ socket }) => socket().send(Wire.head({ headers: { "transfer-encoding": "chunked" } }))
  }
}

describe("execute, interrupted", () => {
  for (const [point, cell] of Object.entries(cells)) {
    it.effect(`${point}: leaves ${cell.fates.join(", ") || "no connection"}`, () => interrupted(cell))
  }
})
