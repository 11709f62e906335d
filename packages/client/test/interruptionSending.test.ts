/**
 * Requests interrupted while more than a head is on its way: bodies, retries, redirects; and by the end of a scope.
 * What must hold in every cell is what must hold in `interruptionExecute`.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  type Cell,
  dialSucceeds,
  execute,
  hasSent,
  idle,
  interrupted,
  isDialling,
  parked,
  waiting
} from "./interruptionSupport.js"
import { get, post } from "./support.js"

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
    sent: { "POST /x": 1, "the body": 0 }
  },
  "waiting for the fresh connection of its retry": retrying,
  "in the turn in which the fresh connection of its retry opens": {
    ...retrying,
    fates: ["Stale", "open"],
    turn: dialSucceeds,
    after: () => {},
    sent: { "GET /x": 1 }
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

describe("a request with more than a head, interrupted", () => {
  for (const [point, cell] of Object.entries(cells)) {
    it.effect(`${point}: leaves ${cell.fates.join(", ") || "no connection"}`, () => interrupted(cell))
  }
})
