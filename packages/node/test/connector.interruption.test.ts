import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type * as Net from "node:net"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, type Resolver } from "@hotaru/node"
import type { ConnectionKey } from "@hotaru/pool"
import { Effect, Exit, Fiber, FiberId, Queue, Scope } from "effect"
import { blackholes } from "./support/blackholes.js"
import { type Certificates, certificates } from "./support/certificates.js"
import { descriptors, names, noSocketsLeft, plain, secure, turnUntil } from "./support/dialling.js"
import { listen, listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

/** A suspension point of a dial. */
interface Point {
  readonly key: ConnectionKey.ConnectionKey
  /** Names and what their look-up ends with; others are addresses already. */
  readonly lookup?: (host: string) => Effect.Effect<ReadonlyArray<string>, Resolver.ResolveError>
  /** Ends when the dial has come to the point. */
  readonly there: Effect.Effect<void>
  /** In the very turn of the interruption, before it. */
  readonly turn?: () => void
  /** Descriptors that the dial has open at the point, where nothing else opens or closes any. */
  readonly sockets?: number
}

/** The sockets that are made from here on, until the scope closes. */
const made: Effect.Effect<ReadonlyArray<Net.Socket>, never, Scope.Scope> = Effect.suspend(() => {
  const sockets: Array<Net.Socket> = []
  const watch = (message: unknown): void => {
    sockets.push((message as { readonly socket: Net.Socket }).socket)
  }
  subscribe("net.client.socket", watch)
  return Effect.as(
    Effect.addFinalizer(() => Effect.sync(() => unsubscribe("net.client.socket", watch))),
    sockets
  )
})

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

/**
 * What must hold after each: what was open is closed within the call that interrupts, no timer runs on, the servers see
 * it, and the next dial of the same connector to the same place succeeds.
 */
const interruptedAt = (
  make: Effect.Effect<Point & { readonly next: ConnectionKey.ConnectionKey }, never, Scope.Scope>
) =>
  Effect.gen(function* () {
    const { key, lookup, next, sockets, there, turn } = yield* make
    const known = names({ localhost: ["127.0.0.1"] })
    const connector = yield* NodeConnector.make({
      tls: { ca: certs.ca.cert },
      resolver: {
        lookup: (host) => (lookup !== undefined && host.endsWith(".test") ? lookup(host) : known.lookup(host))
      }
    })
    const before = { descriptors: descriptors(), timers: timers() }
    const dial = yield* Effect.forkDaemon(Effect.scoped(Effect.zipRight(connector.connect(key), Effect.never)))
    yield* there
    assert.isNull(dial.unsafePoll())
    const own = descriptors()
    turn?.()
    const exit = yield* Fiber.interrupt(dial)
    assert.isTrue(Exit.isInterrupted(exit))
    if (sockets !== undefined) assert.strictEqual(descriptors(), own - sockets, "its sockets are closed")
    assert.isAtMost(timers(), before.timers, "no timer runs on")
    yield* Effect.scoped(connector.connect(next))
  })

/** Ends when a look-up has been asked for. */
const lookups = () => {
  let answer: ((addresses: ReadonlyArray<string>) => void) | undefined
  const asked: Array<string> = []
  return {
    asked,
    answer: (...addresses: ReadonlyArray<string>) => answer?.(addresses),
    lookup: (host: string) => {
      asked.push(host)
      return Effect.async<ReadonlyArray<string>>((resume) => {
        answer = (addresses) => resume(Effect.succeed(addresses))
      })
    }
  }
}

const plainServer = Effect.map(listen(), ({ accepted, openCount, port }) => ({ accepted, openCount, port }))

describe("a dial, interrupted", () => {
  it.scoped("while its name is looked up", () =>
    interruptedAt(
      Effect.gen(function* () {
        const { port } = yield* plainServer
        const { asked, lookup } = lookups()
        return {
          key: plain(port, "slow.test"),
          next: plain(port),
          lookup,
          there: turnUntil(() => asked.length === 1),
          sockets: 0
        }
      })
    )
  )

  it.scoped("in the turn in which its name is found", () =>
    interruptedAt(
      Effect.gen(function* () {
        const { acceptedCount, port } = yield* listen()
        const { answer, asked, lookup } = lookups()
        yield* Effect.addFinalizer(() => Effect.sync(() => assert.isAtMost(acceptedCount(), 2)))
        return {
          key: plain(port, "slow.test"),
          next: plain(port),
          lookup,
          there: turnUntil(() => asked.length === 1),
          turn: () => answer("127.0.0.1"),
          sockets: 0
        }
      })
    )
  )

  it.scoped("while it waits for a look-up behind others, which is then not begun", () =>
    Effect.gen(function* () {
      const { asked, answer, lookup } = lookups()
      const connector = yield* NodeConnector.make({ resolver: { lookup } })
      const connect = (host: string) => Effect.scoped(connector.connect(plain(1, host)))
      const before = Array.from({ length: 64 }, (_, i) => `name${i}.test`)
      for (const host of before) yield* Effect.forkScoped(connect(host))
      yield* turnUntil(() => asked.length === 64)
      const dial = yield* Effect.fork(connect("slow.test"))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(dial)
      answer()
      const last = yield* Effect.fork(connect("last.test"))
      yield* turnUntil(() => asked.includes("last.test"))
      yield* Fiber.interrupt(last)
      assert.deepStrictEqual(asked, [...before, "last.test"])
    })
  )

  it.scoped("while another waits for the same look-up: the other goes on", () =>
    Effect.gen(function* () {
      const { port } = yield* plainServer
      const { answer, asked, lookup } = lookups()
      const connector = yield* NodeConnector.make({ resolver: { lookup } })
      const connect = Effect.scoped(connector.connect(plain(port, "slow.test")))
      const first = yield* Effect.fork(connect)
      const second = yield* Effect.fork(connect)
      yield* turnUntil(() => asked.length === 1)
      yield* Fiber.interrupt(first)
      answer("127.0.0.1")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
      assert.deepStrictEqual(asked, ["slow.test"])
    })
  )

  for (const addresses of [["127.0.0.2"], ["127.0.0.2", "127.0.0.3"]]) {
    it.scoped(`while the TCP handshakes with ${addresses.length} addresses get no answer`, () =>
      Effect.gen(function* () {
        const { port } = yield* plainServer
        yield* Effect.orDie(blackholes(port, addresses))
        const sockets = yield* made
        const isTrying = (socket: Net.Socket) => socket.connecting && !socket.destroyed
        yield* interruptedAt(
          Effect.succeed({
            key: plain(port, "silent.test"),
            next: plain(port),
            lookup: () => Effect.succeed(addresses),
            there: turnUntil(() => sockets.filter(isTrying).length === addresses.length)
          })
        )
        const tried = sockets.slice(0, addresses.length)
        assert.isTrue(tried.every((socket) => socket.destroyed))
        assert.strictEqual(sockets.length, addresses.length + 1, "nothing more was tried but the next dial")
      })
    )
  }

  it.scoped("during its TLS handshake, with a peer that says nothing", () =>
    interruptedAt(
      Effect.gen(function* () {
        const { accepted, port } = yield* listen()
        const tls = yield* listenTls(certs.server)
        const there = Effect.flatMap(Queue.take(accepted), (peer) =>
          Effect.async<void>((resume) => void peer.once("data", () => resume(Effect.void)))
        )
        return { key: secure(port), next: secure(tls.port), there, sockets: 1 }
      })
    )
  )

  it.scoped("with its connection open, in the scope that owns it", () =>
    interruptedAt(
      Effect.gen(function* () {
        const { accepted, port } = yield* listenTls(certs.server)
        return { key: secure(port), next: secure(port), there: Effect.asVoid(Queue.take(accepted)), sockets: 1 }
      })
    )
  )
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
