import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnectionPool, NodeConnector, PoolLive } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, Connector, type PoolError } from "@hotaru/pool"
import { Effect, Layer } from "effect"

const listen = (onConnection: (socket: Net.Socket) => void, host = "127.0.0.1") =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly server: Net.Server }>((resume) => {
      const server = Net.createServer(onConnection)
      server.listen(0, host, () => resume(Effect.succeed({ port: (server.address() as Net.AddressInfo).port, server })))
    }),
    ({ server }) => Effect.sync(() => server.close())
  )

describe("NodeConnector", () => {
  it.scoped("opens a TCP connection that carries bytes both ways", () =>
    Effect.gen(function* () {
      const { port } = yield* listen((socket) => socket.pipe(socket))
      const connector = yield* NodeConnector.make()
      const connection = yield* connector.connect(ConnectionKey.make({ host: "127.0.0.1", port, useTls: false }))
      const echoed = yield* Effect.async<string>((resume) => {
        connection.receiver = {
          onBytes: (bytes) => resume(Effect.succeed(Buffer.from(connection.keep(bytes)).toString("latin1"))),
          onEnd: () => {},
          onError: () => {},
          onDrain: () => {}
        }
        assert.isTrue(connection.write("h\u00e9llo"))
      })
      assert.strictEqual(echoed, "h\u00e9llo")
    })
  )
  it.effect("pool works", () =>
    Effect.gen(function* () {
      const { port } = yield* listen((socket) => socket.pipe(socket))
      const pool = yield* ConnectionPool.ConnectionPool
      yield* pool.use(ConnectionKey.make({ host: "127.0.0.1", port, useTls: false }), () => Effect.void)
      yield* pool.use(ConnectionKey.make({ host: "127.0.0.1", port, useTls: false }), () => Effect.void)
      const s = yield* pool.stats
      assert.strictEqual(s.hits, 1)
    }).pipe(Effect.scoped, Effect.provide(PoolLive))
  )
})
