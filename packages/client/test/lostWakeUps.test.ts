/**
 * Between looking and listening a fiber may yield: to others, to a timer where its scheduler says so. What comes in that
 * moment is not missed.
 */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, type FakeSocket, Sweep, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { vi } from "vitest"
import { clientLayer, get, post } from "./support.js"

/** Every task of a fiber is a task of the event loop, and fibers yield after so many steps. */
const onEventLoop = (budget: number): Scheduler => ({
  scheduleTask: (task) => void setImmediate(task),
  shouldYield: (fiber) => (fiber.currentOpCount > budget ? 0 : false)
})

// With fewer than sixteen an effect of several steps never gets through.
const budgets = [...Sweep.range(16, 64), 100, 2048]

/** Runs a program with each budget, while something is done in every iteration of the event loop. */
const swept = <E>(
  program: Effect.Effect<unknown, E, HttpClient.HttpClient>,
  meanwhile: (socket: FakeSocket.FakeSocket) => void
): Effect.Effect<void, unknown> =>
  Effect.forEach(
    budgets,
    (budget) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.withScheduler(program, onEventLoop(budget)))
        const network = yield* FakeNetwork.FakeNetwork
        const exit = yield* ended(fiber, () => {
          const socket = network.sockets[0]
          if (socket !== undefined) meanwhile(socket)
        })
        assert.isTrue(exit !== null && Exit.isSuccess(exit), `with ${budget} steps: ${exit === null ? "waits" : exit}`)
      }).pipe(Effect.provide(clientLayer())),
    { discard: true }
  )

const patience = 2000

/** How the fiber ended; null: it waits for ever. */
const ended = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  meanwhile: (iteration: number) => void
): Effect.Effect<Exit.Exit<A, E> | null> =>
  Effect.async((resume) => {
    const next = (iteration: number): void => {
      const exit = fiber.unsafePoll()
      if (exit !== null || iteration === patience) return resume(Effect.succeed(exit))
      meanwhile(iteration)
      setImmediate(next, iteration + 1)
    }
    next(0)
  })

describe("A request whose fiber yields at any moment", () => {
  const piece = new Uint8Array(100)
  const pieces = Stream.range(1, 5).pipe(
    Stream.map(() => piece),
    Stream.rechunk(1)
  )

  for (const { length, what } of [
    { what: "of a length unknown", length: undefined },
    { what: "of a known length", length: 500 }
  ]) {
    it.effect(`goes on with its upload ${what} although the connection took everything before it listened`, () => {
      let answered: FakeSocket.FakeSocket | undefined
      return swept(
        Effect.flatMap(
          HttpClient.execute(
            post().pipe(
              HttpClientRequest.bodyStream(pieces, length === undefined ? undefined : { contentLength: length })
            )
          ),
          ({ text }) => text
        ),
        (socket) => {
          // Holds back whatever is written, and takes it in the next iteration.
          socket.releaseWrites()
          socket.holdWrites()
          const whole = length === undefined ? socket.receivedText.endsWith("0\r\n\r\n") : socket.received.length > 500
          if (!whole || answered === socket) return
          answered = socket
          socket.send(Wire.ok("done"))
        }
      )
    })
  }

  it.effect("gets every piece of its answer, however it reads, whenever they come", () => {
    const ways = [
      Effect.flatMap(HttpClient.get(get().url), ({ text }) => Effect.map(text, (body) => body.length)),
      Effect.flatMap(HttpClient.get(get().url), ({ stream }) =>
        Stream.runFold(stream, 0, (length, chunk) => length + chunk.length)
      ),
      Effect.flatMap(HttpClient.get(get().url), (response) => {
        let length = 0
        return Effect.as(
          PooledHttpClient.forEachChunk(response, (chunk) => {
            length += chunk.length
          }),
          () => length
        )
      })
    ]
    return Effect.forEach(ways, (way) => {
      const sent = new WeakMap<FakeSocket.FakeSocket, number>()
      return swept(way, (socket) => {
        const count = sent.get(socket) ?? 0
        if (count > 5 || socket.receivedText === "") return
        sent.set(socket, count + 1)
        if (count === 0) socket.send(Wire.head({ headers: { "content-length": "5" } }))
        else socket.send("x")
      })
    })
  })

  it.effect("ends with the scope in which it is executed, also if that closes between its look and its listening", () =>
    Effect.gen(function* () {
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const scope = yield* Scope.make()
      const look = vi.spyOn(AbortSignal.prototype, "aborted", "get").mockImplementationOnce(() => {
        Effect.runSync(Scope.close(scope, Exit.void))
        return false
      })
      const fiber = yield* Effect.fork(Effect.flip(Scope.extend(client.execute(get()), scope)))
      yield* network.settle
      look.mockRestore()
      const exit = fiber.unsafePoll()
      assert.isTrue(exit !== null && Exit.isSuccess(exit), "it waits for what cannot come")
      assert.strictEqual(network.dials.length, 0)
    }).pipe(Effect.provide(clientLayer()))
  )
})
