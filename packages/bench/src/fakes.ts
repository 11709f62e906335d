/** Connections that do nothing, so that only the pool is measured. */
import { type Connection, ConnectionKey, ConnectionPool, Connector, type PoolConfig } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

let opened = 0

class FakeConnection implements Connection.Connection {
  readonly id = ++opened
  readonly facts: Connection.ConnectionFacts = noFacts
  isOpen = true
  readonly bytesRead = 0
  readonly bytesWritten = 0
  readonly isFlushed = true
  receiver: Connection.Receiver = deaf
  readonly turn = turn
  write() {
    return true
  }
  keep(bytes: Uint8Array) {
    return bytes
  }
  pause() {}
  resume() {}
  park() {}
  unpark() {}
  onTurn(resume: () => void) {
    setImmediate(resume)
  }
  destroy() {
    this.isOpen = false
  }
}

const noFacts: Connection.ConnectionFacts = {}
const deaf: Connection.Receiver = { onBytes() {}, onEnd() {}, onError() {}, onDrain() {} }
const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

export const connection = (): Connection.Connection => new FakeConnection()

/** The scope owns what was opened, as with real sockets; told to it in the way that leaves least in memory. */
const connector: Connector.ConnectorShape = {
  connect: () =>
    Effect.flatMap(Effect.scope, (scope) => {
      const opened = connection()
      return Effect.as(
        Scope.addFinalizer(
          scope,
          Effect.sync(() => opened.destroy("its scope has closed"))
        ),
        opened
      )
    })
}

export const pool = (
  options: Partial<PoolConfig.PoolConfig>
): Effect.Effect<ConnectionPool.ConnectionPoolShape, never, Scope.Scope> =>
  Effect.provideService(ConnectionPool.make({ ...options, drainTimeout: 0 }), Connector.Connector, connector)

export const key = (host: string): ConnectionKey.ConnectionKey => ConnectionKey.make({ host, port: 80, useTls: false })

export const keys = (hosts: number): ReadonlyArray<ConnectionKey.ConnectionKey> =>
  Array.from({ length: hosts }, (_, i) => key(`h${i}.test`))

/** No bound gets in the way of a measurement of another one. */
export const unbounded = {
  maxConnections: Infinity,
  maxConnectionsPerHost: Infinity,
  maxIdlePerHost: Infinity,
  maxPendingPerHost: Infinity,
  maxConnecting: Infinity,
  maxConnectingPerHost: Infinity
} satisfies Partial<PoolConfig.PoolConfig>

/** Opens connections until the pool has this many idle ones to each host. */
export const fill = (
  pool: ConnectionPool.ConnectionPoolShape,
  keys: ReadonlyArray<ConnectionKey.ConnectionKey>,
  each: number
): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.orDie(Effect.forEach(keys, (key) => pool.warm(key, each), { discard: true }))
    const { pooledConnections } = yield* pool.stats
    if (pooledConnections < keys.length * each) {
      return yield* Effect.dieMessage(`${pooledConnections} idle connections, not ${keys.length * each}`)
    }
  })
