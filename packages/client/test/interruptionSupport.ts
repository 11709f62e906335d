/**
 * What the interruption suite shares: a request brought to a suspension point, interrupted, and a look at what is left.
 */
import { HttpClient, type HttpClientError, type HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert } from "@effect/vitest"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, PoolOperations, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Supervisor from "effect/Supervisor"
import { clientLayer, type Env, get, type Options } from "./support.js"

export type Response = HttpClientResponse.HttpClientResponse

export const execute = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Response, HttpClientError.HttpClientError, HttpClient.HttpClient> => HttpClient.execute(request)

/** What a suspension point is made with. */
export interface Here {
  readonly network: FakeNetwork.FakeNetworkShape
  /** The connection of that number, counted from 0. */
  readonly socket: (index?: number) => FakeSocket.FakeSocket
  readonly lastDial: () => FakeNetwork.FakeDial
  /** Requests of others that a cell has begun. */
  readonly others: Array<Fiber.RuntimeFiber<unknown, unknown>>
}

/** A suspension point of an operation, and what becomes of the connections, in the order of opening. */
export interface Cell {
  /** `open` ones are idle in the pool, the others were closed for the reason named. */
  readonly fates: ReadonlyArray<string>
  readonly options?: Options
  readonly before?: (here: Here) => Effect.Effect<unknown, unknown, Env | Scope.Scope>
  readonly operation: Effect.Effect<unknown, unknown, Env>
  /** From where the operation waits by itself to the point. */
  readonly reach?: (here: Here) => Effect.Effect<unknown, unknown, Env>
  /** Holds at the point, and nowhere before it. */
  readonly there: (here: Here) => boolean
  /** In the very turn of the interruption, before it. */
  readonly turn?: (here: Here) => void
  /** How it is stopped, if not by an interruption of its fiber; it then ends by itself. */
  readonly stop?: (here: Here) => Effect.Effect<unknown, unknown, Env>
  /** What was held up so that the point could be reached goes on; the server does what it had begun. */
  readonly after?: (here: Here) => void
  /** Holds in the end. */
  readonly atEnd?: (here: Here) => boolean
  /** What reached the servers, counted by request line: for requests that must not be sent twice, or not at all. */
  readonly sent?: Readonly<Record<string, number>>
}

/** How often a request line reached a server. */
const timesSent = (network: FakeNetwork.FakeNetworkShape, line: string): number =>
  network.sockets.reduce((total, socket) => total + socket.receivedText.split(line).length - 1, 0)

const fatesOf = (network: FakeNetwork.FakeNetworkShape): ReadonlyArray<string> =>
  network.sockets.map((socket) => socket.destroyed ?? "open")

/** Another request, which the server answers. */
const nextIsServed = (network: FakeNetwork.FakeNetworkShape) =>
  Effect.gen(function* () {
    network.autoAccept()
    const next = yield* Effect.fork(Effect.flatMap(execute(get("/next")), (response) => response.text))
    yield* network.poll
    yield* network.poll
    const server = network.open.find(
      (socket) => socket.receivedText.endsWith("\r\n\r\n") && timesIn(socket, "/next") > 0
    )
    assert.isDefined(server, "the next request is sent")
    server?.send(Wire.ok("next"))
    yield* network.poll
    const exit = next.unsafePoll()
    assert.deepStrictEqual(exit, Exit.succeed("next"), "the next request is answered")
  })

const timesIn = (socket: FakeSocket.FakeSocket, text: string): number => socket.receivedText.split(text).length - 1

export const interrupted = (cell: Cell): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const here: Here = {
      network,
      others: [],
      socket: (index = 0) => {
        const socket = network.sockets[index]
        if (socket === undefined) throw new Error(`there is no connection number ${index}`)
        return socket
      },
      lastDial: () => {
        const dial = network.dials.at(-1)
        if (dial === undefined) throw new Error("there is no dial")
        return dial
      }
    }
    if (cell.before !== undefined) yield* cell.before(here)
    const census = yield* Supervisor.track
    const fiber = yield* Effect.fork(Effect.supervised(cell.operation, census))
    yield* network.settle
    if (cell.reach !== undefined) {
      yield* cell.reach(here)
      yield* network.settle
    }
    assert.isNull(fiber.unsafePoll(), "it waits")
    assert.isTrue(cell.there(here), "it waits there")
    cell.turn?.(here)
    if (cell.stop === undefined) {
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    } else {
      yield* cell.stop(here)
      yield* network.settle
      assert.isNotNull(fiber.unsafePoll(), "it has ended")
    }
    cell.after?.(here)
    yield* network.settle
    for (const other of here.others) yield* Fiber.join(other)
    assert.deepStrictEqual(fatesOf(network), cell.fates)
    for (const [line, times] of Object.entries(cell.sent ?? {}))
      assert.strictEqual(timesSent(network, line), times, line)
    if (cell.atEnd !== undefined) assert.isTrue(cell.atEnd(here), "what must hold in the end")
    assert.strictEqual((yield* census.value).length, 0, "no fiber is left")
    assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
    yield* nextIsServed(network)
    assert.deepStrictEqual(yield* PoolOperations.leftovers, [])
    const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
    assert.strictEqual(stats.acquireTimeouts, 0)
  }).pipe(Effect.scoped, Effect.provide(clientLayer(undefined, cell.options)))

export const one = { pool: { maxConnectionsPerHost: 1 } }

export const parked = ({ network }: Here) => Effect.sync(() => network.park())

/** The host's only connection carries another request, which is not answered yet. */
export const busy = ({ network, others }: Here) =>
  Effect.gen(function* () {
    others.push(yield* Effect.fork(Effect.flatMap(execute(get("/other")), (response) => response.text)))
    yield* network.poll
  })

/** An idle connection that has carried a request; from now on dials park. */
export const idle = ({ network, socket }: Here) =>
  Effect.gen(function* () {
    const first = yield* Effect.fork(Effect.flatMap(execute(get("/first")), (response) => response.text))
    yield* network.settle
    socket().send(Wire.ok())
    yield* network.poll
    yield* first
    network.park()
  })

/** The same, and its last byte was read in this turn. */
export const unrested = (here: Here) =>
  Effect.gen(function* () {
    const { network, socket } = here
    const first = yield* Effect.fork(Effect.flatMap(execute(get("/first")), (response) => response.text))
    yield* network.poll
    socket().send(Wire.ok())
    yield* first
    network.park()
  })

export const answersOther = ({ socket }: Here) => socket().send(Wire.ok())
export const dialSucceeds = (here: Here) => void here.lastDial().succeed()
export const isDialling = (here: Here) => here.lastDial().state === "pending"
export const hasSent =
  (text: string, index = 0) =>
  ({ socket }: Here) =>
    socket(index).writtenText.includes(text)

/** A request that is out. */
export const waiting: Cell = {
  fates: ["Interrupted"],
  operation: execute(get("/x")),
  there: hasSent("GET /x"),
  sent: { "GET /x": 1 }
}
