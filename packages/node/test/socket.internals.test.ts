import { EventEmitter } from "node:events"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector } from "@hotaru/node"
import { Effect, Queue } from "effect"
import { forgetWriteError, isWriteError, keepReadingAfterWriteError, wasReset } from "../src/internal/nodeInternals.js"
import { plain } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listen } from "./support/servers.js"

/** Each of these fails if Node changes what we touch of it without a word in its documentation. */
describe("what we touch of Node's insides", () => {
  const raw = (port: number) =>
    Effect.acquireRelease(
      Effect.async<Net.Socket>((resume) => {
        const socket = Net.connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () =>
          resume(Effect.succeed(socket))
        )
        socket.on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )

  it.scoped("a socket destroys itself on a write error, unless autoDestroy is off", () =>
    Effect.gen(function* () {
      const outcome = (keep: boolean) =>
        Effect.gen(function* () {
          const { accepted, port } = yield* listen()
          const socket = yield* raw(port)
          const peer = yield* Queue.take(accepted)
          if (keep) keepReadingAfterWriteError(socket)
          return yield* Effect.async<{ readonly destroyed: boolean; readonly ofWrite: boolean }>((resume) => {
            socket.on("error", (cause) =>
              resume(Effect.succeed({ destroyed: socket.destroyed, ofWrite: isWriteError(socket, cause) }))
            )
            peer.once("data", () => {
              peer.resetAndDestroy()
              socket.write("y")
            })
            socket.write("x")
          })
        })
      assert.deepStrictEqual(yield* outcome(true), { destroyed: false, ofWrite: true })
      assert.isTrue((yield* outcome(false)).destroyed)
    })
  )

  it.scoped("a write error hides the end of input, unless it is forgotten", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen()
      const socket = yield* raw(port)
      const peer = yield* Queue.take(accepted)
      keepReadingAfterWriteError(socket)
      yield* Effect.async<void>((resume) => {
        socket.on("error", () => {
          assert.isNotNull(socket.errored)
          forgetWriteError(socket)
          assert.isNull(socket.errored)
          resume(Effect.void)
        })
        peer.once("data", () => {
          peer.resetAndDestroy()
          socket.write("y")
        })
        socket.write("x")
      })
      yield* Effect.async<void>((resume) => {
        socket.on("end", () => resume(Effect.void))
        socket.on("close", () => resume(Effect.void))
        socket.resume()
      })
    })
  )

  it.scoped("a reset behind unread data is an error, or getpeername tells it from a FIN, 20 of 20", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen({ halfOpen: true })
      const kind = (reset: boolean) =>
        Effect.gen(function* () {
          const socket = yield* raw(port)
          const peer = yield* Queue.take(accepted)
          socket.pause()
          yield* Effect.async<void>((resume) => void peer.write(Buffer.alloc(100_000), () => resume(Effect.void)))
          if (reset) peer.resetAndDestroy()
          else peer.end()
          return yield* Effect.async<boolean>((resume) => {
            socket.on("end", () => resume(Effect.succeed(wasReset(socket))))
            // From Node 24 on.
            socket.on("error", () => resume(Effect.succeed(true)))
            socket.resume()
          })
        })
      const resets = yield* Effect.replicateEffect(kind(true), 20)
      const fins = yield* Effect.replicateEffect(kind(false), 20)
      assert.deepStrictEqual([resets.filter(Boolean).length, fins.filter(Boolean).length], [20, 0])
    })
  )
})

describe("the socket of a connection", () => {
  it.scoped("gets its listeners once, and none for a request", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ onSocket: (socket) => void socket.pipe(socket) })
      const connector = yield* NodeConnector.make()
      const connection = yield* connector.connect(plain(port))
      const socket = (connection as unknown as { readonly socket: EventEmitter }).socket
      assert.instanceOf(socket, EventEmitter)
      const count = () =>
        Object.fromEntries(socket.eventNames().map((name) => [String(name), socket.listenerCount(name)] as const))
      const before = count()
      assert.deepInclude(before, { drain: 1, close: 1 })
      for (let i = 0; i < 20; i++) {
        const recorder = record(connection)
        connection.unpark()
        connection.write("request")
        yield* recorder.until(({ length }) => length === 7)
        connection.pause()
        connection.resume()
        connection.park()
        yield* connection.turn
      }
      assert.deepStrictEqual(count(), before)
    })
  )
})
