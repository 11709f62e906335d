/**
 * Readers of a body, interrupted while they wait for more of it or are busy with what has come. `open`: the connection
 * is idle in the pool, because the rest of the body was small enough to be thrown away; the others were closed for the
 * reason named. What must hold in every cell is what must hold for `execute`.
 */
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, PoolOperations, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { type Cell, execute, type Here, interrupted, type Response } from "./interruptionSupport.js"
import { clientLayer, get, kindOf, socketNumber } from "./support.js"

type Read = (response: Response) => Effect.Effect<unknown, unknown>

/** How much of the body is to come: within the bound for throwing away, beyond it, or nobody knows. */
const rests = {
  small: { head: { "content-length": "1000" }, first: "x".repeat(400), last: "x".repeat(600) },
  large: { head: { "content-length": "600000" }, first: "x".repeat(400), last: "" },
  unknown: { head: { "transfer-encoding": "chunked" }, first: "5\r\nchunk\r\n", last: "0\r\n\r\n" }
} as const

type Rest = keyof typeof rests

interface Reader {
  readonly read: Read
  readonly fates: Readonly<Record<Rest, string>>
  /** Whether it goes by itself, and not by an interruption of its fiber. */
  readonly leaves?: boolean
}

const known = { small: "open", large: "BodyAbandoned" }

/** Interrupted in its wait: a rest of unknown length is not worth reading on for. */
const waits = { ...known, unknown: "BodyAbandoned" }

/** It stops between two pieces: the body may end at once, and is given that chance. */
const stops = { ...known, unknown: "open" }

/** In a race or under a time limit, its fiber is interrupted while the operation goes on. */
const afterLosing =
  (read: Read): Read =>
  (response) =>
    Effect.zipRight(Effect.raceFirst(read(response), Effect.sleep("1 second")), Effect.void)

const readers: Readonly<Record<string, Reader>> = {
  text: { read: (response) => response.text, fates: waits },
  json: { read: (response) => response.json, fates: waits },
  arrayBuffer: { read: (response) => response.arrayBuffer, fates: waits },
  urlParamsBody: { read: (response) => response.urlParamsBody, fates: waits },
  formData: { read: (response) => response.formData, fates: waits },
  "a stream": { read: (response) => Stream.runDrain(response.stream), fates: waits },
  "a stream whose consumer is busy": {
    read: (response) => Stream.runForEach(response.stream, () => Effect.never),
    fates: stops
  },
  "a stream, in a fiber of its own": {
    read: (response) => Effect.flatMap(Effect.fork(Stream.runDrain(response.stream)), Fiber.join),
    fates: waits
  },
  "a stream merged with another": {
    read: (response) => Stream.runDrain(Stream.merge(response.stream, Stream.never)),
    fates: waits
  },
  "a pull": { read: (response) => Effect.forever(PooledHttpClient.pull(response)), fates: waits },
  forEachChunk: { read: (response) => PooledHttpClient.forEachChunk(response, () => {}), fates: waits },
  "forEachChunk, in the effect of a chunk": {
    read: (response) => PooledHttpClient.forEachChunk(response, () => Effect.never),
    fates: stops
  },
  "text that loses a race": { read: afterLosing((response) => response.text), fates: waits, leaves: true },
  "a stream that loses a race": {
    read: afterLosing((response) => Stream.runDrain(response.stream)),
    fates: waits,
    leaves: true
  },
  "forEachChunk that is timed out": {
    read: (response) =>
      Effect.timeoutOption(
        PooledHttpClient.forEachChunk(response, () => {}),
        "1 second"
      ),
    fates: waits,
    leaves: true
  },
  "a stream that is timed out": {
    read: (response) => Stream.runDrain(Stream.interruptAfter(response.stream, "1 second")),
    fates: waits,
    leaves: true
  }
}

/** The head has come and a piece of the body. */
const begun = (rest: Rest) => (here: Here) =>
  Effect.sync(() => here.socket().send(Wire.join(Wire.head({ headers: rests[rest].head }), rests[rest].first)))

const sendsRest =
  (rest: Rest) =>
  ({ socket }: Here) => {
    if (socket().destroyed === undefined) socket().send(rests[rest].last)
  }

const cellOf = (reader: Reader, rest: Rest): Cell => ({
  fates: [reader.fates[rest]],
  operation: Effect.flatMap(execute(get("/x")), reader.read),
  reach: begun(rest),
  there: ({ socket }) => socket().counts.deliveries === 1,
  ...(reader.leaves === true ? { stop: () => TestClock.adjust("1 second") } : {}),
  after: sendsRest(rest),
  sent: { "GET /x": 1 }
})

describe("a reader of a body, interrupted", () => {
  for (const [name, reader] of Object.entries(readers)) {
    for (const rest of ["small", "large", "unknown"] as const) {
      const cell = cellOf(reader, rest)
      it.effect(`${name}, with a rest that is ${rest}: leaves ${cell.fates}`, () => interrupted(cell))

      it.effect(`${name}, with a rest that is ${rest}, under limits in time: no limit is left`, () =>
        interrupted({
          ...cell,
          options: { safety: { requestTimeout: "1 minute", bodyTimeout: "1 minute", headersTimeout: "1 minute" } }
        })
      )
    }

    if (reader.leaves === true) continue

    it.effect(`${name}, in the turn in which another piece comes: leaves open`, () =>
      interrupted({
        ...cellOf(reader, "small"),
        turn: ({ socket }) => socket().send("x".repeat(100)),
        after: ({ socket }) => socket().send("x".repeat(500))
      })
    )

    it.effect(`${name}, in the turn in which the last piece comes: leaves open`, () =>
      interrupted({ ...cellOf(reader, "unknown"), fates: ["open"], turn: sendsRest("unknown"), after: () => {} })
    )

    it.effect(`${name}, in the turn in which the connection ends: leaves it closed`, () =>
      interrupted({
        ...cellOf(reader, "small"),
        fates: ["ConnectionBroken"],
        turn: ({ socket }) => socket().end(),
        after: () => {}
      })
    )
  }
})

describe("a reader that stops", () => {
  it.effect("a stream of which only a part is taken leaves the rest to be thrown away", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(
        Effect.flatMap(execute(get("/x")), (response) => Stream.runCollect(Stream.take(response.stream, 1)))
      )
      const socket = yield* socketNumber(0)
      yield* begun("small")({ socket: () => socket } as unknown as Here)
      yield* Fiber.join(fiber)
      const { leftovers } = PoolOperations
      assert.deepStrictEqual((yield* leftovers).slice(0, 2), ["1 on lease", "1 deadlines"], "it is being drained")
      socket.send(rests.small.last)
      assert.deepStrictEqual(yield* leftovers, [])
      assert.isUndefined(socket.destroyed)
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("and is not thrown away for longer than it may take", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const fiber = yield* Effect.fork(Effect.flatMap(execute(get("/x")), (response) => response.text))
      const socket = yield* socketNumber(0)
      yield* begun("small")({ socket: () => socket } as unknown as Here)
      yield* network.settle
      yield* Fiber.interrupt(fiber)
      assert.isUndefined(socket.destroyed)
      yield* TestClock.adjust("250 millis")
      yield* network.settle
      assert.strictEqual(socket.destroyed, "BodyNotDrained")
      assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("while its rest is thrown away, who waits for the connection can be interrupted, and another gets it", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const reader = yield* Effect.fork(Effect.flatMap(execute(get("/x")), (response) => response.text))
      const socket = yield* socketNumber(0)
      yield* begun("small")({ socket: () => socket } as unknown as Here)
      const first = yield* Effect.fork(execute(get("/left")))
      const second = yield* Effect.fork(execute(get("/served")))
      yield* network.settle
      yield* Fiber.interrupt(reader)
      yield* Fiber.interrupt(first)
      socket.send(rests.small.last)
      yield* network.settle
      assert.notInclude(socket.receivedText, "/left")
      assert.include(socket.receivedText, "/served")
      socket.send(Wire.ok())
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("and never was there, because the interruption came between the head and it: its time is bounded", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(execute(get("/x")))
      const socket = yield* socketNumber(0)
      yield* begun("large")({ socket: () => socket } as unknown as Here)
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
      assert.strictEqual(socket.destroyed, "BodyAbandoned")
    }).pipe(Effect.provide(clientLayer()))
  )
})

describe("readers of the same body", () => {
  const read = (second: Read, first: Read) =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const executing = yield* Effect.fork(execute(get("/x")))
      const socket = yield* socketNumber(0)
      yield* begun("small")({ socket: () => socket } as unknown as Here)
      const response = yield* Fiber.join(executing)
      const one = yield* Effect.fork(first(response))
      const other = yield* Effect.fork(Effect.exit(second(response)))
      yield* network.settle
      yield* Fiber.interrupt(one)
      socket.send(rests.small.last)
      yield* network.settle
      const exit = yield* Fiber.join(other)
      assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
      assert.strictEqual((yield* (yield* ConnectionPool.ConnectionPool).stats).pooledConnections, 1)
      return exit
    }).pipe(Effect.provide(clientLayer()))

  it.effect("collectors go on when another is interrupted", () =>
    Effect.gen(function* () {
      const exit = yield* read(
        (response) => response.text,
        (response) => response.arrayBuffer
      )
      assert.strictEqual(exit._tag === "Success" && String(exit.value).length, 1000)
    })
  )

  it.effect("who waits for the same pieces is told", () =>
    Effect.gen(function* () {
      const pull: Read = (response) => Effect.forever(PooledHttpClient.pull(response))
      const exit = yield* read((response) => Effect.flip(pull(response)), pull)
      const error =
        exit._tag === "Success" ? (exit.value as { readonly _tag: string; readonly value: never }) : undefined
      assert.strictEqual(error?._tag === "Some" && kindOf(error.value), "ResponseError Decode BodyAbandoned")
    })
  )
})
