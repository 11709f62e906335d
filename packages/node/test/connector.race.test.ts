import { subscribe, unsubscribe } from "node:diagnostics_channel"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnectionPool, NodeConnector, type Resolver } from "@hotaru/node"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { blackholes } from "./support/blackholes.js"
import {
  descriptors,
  dialling,
  heldTimers,
  names,
  noSocketsLeft,
  openSockets,
  plain,
  refusal,
  turnUntil
} from "./support/dialling.js"
import { closedPort, listen } from "./support/servers.js"

describe("happy eyeballs", () => {
  it.scoped("advances at once where an address refuses, without waiting for any timer", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"] })
      // They never run out.
      const { delays, later } = heldTimers()
      const connector = yield* dialling({ resolver }, later)
      const { facts } = yield* connector.connect(plain(port, "api.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      assert.deepStrictEqual(delays(), [])
    })
  )

  it.scoped("gives each address 250 ms, and none to the last", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      yield* blackholes(port, ["127.0.0.2", "127.0.0.3"])
      const { delays, fire, later } = heldTimers()
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.3"] })
      const connector = yield* dialling({ resolver }, later)
      const before = openSockets()
      const dial = yield* Effect.fork(Effect.scoped(connector.connect(plain(port, "api.test"))))
      yield* turnUntil(() => openSockets() === before + 1)
      assert.deepStrictEqual(delays(), [250])
      fire()
      yield* turnUntil(() => openSockets() === before + 2)
      assert.deepStrictEqual(delays(), [])
      yield* Fiber.interrupt(dial)
    })
  )

  it.scoped("interleaves the families", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const resolver = names({ "api.test": ["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"] })
      const connector = yield* dialling({ resolver }, heldTimers().later)
      const { message } = yield* refusal(connector, plain(port, "api.test"))
      // In the order in which they were dialled and refused.
      assert.match(message, /at ::1 .*; also 127\.0\.0\.1: .*, 127\.0\.0\.2: .*, 127\.0\.0\.3: /)
    })
  )

  it.scoped("has the losers closed before the winner is told of", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      yield* blackholes(port, ["127.0.0.2"])
      const { fire, later } = heldTimers()
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.1"] })
      const connector = yield* dialling({ resolver }, later)
      const sockets: Array<Net.Socket> = []
      const watch = (message: unknown): void => void sockets.push((message as { readonly socket: Net.Socket }).socket)
      yield* Effect.acquireRelease(
        Effect.sync(() => subscribe("net.client.socket", watch)),
        () => Effect.sync(() => unsubscribe("net.client.socket", watch))
      )
      const dial = yield* Effect.fork(
        Effect.map(connector.connect(plain(port, "api.test")), () => sockets.map(({ destroyed }) => destroyed))
      )
      yield* turnUntil(() => sockets.length === 1)
      fire()
      assert.deepStrictEqual(yield* Fiber.join(dial), [true, false])
    })
  )

  it.scoped("dials an address that was silent last in the dials after it", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.1"] })
      const { delays, fire, later } = heldTimers()
      const connector = yield* dialling({ resolver }, later)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* blackholes(port, ["127.0.0.2"])
          const first = yield* Effect.fork(connector.connect(plain(port, "api.test")))
          yield* turnUntil(() => delays().length === 1)
          fire()
          assert.strictEqual((yield* Fiber.join(first)).facts.remoteAddress, "127.0.0.1")
          // The third would begin at 127.0.0.2, and would wait there for a timer.
          for (let i = 0; i < 4; i++) {
            const { facts } = yield* connector.connect(plain(port, "api.test"))
            assert.strictEqual(facts.remoteAddress, "127.0.0.1")
          }
        })
      )
    })
  )

  it.scoped("dials beside an address that does not answer after 250 ms, and closes the loser", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      yield* blackholes(port, ["127.0.0.2"])
      const connector = yield* NodeConnector.make({ resolver: names({ "api.test": ["127.0.0.2", "127.0.0.1"] }) })
      const startedAt = performance.now()
      const scope = yield* Scope.make()
      const { facts } = yield* Scope.extend(connector.connect(plain(port, "api.test")), scope)
      const took = performance.now() - startedAt
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      assert.isAtLeast(took, 245)
      assert.isBelow(facts.timings?.tcp ?? Number.NaN, 245)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.scoped("keeps all attempts going, so that a refusal elsewhere ends nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ host: "127.0.0.4" })
      yield* blackholes(port, ["127.0.0.2", "127.0.0.3"])
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.3", "127.0.0.5", "127.0.0.4"] })
      const connector = yield* NodeConnector.make({ resolver })
      const startedAt = performance.now()
      const { facts } = yield* connector.connect(plain(port, "api.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.4")
      assert.isAtLeast(performance.now() - startedAt, 495)
    })
  )

  it.scoped("interrupted in the race, closes every attempt in the same call", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* blackholes(port, ["127.0.0.2", "127.0.0.3"])
          const connector = yield* NodeConnector.make({ resolver: names({ "api.test": ["127.0.0.2", "127.0.0.3"] }) })
          const [sockets, files] = [openSockets(), descriptors()]
          const dial = yield* Effect.fork(Effect.scoped(connector.connect(plain(port, "api.test"))))
          yield* turnUntil(() => openSockets() >= sockets + 2)
          assert.isAtLeast(descriptors(), files + 2)
          yield* Fiber.interrupt(dial)
          assert.strictEqual(descriptors(), files)
        })
      )
      yield* noSocketsLeft
    })
  )

  it.scoped("begins one address further with every dial", () =>
    Effect.gen(function* () {
      const servers = yield* listen({ host: "0.0.0.0" })
      const resolver = names({ "api.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"] })
      const connector = yield* NodeConnector.make({ resolver })
      const dialled = yield* Effect.replicateEffect(connector.connect(plain(servers.port, "api.test")), 6)
      assert.deepStrictEqual(
        dialled.map(({ facts }) => facts.remoteAddress),
        ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.2", "127.0.0.3"]
      )
    })
  )

  it.scoped("dials an address that failed lately last", () =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const attempts: Array<string> = []
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.1"] })
      const connector = yield* NodeConnector.make({ resolver })
      yield* connector.connect(plain(port, "api.test"))
      // The second and third dial would begin at 127.0.0.1 and 127.0.0.2.
      const late = yield* Effect.acquireRelease(
        Effect.async<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            attempts.push("127.0.0.2")
            socket.destroy()
          })
          server.listen(port, "127.0.0.2", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => void server.close())
      )
      assert.isTrue(late.listening)
      for (let i = 0; i < 4; i++) {
        const { facts } = yield* connector.connect(plain(port, "api.test"))
        assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      }
      assert.strictEqual(acceptedCount(), 5)
      assert.deepStrictEqual(attempts, [])
    })
  )

  const families: ReadonlyArray<readonly [NonNullable<NodeConnector.NodeConnectorOptions["family"]>, string]> = [
    ["any", "::1"],
    ["prefer-ipv4", "127.0.0.1"],
    ["prefer-ipv6", "::1"],
    ["ipv4", "127.0.0.1"],
    ["ipv6", "::1"]
  ]
  it.scoped.each(families)("family %s", ([family, expected]) =>
    Effect.gen(function* () {
      const four = yield* listen()
      yield* listen({ host: "::1", port: four.port })
      const connector = yield* NodeConnector.make({ family, resolver: names({ "api.test": ["::1", "127.0.0.1"] }) })
      const { facts } = yield* connector.connect(plain(four.port, "api.test"))
      assert.strictEqual(facts.remoteAddress, expected)
    })
  )

  it.scoped("says which family is missing", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make({ family: "ipv6", resolver: names({ "api.test": ["127.0.0.1"] }) })
      const error = yield* refusal(connector, plain(80, "api.test"))
      assert.deepInclude({ ...error }, { phase: "dns", local: true })
      assert.include(error.message, "ipv6")
    })
  )
})

describe("connectionTimeout", () => {
  it.scoped("bounds the whole race, and closes every attempt", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* listen()
          yield* blackholes(port, ["127.0.0.2", "127.0.0.3"])
          const before = openSockets()
          yield* Effect.gen(function* () {
            const pool = yield* ConnectionPool.ConnectionPool
            const request = yield* Effect.fork(Effect.scoped(pool.acquire(plain(port, "api.test"))))
            yield* turnUntil(() => openSockets() === before + 2)
            yield* TestClock.adjust("3999 millis")
            assert.isNull(request.unsafePoll())
            yield* TestClock.adjust("1 millis")
            assert.strictEqual((yield* Effect.flip(Fiber.join(request)))._tag, "ConnectTimeout")
            yield* turnUntil(() => openSockets() === before)
          }).pipe(
            Effect.provide(
              NodeConnectionPool.layer({
                connectionTimeout: "4 seconds",
                connector: { resolver: names({ "api.test": ["127.0.0.2", "127.0.0.3"] }) }
              })
            )
          )
        })
      )
      yield* noSocketsLeft
    })
  )

  it.scoped("bounds a look-up that hangs, which is interrupted: the next request begins another", () => {
    let asked = 0
    let interrupted = 0
    const resolver: Resolver.ResolverShape = {
      lookup: () => {
        asked++
        return Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      }
    }
    return Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      for (let i = 0; i < 4; i++) {
        const request = yield* Effect.fork(Effect.scoped(pool.acquire(plain(80, "api.test"))))
        yield* Effect.yieldNow()
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual((yield* Effect.flip(Fiber.join(request)))._tag, "ConnectTimeout")
      }
      assert.deepStrictEqual({ asked, interrupted }, { asked: 4, interrupted: 4 })
    }).pipe(Effect.provide(NodeConnectionPool.layer({ connectionTimeout: "4 seconds", connector: { resolver } })))
  })
})

describe("an address", () => {
  it.scoped("is not to blame for a failure of our own", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ host: "0.0.0.0" })
      const resolver = names({ "one.test": ["127.0.0.1"], "two.test": ["127.0.0.1", "127.0.0.2"] })
      const connector = yield* NodeConnector.make({ resolver })
      const from = ConnectionKey.make({ host: "one.test", port, useTls: false, localAddress: "192.0.2.1" })
      assert.strictEqual((yield* refusal(connector, from)).code, "EADDRNOTAVAIL")
      const { facts } = yield* connector.connect(plain(port, "two.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
    })
  )
})

describe("a look-up", () => {
  it.scoped("is shared by dials that begin together, and serves those of the next second", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      let asked = 0
      const answer = yield* Deferred.make<ReadonlyArray<string>>()
      const resolver: Resolver.ResolverShape = {
        lookup: () => {
          asked++
          return Deferred.await(answer)
        }
      }
      const connector = yield* NodeConnector.make({ resolver })
      const dials = yield* Effect.forEach([1, 2, 3, 4], () => Effect.fork(connector.connect(plain(port, "api.test"))))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(answer, ["127.0.0.1"])
      yield* Fiber.joinAll(dials)
      yield* connector.connect(plain(port, "api.test"))
      assert.strictEqual(asked, 1)
    })
  )

  it.scoped("left by an interruption is waited for by nobody, and opens nothing", () =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const answer = yield* Deferred.make<ReadonlyArray<string>>()
      const connector = yield* NodeConnector.make({ resolver: { lookup: () => Deferred.await(answer) } })
      const dial = yield* Effect.fork(Effect.scoped(connector.connect(plain(port, "api.test"))))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(dial)
      yield* Deferred.succeed(answer, ["127.0.0.1"])
      yield* Effect.async<void>((resume) => void setImmediate(() => setImmediate(() => resume(Effect.void))))
      assert.strictEqual(acceptedCount(), 0)
    })
  )
})
