import { fork } from "node:child_process"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnector, type Resolver } from "@hotaru/node"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { descriptors, names, noSocketsLeft, openSockets, plain, refusal, turnUntil } from "./support/dialling.js"
import { listen } from "./support/servers.js"

/**
 * Addresses whose connection attempts get no answer: listeners with a full backlog, in a process that never accepts. The
 * kernel drops what comes after, as a firewall would.
 */
const blackholes = (port: number, hosts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const script = `
      const net = require("node:net")
      const [port, ...hosts] = process.argv.slice(1)
      let left = hosts.length
      for (const host of hosts) {
        net.createServer().listen({ host, port: Number(port), backlog: 1 }, () => {
          if (--left > 0) return
          process.send("listening", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20000))
        })
      }`
    yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof fork>, Error>((resume) => {
        const child = fork("-e", [script, String(port), ...hosts], { execArgv: [], execPath: process.execPath })
        child.once("error", (error) => resume(Effect.fail(error)))
        child.once("message", () => resume(Effect.succeed(child)))
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    // As many as the backlog takes are connected; the attempts after them hang.
    yield* Effect.forEach(hosts, (host) =>
      Effect.acquireRelease(
        Effect.sync(() => Array.from({ length: 8 }, () => Net.connect({ host, port }).on("error", () => {}))),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy()))
      ).pipe(
        Effect.flatMap((sockets) =>
          Effect.async<void>((resume) => {
            let connected = 0
            for (const socket of sockets) {
              socket.once("connect", () => {
                if (++connected === 2) resume(Effect.void)
              })
            }
          })
        )
      )
    )
  })

describe("happy eyeballs", () => {
  it.scoped("advances at once where an address refuses", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"] })
      const connector = yield* NodeConnector.make({ resolver })
      const startedAt = performance.now()
      const { facts } = yield* connector.connect(plain(port, "api.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      // Three delays would have been 750 ms.
      assert.isBelow(performance.now() - startedAt, 700)
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
