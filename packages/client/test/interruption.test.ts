import { HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Sweep, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { clientLayer, type Env, get, kindOf, post, socketNumber } from "./support.js"

/** What an interrupted operation may leave behind: nothing on lease, nobody in line, no dial that nobody waits for. */
const leaks = Effect.gen(function* () {
  const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
  const network = yield* FakeNetwork.FakeNetwork
  const found: Array<string> = [...network.violations]
  if (stats.activeConnections > 0) found.push(`${stats.activeConnections} on lease`)
  if (stats.pendingAcquires > 0) found.push(`${stats.pendingAcquires} in line`)
  if (network.open.length !== stats.pooledConnections)
    found.push(`${network.open.length} open, ${stats.pooledConnections} idle`)
  return found
})

const some: Sweep.SweepOptions = {
  budgets: Sweep.range(16, 64, 3),
  delays: Sweep.range(0, 18, 2),
  steps: Sweep.range(0, 30, 3)
}

const sweeping = (operation: Effect.Effect<unknown, unknown, Env>, server?: ScriptedServer.ScriptedServer) =>
  Effect.gen(function* () {
    const report = yield* Sweep.check(Effect.succeed({ operation, leaks }), some)
    assert.isAbove(report.interrupted, 0)
  }).pipe(Effect.provide(clientLayer(server, { pool: { maxConnectionsPerHost: 2 } })))

const execute = (request: HttpClientRequest.HttpClientRequest) => HttpClient.execute(request)

describe("an interruption at any moment leaves nothing behind", () => {
  const small = ScriptedServer.always(Wire.ok("x"))

  it.effect("of a request that waits for its answer for ever", () => sweeping(execute(get())), 60_000)

  it.effect(
    "of a small request and its text",
    () =>
      sweeping(
        Effect.flatMap(execute(get()), (response) => response.text),
        small
      ),
    60_000
  )

  it.effect(
    "of one whose body comes in pieces",
    () =>
      sweeping(
        Effect.flatMap(execute(get()), (response) => response.text),
        ScriptedServer.always([
          Wire.head({ headers: { "content-length": "600000" } }),
          "x".repeat(1000),
          ScriptedServer.run(Effect.yieldNow()),
          "y"
        ])
      ),
    60_000
  )

  it.effect(
    "of a stream",
    () =>
      sweeping(
        Effect.flatMap(execute(get()), (response) => Stream.runDrain(response.stream)),
        small
      ),
    60_000
  )

  it.effect(
    "of an upload",
    () =>
      sweeping(
        Effect.flatMap(
          execute(
            post().pipe(
              HttpClientRequest.bodyStream(
                Stream.range(1, 5).pipe(
                  Stream.rechunk(1),
                  Stream.map(() => new Uint8Array(3))
                )
              )
            )
          ),
          (response) => response.text
        ),
        small
      ),
    60_000
  )
})

describe("an interruption of a reader, at any step of its way to the wait, leaves no body claimed and unread", () => {
  const readers: ReadonlyArray<
    readonly [string, (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<unknown, unknown>]
  > = [
    ["text", (response) => response.text],
    ["stream", (response) => Stream.runDrain(response.stream)],
    ["forEachChunk", (response) => PooledHttpClient.forEachChunk(response, () => {})],
    ["pull", (response) => PooledHttpClient.pull(response)]
  ]
  const server = ScriptedServer.always(Wire.head({ headers: { "content-length": "600000" } }))

  for (const [name, read] of readers) {
    it.effect(
      name,
      () =>
        Effect.gen(function* () {
          const network = yield* FakeNetwork.FakeNetwork
          const budget = 16
          for (let steps = 0; steps <= budget; steps++) {
            for (let delay = 0; delay < 5; delay++) {
              const response = yield* execute(get())
              let reading = read(response)
              for (let i = 0; i < steps; i++)
                reading = Effect.zipRight(
                  Effect.sync(() => {}),
                  reading
                )
              const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(reading, budget))
              for (let i = 0; i < delay; i++) yield* Effect.promise(() => Promise.resolve())
              yield* Fiber.interrupt(fiber)
            }
          }
          yield* network.settle
          // Those that were interrupted before they claimed the body are left to `unreadBodyTimeout`.
          yield* TestClock.adjust("31 seconds")
          assert.deepStrictEqual(yield* leaks, [])
        }).pipe(Effect.provide(clientLayer(server))),
      60_000
    )
  }

  it.effect("and another who waits for the same pieces is told", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const response = yield* execute(get())
      const first = yield* Effect.fork(PooledHttpClient.pull(response))
      const second = yield* Effect.fork(Effect.flip(PooledHttpClient.pull(response)))
      yield* network.settle
      yield* Fiber.interrupt(first)
      const error = yield* Fiber.join(second)
      assert.strictEqual(error._tag === "Some" && kindOf(error.value), "ResponseError Decode BodyAbandoned")
    }).pipe(Effect.provide(clientLayer(server)))
  )
})

describe("an interruption", () => {
  it.effect("in line leaves the line; its place is taken by the next (encode/httpcore#1093)", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const first = yield* Effect.fork(execute(get("/1")))
      const second = yield* Effect.fork(execute(get("/2")))
      const third = yield* Effect.fork(execute(get("/3")))
      const socket = yield* socketNumber(0)
      yield* Fiber.interrupt(second)
      yield* socket.takeRequest
      socket.send(Wire.ok())
      yield* Fiber.join(first)
      assert.strictEqual((yield* socket.takeRequest).target, "/3")
      socket.send(Wire.ok())
      yield* Fiber.join(third)
      assert.strictEqual(network.sockets.length, 1)
    }).pipe(Effect.provide(clientLayer(undefined, { pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("after the grant and before a byte was written gives the connection back", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const first = yield* Effect.fork(execute(get("/1")))
      const second = yield* Effect.fork(execute(get("/2")))
      yield* network.poll
      const socket = network.sockets[0]!
      socket.send(Wire.ok())
      yield* Fiber.join(first)
      yield* Fiber.interrupt(second)
      yield* network.poll
      assert.isUndefined(socket.destroyed)
      assert.notInclude(socket.receivedText, "/2")
      const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
      assert.strictEqual(stats.pooledConnections, 1)
    }).pipe(Effect.provide(clientLayer(undefined, { manualTurns: true, pool: { maxConnectionsPerHost: 1 } })))
  )

  it.effect("while the answer is awaited closes the connection, and nothing that comes late reaches anybody", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(execute(get("/1")))
      const socket = yield* socketNumber(0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(socket.destroyed, "Interrupted")
    }).pipe(Effect.provide(clientLayer()))
  )
})
