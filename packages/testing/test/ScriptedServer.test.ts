import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, Connector } from "@hotaru/pool"
import type { Receiver } from "@hotaru/pool/Connection"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/TestClock"

const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
const get = (target: string) => `GET ${target} HTTP/1.1\r\nhost: a.test\r\n\r\n`

/** A connection to the server, what came in on it, and the network. */
const dialled = Effect.gen(function* () {
  const network = yield* FakeNetwork.FakeNetwork
  const connection = yield* Effect.flatMap(Connector.Connector, (connector) => connector.connect(key))
  const told: Array<string> = []
  const receiver: Receiver = {
    onBytes: (bytes) => told.push(Wire.text(bytes)),
    onEnd: (kind) => told.push(kind),
    onError: (cause) => told.push(`error: ${(cause as Error).message}`),
    onDrain: () => {}
  }
  connection.receiver = receiver
  const tell = (data: string) =>
    Effect.suspend(() => {
      connection.write(data)
      return network.settle
    })
  return { network, connection, told, tell }
})

const against =
  (server: ScriptedServer.ScriptedServer) =>
  <A, E>(effect: Effect.Effect<A, E, FakeNetwork.FakeNetwork | Connector.Connector>) =>
    Effect.provide(effect, FakeNetwork.layerWith({ autoAccept: server }))

describe("ScriptedServer", () => {
  it.effect("answers one request after the other, and counts", () => {
    const server = ScriptedServer.make(
      (request) => `${request.method} ${request.target} ${request.connection}.${request.exchange}`
    )
    return Effect.gen(function* () {
      const { told, tell } = yield* dialled
      yield* tell(get("/1") + get("/2"))
      yield* tell("POST /3 HTTP/1.1\r\ncontent-length: 2\r\n\r\n")
      assert.deepStrictEqual(told, ["GET /1 1.1", "GET /2 1.2"])
      yield* tell("ab")
      const other = yield* dialled
      yield* other.tell(get("/4"))
      assert.deepStrictEqual([told, other.told], [["GET /1 1.1", "GET /2 1.2", "POST /3 1.3"], ["GET /4 2.1"]])
      assert.deepStrictEqual(server.perConnection, [3, 1])
      assert.deepStrictEqual(
        server.requests.map((request) => request.text),
        ["", "", "ab", ""]
      )
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("waits on the test's clock between the pieces of a reply", () =>
    Effect.gen(function* () {
      const { network, told, tell } = yield* dialled
      yield* tell(get("/"))
      yield* TestClock.adjust("1 second")
      yield* network.settle
      assert.deepStrictEqual(told, ["a"])
      yield* TestClock.adjust("1 second")
      yield* network.settle
      assert.deepStrictEqual(told, ["a", "b", "fin"])
    }).pipe(
      Effect.scoped,
      against(ScriptedServer.always(["a", ScriptedServer.wait("2 seconds"), "b", ScriptedServer.end]))
    )
  )

  it.effect("ends a connection behind its n-th answer: the end has arrived, and is seen at the next poll", () => {
    const server = ScriptedServer.always("x", { closeAfter: 2 })
    return Effect.gen(function* () {
      const { network, connection, told, tell } = yield* dialled
      yield* tell(get("/1"))
      assert.deepStrictEqual([told, connection.isOpen], [["x"], true])
      connection.write(get("/2"))
      for (let i = 0; i < 100; i++) yield* Effect.yieldNow()
      assert.deepStrictEqual([told, connection.isOpen], [["x", "x"], true])
      yield* network.settle
      assert.deepStrictEqual([told, connection.isOpen], [["x", "x", "fin"], false])
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("ends an idle connection on the test's clock, and only an idle one", () => {
    const server = ScriptedServer.always([ScriptedServer.wait("1 minute"), "x"], { idleTimeout: "5 seconds" })
    return Effect.gen(function* () {
      const { network, told, tell } = yield* dialled
      yield* TestClock.adjust("4 seconds")
      yield* tell(get("/"))
      yield* TestClock.adjust("1 minute")
      yield* network.settle
      assert.deepStrictEqual(told, ["x"])
      yield* TestClock.adjust("5 seconds")
      yield* network.settle
      assert.deepStrictEqual(told, ["x", "fin"])
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("cuts what it sends, and sends it later if told so", () => {
    const server = ScriptedServer.always("abc", { cut: Wire.bytes, later: true })
    return Effect.gen(function* () {
      const { network, connection, told } = yield* dialled
      connection.write(get("/"))
      for (let i = 0; i < 100; i++) yield* Effect.yieldNow()
      assert.deepStrictEqual(told, [])
      yield* network.settle
      assert.deepStrictEqual(told, ["a", "b", "c"])
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("answers an expectation before the body, with a 100 or with a final answer", () => {
    const server = ScriptedServer.make((request) => Wire.ok(request.text), {
      onExpect: (head) => (head.target === "/no" ? Wire.response({ status: 417 }) : Wire.interim(100))
    })
    return Effect.gen(function* () {
      const { told, tell } = yield* dialled
      yield* tell("PUT /yes HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
      assert.deepStrictEqual(told, [Wire.text(Wire.interim(100))])
      yield* tell("hi")
      yield* tell("PUT /no HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
      assert.deepStrictEqual(told.slice(1), [
        Wire.text(Wire.ok("hi")),
        Wire.text(Wire.response({ status: 417 })),
        "fin"
      ])
      assert.deepStrictEqual(server.perConnection, [1])
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("may answer by an effect, run one, reset, and hang", () => {
    const done: Array<string> = []
    const server = ScriptedServer.make((request) =>
      request.target === "/reset"
        ? Effect.succeed([
            ScriptedServer.send("a"),
            ScriptedServer.run(Effect.sync(() => done.push("ran"))),
            ScriptedServer.reset
          ])
        : ScriptedServer.hang
    )
    return Effect.gen(function* () {
      const first = yield* dialled
      yield* first.tell(get("/reset"))
      assert.deepStrictEqual([first.told, done], [["a", "reset"], ["ran"]])
      const second = yield* dialled
      yield* second.tell(get("/hang"))
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual([second.told, second.connection.isOpen], [[], true])
    }).pipe(Effect.scoped, against(server))
  })

  it.effect("a client that closes ends the serving, not the test", () =>
    Effect.gen(function* () {
      const { connection, network, tell } = yield* dialled
      yield* tell("GET / HT")
      connection.destroy("enough")
      yield* network.settle
    }).pipe(Effect.scoped, against(ScriptedServer.always("x")))
  )

  it.effect("bytes that are no request break the connection, and the layer's end fails", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const exit = yield* Effect.exit(
        Effect.gen(function* () {
          const dial = yield* dialled
          yield* dial.tell("no request\r\n\r\n")
          told.push(...dial.told)
        }).pipe(Effect.scoped, against(ScriptedServer.always("x")))
      )
      assert.match(told.join(), /^error: malformed request: bad request line "no request"/)
      assert.isTrue(Exit.isFailure(exit) && /malformed request/.test(Cause.pretty(exit.cause)))
    })
  )

  it.effect("a connection that the test ends while the server waits gets nothing more", () =>
    Effect.gen(function* () {
      const { network, told, tell } = yield* dialled
      yield* tell(get("/"))
      network.sockets[0]?.end()
      yield* TestClock.adjust("2 seconds")
      yield* network.settle
      assert.deepStrictEqual(told, ["fin"])
    }).pipe(Effect.scoped, against(ScriptedServer.always([ScriptedServer.wait("2 seconds"), "b"])))
  )

  it.effect(
    "a handler that returns nothing is a broken test, which names the handler, the request and what to return",
    () =>
      Effect.gen(function* () {
        const forgetsToReturn = () => undefined as never
        const exit = yield* Effect.exit(
          Effect.gen(function* () {
            const { tell } = yield* dialled
            yield* tell(get("/orders"))
          }).pipe(Effect.scoped, against(ScriptedServer.make(forgetsToReturn)))
        )
        assert.isTrue(Exit.isFailure(exit))
        assert.include(
          Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
          'the handler "forgetsToReturn" of a ScriptedServer returned nothing for GET /orders, request 1 on connection 1; it has ' +
            'to return bytes, text, a step, or an array of them (Wire.ok("..."), ScriptedServer.hang)'
        )
      })
  )

  it.effect("a reply that goes on behind its end is a broken test", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.flatMap(dialled, ({ tell }) => tell(get("/"))).pipe(
          Effect.scoped,
          against(ScriptedServer.always([ScriptedServer.end, "b"]))
        )
      )
      assert.isTrue(Exit.isFailure(exit) && /goes on behind a step/.test(Cause.pretty(exit.cause)))
    })
  )
})
