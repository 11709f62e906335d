/**
 * Ten thousand hosts, each visited once: no more connections than the total allows, and nothing is left of any of them.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Connection, ConnectionPool, Connector, Lease, PoolError } from "@hotaru/pool"
import { FakeSocket } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as TestClock from "effect/TestClock"
import { exchange, keyOf, onOpenNetwork } from "./support/stories.js"

const HOSTS = 10_000
const TOTAL = 100

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** The garbage collector, whatever the flags that this process was started with. */
const collect: () => void = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
})()

/** What is in use when all that can go has gone; weak references end with the turn they were looked at in. */
const heapInUse: Effect.Effect<number> = Effect.promise(async () => {
  for (let round = 0; round < 4; round++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    collect()
  }
  return process.memoryUsage().heapUsed
})

/** Opens connections that nobody but the pool remembers, and refuses every twentieth. */
const forgetful = () => {
  const sockets = new WeakMap<Connection.Connection, FakeSocket.FakeSocket>()
  const counts = { dials: 0, open: 0, maxOpen: 0 }
  const connector: Connector.ConnectorShape = {
    connect: (key) =>
      Effect.suspend(() => {
        if (++counts.dials % 20 === 0) {
          return new PoolError.ConnectError({ key, phase: "tcp", code: "ECONNREFUSED", detail: "no", local: false })
        }
        return Effect.acquireRelease(
          Effect.sync(() => {
            const socket = FakeSocket.make()
            sockets.set(socket.connection, socket)
            counts.maxOpen = Math.max(counts.maxOpen, ++counts.open)
            return socket.connection
          }),
          (connection) =>
            Effect.sync(() => {
              counts.open--
              connection.destroy("scope closed")
            })
        )
      })
  }
  return { connector, counts, socketOf: (connection: Connection.Connection) => sockets.get(connection) }
}

describe("Ten thousand hosts visited once each", () => {
  it.effect(
    "never have more connections than the total allows, as the network counts",
    () =>
      onOpenNetwork({ maxConnections: TOTAL }, function* ({ network, pool }) {
        const visit = (i: number) =>
          pool.use(keyOf(`host-${i}.test`), (_, lease) =>
            Effect.sync(() => {
              exchange(lease, network)
              lease.settle(Lease.Reusable())
            })
          )
        yield* Effect.orDie(Effect.forEach(numbers(0, HOSTS), visit, { concurrency: 2 * TOTAL, discard: true }))
        assert.strictEqual(network.maxOpen(), TOTAL)
        const stats = yield* pool.stats
        assert.deepInclude(stats, { created: HOSTS, misses: HOSTS, hits: 0, pendingAcquires: 0 })
        // The longest idle made room each time; the last hundred are idle.
        assert.deepStrictEqual([stats.hosts, stats.pooledConnections, network.open.length], [TOTAL, TOTAL, TOTAL])
        yield* TestClock.adjust("3 minutes")
        assert.isTrue(HashMap.isEmpty(yield* pool.hostStats))
        assert.deepStrictEqual([network.open.length, (yield* pool.stats).hosts], [0, 0])
      }),
    60_000
  )

  it.effect(
    "leave no memory in use and no key behind, those that could not be reached included",
    () => {
      const { connector, counts, socketOf } = forgetful()
      const keys: Array<WeakRef<object>> = []
      return Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const visit = (i: number) =>
          Effect.suspend(() => {
            const key = keyOf(`host-${i}.test`)
            keys.push(new WeakRef(key))
            return pool.use(key, (connection, lease) =>
              Effect.sync(() => {
                connection.receiver = Connection.silentReceiver
                connection.write("ping")
                socketOf(connection)?.send("pong")
                lease.settle(Lease.Reusable())
              })
            )
          }).pipe(Effect.either)
        const visitAll = (from: number, to: number) =>
          Effect.forEach(numbers(from, to), visit, { concurrency: 2 * TOTAL, discard: true })
        // Until what is kept of hosts that failed has been full for a while.
        yield* visitAll(0, HOSTS / 2)
        const before = yield* heapInUse
        yield* visitAll(HOSTS / 2, HOSTS)
        const after = yield* heapInUse
        // What is remembered is as much as before. One host's record alone is some kilobytes.
        assert.isBelow((after - before) / (HOSTS / 2), 100, "bytes kept for each of the second half")
        assert.strictEqual(counts.maxOpen, TOTAL)
        assert.strictEqual(counts.dials, HOSTS)
        yield* TestClock.adjust("10 minutes")
        assert.isTrue(HashMap.isEmpty(yield* pool.hostStats))
        assert.strictEqual(counts.open, 0)
        // One more visit, later: what was remembered of hosts that had failed is forgotten, too.
        yield* visit(HOSTS)
        yield* heapInUse
        const left = keys.filter((key) => key.deref() !== undefined)
        assert.strictEqual(left.length, 1, "keys that are still known: the last one's connection is idle")
      }).pipe(
        Effect.provide(ConnectionPool.layer({ maxConnections: TOTAL, lifetimeJitter: 0, drainTimeout: 0 })),
        Effect.provideService(Connector.Connector, connector)
      )
    },
    60_000
  )
})
