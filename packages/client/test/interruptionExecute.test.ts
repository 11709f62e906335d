/**
 * Requests interrupted wherever they may wait before their answer's head has come, and in the turn in which it comes.
 * What must hold in every cell: nothing is on lease, in line or dialled in the end, no limit in time runs on, no fiber
 * is left, no socket is open that is not idle, and the next request is served.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Cell, execute, type Here, interrupted } from "./interruptionSupport.js"
import { get, post } from "./support.js"

const one = { pool: { maxConnectionsPerHost: 1 } }

const parked = ({ network }: Here) => Effect.sync(() => network.park())

/** The host's only connection carries another request, which is not answered yet. */
const busy = ({ network, others }: Here) =>
  Effect.gen(function* () {
    others.push(yield* Effect.fork(Effect.flatMap(execute(get("/other")), (response) => response.text)))
    yield* network.settle
  })

/** An idle connection that has carried a request; from now on dials park. */
const idle = ({ network, socket }: Here) =>
  Effect.gen(function* () {
    const first = yield* Effect.fork(Effect.flatMap(execute(get("/first")), (response) => response.text))
    yield* network.settle
    socket().send(Wire.ok())
    yield* network.poll
    yield* first
    network.park()
  })

/** The same, and its last byte was read in this turn. */
const unrested = (here: Here) =>
  Effect.gen(function* () {
    const { network, socket } = here
    const first = yield* Effect.fork(Effect.flatMap(execute(get("/first")), (response) => response.text))
    yield* network.settle
    socket().send(Wire.ok())
    yield* first
    network.park()
  })

const answersOther = ({ socket }: Here) => socket().send(Wire.ok())
const dialSucceeds = (here: Here) => void here.lastDial().succeed()
const isDialling = (here: Here) => here.lastDial().state === "pending"
const hasSent =
  (text: string, index = 0) =>
  ({ socket }: Here) =>
    socket(index).writtenText.includes(text)

const large = post("/x").pipe(HttpClientRequest.bodyUint8Array(new Uint8Array(1_000_000)))

/** A producer that gives a chunk and then waits; it tells when it has ended. */
const producer = () => {
  const state = { begun: false, ended: false }
  const stream = Stream.concat(
    Stream.make(new Uint8Array([120])),
    Stream.fromEffect(
      Effect.onExit(
        Effect.zipRight(
          Effect.sync(() => {
            state.begun = true
          }),
          Effect.never
        ),
        () =>
          Effect.sync(() => {
            state.ended = true
          })
      )
    )
  )
  return { state, stream }
}

const uploading = (): Cell => {
  const { state, stream } = producer()
  return {
    fates: ["Interrupted"],
    operation: execute(post("/x").pipe(HttpClientRequest.bodyStream(stream))),
    there: () => state.begun && !state.ended,
    atEnd: () => state.ended,
    sent: { "POST /x": 1 }
  }
}

const retrying: Cell = {
  fates: ["Stale", "open"],
  before: idle,
  operation: execute(get("/x")),
  reach: ({ socket }) => Effect.sync(() => socket().reset()),
  there: isDialling,
  after: dialSucceeds,
  sent: { "GET /x": 1 }
}

const waiting: Cell = {
  fates: ["Interrupted"],
  operation: execute(get("/x")),
  there: hasSent("GET /x"),
  sent: { "GET /x": 1 }
}

/** Closed while its request waits for the head. */
const scoped = (): Cell => {
  const scope = Effect.runSync(Scope.make())
  return {
    ...waiting,
    fates: ["ExchangeAborted"],
    operation: Scope.extend(
      Effect.flatMap(HttpClient.HttpClient, (client) => HttpClient.withScope(client).execute(get("/x"))),
      scope
    ),
    stop: () => Scope.close(scope, Exit.void)
  }
}

const redirecting = (location: string): Cell => ({
  fates: ["Interrupted"],
  operation: Effect.flatMap(HttpClient.HttpClient, (client) =>
    PooledHttpClient.followRedirects(client).execute(post("/x"))
  ),
  reach: ({ socket }) => Effect.sync(() => socket().send(Wire.response({ status: 303, headers: { location } }))),
  there: hasSent("GET /y"),
  sent: { "POST /x": 1, "GET /y": 1 }
})

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
  // The dial's fiber comes first, and the head is out when the interruption comes.
  "in the turn in which its dial succeeds": {
    fates: ["Interrupted"],
    before: parked,
    operation: execute(get("/x")),
    there: isDialling,
    turn: dialSucceeds,
    sent: { "GET /x": 1 }
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
  "sending a large body, of which the connection takes no more": {
    fates: ["Interrupted"],
    options: { safety: { bodyTimeout: "1 minute" } },
    before: parked,
    operation: execute(large),
    reach: ({ lastDial }) => Effect.sync(() => lastDial().succeed().holdWrites()),
    there: ({ socket }) => socket().written.length > 100_000 && socket().written.length < 1_000_000,
    turn: ({ socket }) => socket().releaseWrites(1000)
  },
  "sending a large body, in the turn in which the connection takes more": {
    fates: ["Interrupted"],
    options: { safety: { bodyTimeout: "1 minute" } },
    before: parked,
    operation: execute(large),
    reach: ({ lastDial }) => Effect.sync(() => lastDial().succeed().holdWrites()),
    there: ({ socket }) => socket().written.length > 100_000 && socket().written.length < 1_000_000,
    turn: ({ socket }) => socket().releaseWrites(),
    sent: { "POST /x": 1 }
  },
  "uploading a stream, between two chunks": uploading(),
  "uploading a stream of which the connection takes no more": {
    fates: ["Interrupted"],
    options: { safety: { bodyTimeout: "1 minute" } },
    before: parked,
    operation: execute(
      post("/x").pipe(HttpClientRequest.bodyStream(Stream.forever(Stream.make(new Uint8Array(10_000)))))
    ),
    reach: ({ lastDial }) => Effect.sync(() => lastDial().succeed().holdWrites()),
    there: ({ socket }) => socket().written.length > 0,
    after: ({ socket }) => socket().releaseWrites(),
    // The head and no chunk, or the head and one: none after the interruption.
    atEnd: ({ socket }) => socket().written.length < 20_000
  },
  "waiting for 100 (Continue)": {
    fates: ["Interrupted"],
    operation: execute(
      post("/x").pipe(HttpClientRequest.setHeader("expect", "100-continue"), HttpClientRequest.bodyText("the body"))
    ),
    there: hasSent("100-continue"),
    sent: { "POST /x": 1, "the body": 0 }
  },
  "in the turn in which 100 (Continue) comes": {
    fates: ["Interrupted"],
    operation: execute(
      post("/x").pipe(HttpClientRequest.setHeader("expect", "100-continue"), HttpClientRequest.bodyText("the body"))
    ),
    there: hasSent("100-continue"),
    turn: ({ socket }) => socket().send(Wire.interim(100)),
    sent: { "POST /x": 1, "the body": 1 }
  },
  "waiting for the fresh connection of its retry": retrying,
  "in the turn in which the fresh connection of its retry opens": {
    ...retrying,
    fates: ["Stale", "Interrupted"],
    turn: dialSucceeds,
    after: () => {},
    sent: { "GET /x": 2 }
  },
  "in the turn in which its connection turns out dead": {
    ...retrying,
    reach: () => Effect.void,
    there: hasSent("GET /x"),
    turn: ({ socket }) => socket().reset()
  },
  "waiting for the head of its retry": {
    ...retrying,
    fates: ["Stale", "Interrupted"],
    reach: (here) =>
      Effect.gen(function* () {
        here.socket().reset()
        yield* here.network.settle
        here.lastDial().succeed()
      }),
    there: hasSent("GET /x", 1),
    after: () => {},
    sent: { "GET /x": 2 }
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
  },
  "in the turn in which an answer comes that refuses its upload": {
    ...uploading(),
    fates: ["EarlyAnswer"],
    turn: ({ socket }) => socket().send(Wire.response({ status: 413 }))
  },
  "when its scope closes": scoped(),
  "waiting for the answer of a redirect's second hop": redirecting("/y"),
  "waiting for the answer of a redirect's second hop to another host": {
    ...redirecting("http://b.test/y"),
    fates: ["open", "Interrupted"],
    there: hasSent("GET /y", 1)
  },
  "in the turn in which a redirect comes": {
    ...redirecting("/y"),
    fates: ["open"],
    reach: () => Effect.void,
    there: hasSent("POST /x"),
    turn: ({ socket }) => socket().send(Wire.response({ status: 303, headers: { location: "/y" } })),
    sent: { "POST /x": 1, "GET /y": 0 }
  }
}

describe("execute, interrupted", () => {
  for (const [point, cell] of Object.entries(cells)) {
    it.effect(`${point}: leaves ${cell.fates.join(", ") || "no connection"}`, () => interrupted(cell))
  }
})
