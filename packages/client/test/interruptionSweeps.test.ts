/**
 * Requests and their answers, interrupted at hundreds of moments that differ by steps, microtasks and turns: nothing is
 * left behind, and the next request is served. Each sweep must have come upon the operation at every point it names.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, PoolOperations, ScriptedServer, Sweep, Wire } from "@hotaru/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { execute, type Response } from "./interruptionSupport.js"
import { clientLayer, type Env, get, type Options, post } from "./support.js"

/** Some turns pass before the server goes on, so that there is time to come in between. */
const turn = ScriptedServer.run(Effect.async((resume) => void setImmediate(() => resume(Effect.void))))

const pieces = (): ScriptedServer.ScriptedServer =>
  ScriptedServer.always([turn, Wire.head({ headers: { "content-length": "6" } }), "ab", turn, "cd", turn, "ef"])

interface Swept {
  readonly operation: Effect.Effect<unknown, unknown, HttpClient.HttpClient>
  readonly server: () => ScriptedServer.ScriptedServer
  readonly options?: Options
  /** Requests that were sent and answered before. */
  readonly before?: Effect.Effect<unknown, unknown, Env>
  /** More than 1 in 100 interruptions must fall into each of these. */
  readonly moments: ReadonlyArray<string>
  /** As often at most may its request reach the server. */
  readonly atMost: number
}

/** Where an exchange is, as the network sees it: how much it has heard and said beyond what there was before. */
const momentOf = (network: FakeNetwork.FakeNetworkShape, deliveries: number, writes: number): string => {
  const busy = network.open.find((socket) => !socket.parked)
  if (busy === undefined) return "without a connection"
  if (busy.counts.writes === writes) return "unsent"
  return busy.counts.deliveries > deliveries ? "in the answer" : "sent"
}

/** Of each operation. */
const timings = process.env["HOTARU_TESTS"] === "full" ? 2000 : 300

const maxTurns = 20

/** Lets the turns pass that the server waits for. */
const until = (network: FakeNetwork.FakeNetworkShape, holds: () => boolean): Effect.Effect<void> => {
  const go = (left: number): Effect.Effect<void> =>
    Effect.flatMap(network.settle, () => (holds() || left === 0 ? Effect.void : go(left - 1)))
  return go(maxTurns)
}

const sweep = ({ atMost, before, moments, operation, options, server }: Swept, sample: number) =>
  Effect.gen(function* () {
    const trial = Effect.gen(function* () {
      const served = server()
      const context = yield* Layer.build(clientLayer(served, { ...options, pool: { maxConnectionsPerHost: 1 } }))
      const network = Context.get(context, FakeNetwork.FakeNetwork)
      if (before !== undefined) yield* Effect.orDie(Effect.provide(before, context))
      const { deliveries = 0, writes = 0 } = network.sockets[0]?.counts ?? {}
      const leaks = Effect.gen(function* () {
        // The server goes on with what it has begun, and a rest that is small is read to its end.
        yield* until(network, () => network.open.every((socket) => socket.parked))
        const found = [...(yield* PoolOperations.leftovers)]
        const sent = served.requests.filter(({ target }) => target === "/x").length
        if (sent > atMost) found.push(`${sent} requests`)
        const next = yield* Effect.fork(Effect.flatMap(execute(get("/next")), (response) => response.text))
        yield* until(network, () => next.unsafePoll() !== null)
        if (next.unsafePoll()?._tag !== "Success") found.push("the next request starves")
        return [...found, ...(yield* PoolOperations.leftovers)]
      })
      return {
        operation: Effect.provide(operation, context),
        leaks: Effect.provide(leaks, context),
        moment: () => momentOf(network, deliveries, writes)
      }
    })
    const report = yield* Sweep.check(trial, { sample, turns: [0, 1, 2, 3, 4, 5] })
    assert.strictEqual(report.timings, sample)
    for (const moment of moments)
      assert.isAtLeast(report.moments[moment] ?? 0, sample / 100, `${moment}: ${JSON.stringify(report.moments)}`)
  })

const reading = (read: (response: Response) => Effect.Effect<unknown, unknown>, request = get("/x")) =>
  Effect.flatMap(execute(request), read)

const first = Effect.flatMap(execute(get("/first")), (response) => response.text)

const chunks = Stream.range(1, 5).pipe(
  Stream.rechunk(1),
  Stream.mapEffect((n) => Effect.as(Effect.yieldNow(), new Uint8Array(n)))
)

/** Answers the first request of each connection, and resets the connection at the second. */
const forgetful = (): ScriptedServer.ScriptedServer =>
  ScriptedServer.make(({ connection, exchange, target }) =>
    connection === 1 && exchange === 2 && target !== "/next" ? [turn, ScriptedServer.reset] : [turn, Wire.ok("x")]
  )

const chunkedPieces = (): ScriptedServer.ScriptedServer =>
  ScriptedServer.always([
    turn,
    Wire.head({ headers: { "transfer-encoding": "chunked" } }),
    "2\r\nab\r\n",
    turn,
    "2\r\ncd\r\n",
    turn,
    "0\r\n\r\n"
  ])

const small = (): ScriptedServer.ScriptedServer => ScriptedServer.always([turn, Wire.ok("x")])

const text = (response: Response) => response.text

const answers = ["sent", "in the answer"]

const operations: Readonly<Record<string, Swept>> = {
  "a request that has to be dialled for, and its text": {
    operation: reading(text),
    server: pieces,
    moments: answers,
    atMost: 1
  },
  "a request on a connection that rests, and its text": {
    operation: reading(text),
    server: small,
    before: first,
    moments: ["unsent", "sent"],
    atMost: 1
  },
  "a request in line, and its text": {
    operation: reading(text),
    server: small,
    before: Effect.fork(first),
    moments: ["sent"],
    atMost: 1
  },
  "a request under a span, under limits in time, and its arrayBuffer": {
    operation: Effect.withSpan(
      reading((response) => response.arrayBuffer),
      "test"
    ),
    server: chunkedPieces,
    options: { safety: { requestTimeout: "1 minute", bodyTimeout: "1 minute" } },
    moments: answers,
    atMost: 1
  },
  "a stream": {
    operation: reading((response) => Stream.runDrain(response.stream)),
    server: pieces,
    moments: answers,
    atMost: 1
  },
  "a pull after the other": {
    operation: reading((response) => Effect.forever(PooledHttpClient.pull(response))),
    server: pieces,
    moments: answers,
    atMost: 1
  },
  "forEachChunk with an effect for each": {
    operation: reading((response) => PooledHttpClient.forEachChunk(response, () => Effect.yieldNow())),
    server: chunkedPieces,
    moments: answers,
    atMost: 1
  },
  "an upload in chunks": {
    operation: reading(text, post("/x").pipe(HttpClientRequest.bodyStream(chunks))),
    server: small,
    moments: ["sent"],
    atMost: 1
  },
  "a body that waits for 100 (Continue)": {
    operation: reading(
      text,
      post("/x").pipe(HttpClientRequest.setHeader("expect", "100-continue"), HttpClientRequest.bodyText("body"))
    ),
    server: small,
    moments: ["in the answer"],
    atMost: 1
  },
  "a retry": {
    operation: reading(text),
    server: forgetful,
    before: first,
    moments: ["unsent", "sent"],
    atMost: 2
  },
  "a redirect": {
    operation: Effect.flatMap(HttpClient.HttpClient, (client) =>
      Effect.flatMap(PooledHttpClient.followRedirects(client).execute(post("/x")), text)
    ),
    server: () =>
      ScriptedServer.make(({ target }) => [
        turn,
        target === "/x" ? Wire.response({ status: 303, headers: { location: "/y" } }) : Wire.ok("y")
      ]),
    moments: ["unsent", "sent"],
    atMost: 1
  },
  "a request under withScope": {
    operation: Effect.scoped(
      Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.flatMap(HttpClient.withScope(client).execute(get("/x")), text)
      )
    ),
    server: pieces,
    moments: answers,
    atMost: 1
  }
}

describe("Swept by interruptions, nothing is left behind", () => {
  for (const [name, swept] of Object.entries(operations)) {
    it.effect(`of ${name}`, () => sweep(swept, timings), 60_000)
  }
})
