import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type * as Net from "node:net"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector } from "@hotaru/node"
import { Effect, Exit, Fiber, FiberId, Queue, Scope } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { descriptors, names, noSocketsLeft, plain, secure, turnUntil } from "./support/dialling.js"
import { listen, listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

describe("an interrupted dial", () => {
  it.scoped("closes a handshake under way in the same call", () =>
    Effect.gen(function* () {
      // Accepts, and never says a word of TLS.
      const { accepted, openCount, port } = yield* listen()
      const connector = yield* NodeConnector.make()
      const before = descriptors()
      const dial = yield* Effect.fork(Effect.scoped(connector.connect(secure(port, "127.0.0.1"))))
      const peer = yield* Queue.take(accepted)
      yield* Effect.async<void>((resume) => void peer.once("data", () => resume(Effect.void)))
      assert.strictEqual(descriptors(), before + 2)
      yield* Fiber.interrupt(dial)
      assert.strictEqual(descriptors(), before + 1)
      yield* turnUntil(() => openCount() === 0)
    })
  )

  it.scoped("leaves nothing open, whatever the moment", () =>
    Effect.gen(function* () {
      const tcp = yield* listen()
      const tls = yield* listenTls(certs.server)
      const connector = yield* NodeConnector.make({
        tls: { ca: certs.ca.cert },
        resolver: names({ localhost: ["127.0.0.1"] })
      })
      let interrupted = 0
      for (const key of [plain(tcp.port, "localhost"), secure(tls.port)]) {
        for (let turns = 0; turns < 12; turns++) {
          for (const microtasks of [0, 1, 2, 5]) {
            const dial = yield* Effect.fork(Effect.scoped(Effect.zipRight(connector.connect(key), Effect.never)))
            for (let i = 0; i < turns; i++)
              yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
            for (let i = 0; i < microtasks; i++) yield* Effect.promise(() => Promise.resolve())
            if (Exit.isInterrupted(yield* Fiber.interrupt(dial))) interrupted++
          }
        }
      }
      assert.strictEqual(interrupted, 96)
      yield* turnUntil(() => tcp.openCount() === 0 && tls.openCount() === 0)
    })
  )

  it.scoped("closes a connection that was opened in the same turn, and that nobody took over", () =>
    Effect.gen(function* () {
      const { accepted, openCount, port } = yield* listen()
      const connector = yield* NodeConnector.make()
      const opened = yield* Effect.async<boolean>((resume) => {
        const channel = "net.client.socket"
        const watch = (message: unknown): void => {
          unsubscribe(channel, watch)
          const { socket } = message as { readonly socket: Net.Socket }
          // After the connector's own listener, which resumes the dial: the interruption falls between that and the dial.
          process.nextTick(() => {
            socket.once("connect", () => {
              dial.unsafeInterruptAsFork(FiberId.none)
              resume(Effect.succeed(!socket.destroyed))
            })
          })
        }
        subscribe(channel, watch)
        const dial = Effect.runFork(Effect.scoped(Effect.zipRight(connector.connect(plain(port)), Effect.never)))
      })
      assert.isTrue(opened)
      yield* Queue.take(accepted)
      yield* turnUntil(() => openCount() === 0)
    })
  )

  it.scoped("leaves no handle behind", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* listenTls(certs.server)
          const connector = yield* NodeConnector.make({ tls: { ca: certs.ca.cert } })
          const scope = yield* Scope.make()
          yield* Scope.extend(connector.connect(secure(port, "127.0.0.1")), scope)
          const dials = yield* Effect.forEach([1, 2, 3], () =>
            Effect.fork(Effect.scoped(connector.connect(secure(port, "127.0.0.1"))))
          )
          yield* Effect.yieldNow()
          yield* Fiber.interruptAll(dials)
          yield* Scope.close(scope, Exit.void)
        })
      )
      yield* noSocketsLeft
    })
  )
})
