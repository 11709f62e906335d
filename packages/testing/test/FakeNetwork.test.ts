import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, Connector } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

const a = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
const b = ConnectionKey.make({ host: "b.test", port: 443, useTls: true })

const connect = (key: ConnectionKey.ConnectionKey) =>
  Effect.flatMap(Connector.Connector, (connector) => connector.connect(key))

const onNetwork = <A, E>(
  effect: Effect.Effect<A, E, FakeNetwork.FakeNetwork | Connector.Connector | Scope.Scope>,
  options: FakeNetwork.FakeNetworkOptions = {}
) => effect.pipe(Effect.scoped, Effect.provide(FakeNetwork.layerWith(options)))

describe("FakeNetwork, dials", () => {
  it.effect("a dial parks until the test lets it succeed", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(connect(a))
        const dial = yield* network.nextDial
        yield* network.settle
        assert.strictEqual(fiber.unsafePoll(), null)
        assert.deepStrictEqual([dial.state, dial.number, dial.key], ["pending", 1, a])
        const socket = dial.succeed({ remoteAddress: "192.0.2.7" })
        const connection = yield* Fiber.join(fiber)
        assert.strictEqual(connection, socket.connection)
        assert.strictEqual(connection.facts.remoteAddress, "192.0.2.7")
        assert.deepStrictEqual(network.open, [socket])
        assert.throws(() => dial.succeed(), /dial 1 to http:\/\/a.test:80 cannot succeed: it is succeeded/)
      })
    )
  )

  it.effect("a dial fails with what the test says", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(Effect.flip(connect(b)))
        const dial = yield* network.nextDial
        dial.fail({ phase: "tls", code: "CERT_HAS_EXPIRED", detail: "certificate has expired" })
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(
          { ...error },
          { _tag: "ConnectError", phase: "tls", code: "CERT_HAS_EXPIRED", local: false, key: b }
        )
        assert.deepStrictEqual(network.open, [])
      })
    )
  )

  it.effect("an interrupted dial is marked so and opens nothing", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(connect(a))
        const dial = yield* network.nextDial
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([dial.interrupted, dial.state, network.open], [true, "interrupted", []])
        assert.throws(() => dial.succeed(), /it is interrupted/)
      })
    )
  )

  it.effect("a dial that succeeds and is interrupted in the same turn leaves no connection open", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(connect(a))
        const dial = yield* network.nextDial
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        const socket = dial.succeed()
        yield* Fiber.join(interrupting)
        assert.strictEqual(socket.destroyed, "dial interrupted")
        assert.deepStrictEqual(network.open, [])
      })
    )
  )

  it.effect("nextDial gives each dial once, in the order of dialling, to whoever waits first", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const first = yield* Effect.fork(network.nextDial)
        const second = yield* Effect.fork(network.nextDial)
        yield* network.settle
        yield* Effect.forkScoped(connect(a))
        yield* Effect.forkScoped(connect(b))
        assert.deepStrictEqual([(yield* Fiber.join(first)).key, (yield* Fiber.join(second)).key], [a, b])
        assert.deepStrictEqual(network.untaken, [])
      })
    )
  )

  it.effect("closing the scope destroys the connection", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        network.autoAccept()
        const scope = yield* Scope.make()
        const connection = yield* Scope.extend(connect(a), scope)
        assert.strictEqual(connection.isOpen, true)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(network.sockets[0]?.destroyed, "scope closed")
        assert.deepStrictEqual(network.open, [])
      })
    )
  )

  it.effect("counts the most connections open at once, in all and per key", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const key = () => ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
        const first = yield* connect(key())
        yield* connect(key())
        yield* connect(b)
        first.destroy("done")
        yield* connect(b)
        yield* connect(key())
        assert.deepStrictEqual([network.maxOpen(), network.maxOpen(a), network.maxOpen(b)], [4, 2, 2])
        assert.strictEqual(network.maxOpen(ConnectionKey.make({ host: "c.test", port: 80, useTls: false })), 0)
      }),
      { autoAccept: true }
    )
  )

  it.effect("serves what it accepts, and stops serving when the layer closes", () =>
    Effect.gen(function* () {
      let stopped = 0
      const handler: FakeNetwork.SocketHandler = {
        serve: (socket) =>
          Effect.onInterrupt(
            Effect.forever(
              Effect.orDie(Effect.map(socket.takeRequest, (request) => socket.send(`you asked for ${request.target}`)))
            ),
            () => Effect.sync(() => stopped++)
          )
      }
      yield* onNetwork(
        Effect.gen(function* () {
          const network = yield* FakeNetwork.FakeNetwork
          const connection = yield* connect(a)
          let answer = ""
          connection.receiver = {
            onBytes: (bytes) => (answer = String.fromCharCode(...bytes)),
            onEnd() {},
            onError() {},
            onDrain() {}
          }
          connection.write("GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n")
          yield* network.settle
          assert.strictEqual(answer, "you asked for /x")
        }),
        { autoAccept: handler }
      )
      assert.strictEqual(stopped, 1)
    })
  )
})

describe("FakeNetwork, turns", () => {
  it.effect("one loop serves all connections of the network", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const first = yield* connect(a)
        const second = yield* connect(b)
        const ended: Array<string> = []
        first.receiver = { onBytes() {}, onEnd: (kind) => ended.push(`first ${kind}`), onError() {}, onDrain() {} }
        network.sockets[0]?.endLater()
        const turn = yield* Effect.fork(second.turn)
        yield* network.settle
        assert.deepStrictEqual([ended, turn.unsafePoll()], [[], null])
        yield* network.poll
        assert.deepStrictEqual(ended, ["first fin"])
        yield* Fiber.join(turn)
      }),
      { autoAccept: true, manualTurns: true }
    )
  )

  it.effect("settle waits until no turn is asked for", () =>
    onNetwork(
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const connection = yield* connect(a)
        let turns = 0
        yield* Effect.fork(
          Effect.repeatN(
            Effect.tap(connection.turn, () => Effect.sync(() => turns++)),
            49
          )
        )
        yield* network.settle
        assert.strictEqual(turns, 50)
      }),
      { autoAccept: true }
    )
  )
})
