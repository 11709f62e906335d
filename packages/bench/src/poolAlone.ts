/** Taking and giving back, without any socket: the pool alone beside `KeyedPool`. */
import { type Connection, ConnectionKey, ConnectionPool, Connector } from "@hotaru/pool"
import { Effect, KeyedPool, Layer } from "effect"
import { measure, type Rounds, table } from "./measure.js"

/** A connection that does nothing. */
const idleConnection = (id: number): Connection.Connection => ({
  id,
  facts: {},
  isOpen: true,
  bytesRead: 0,
  bytesWritten: 0,
  isFlushed: true,
  receiver: { onBytes() {}, onEnd() {}, onError() {}, onDrain() {} },
  write: () => true,
  keep: (bytes) => bytes,
  pause() {},
  resume() {},
  park() {},
  unpark() {},
  onTurn: (resume) => void setImmediate(resume),
  turn: Effect.void,
  destroy() {}
})

let opened = 0
const connector = Layer.succeed(Connector.Connector, { connect: () => Effect.sync(() => idleConnection(++opened)) })

export const poolAlone = (rounds: Rounds) =>
  Effect.gen(function* () {
    const pool = yield* ConnectionPool.ConnectionPool
    const keyed = yield* KeyedPool.make({ acquire: () => Effect.sync(() => idleConnection(++opened)), size: 8 })
    const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })
    const repeated = <E>(name: string, effect: Effect.Effect<unknown, E>) => ({
      name,
      run: (operations: number) => Effect.orDie(Effect.asVoid(Effect.repeatN(effect, operations - 1)))
    })
    const rows = yield* measure(
      [
        repeated(
          "pool.use",
          pool.use(key, () => Effect.void)
        ),
        repeated("pool.acquire, scoped", Effect.scoped(pool.acquire(key))),
        repeated("KeyedPool.get, scoped", Effect.scoped(keyed.get(key)))
      ],
      rounds
    )
    yield* Effect.sync(() => console.log(table("Taking and giving back: CPU per lease", rows, "KeyedPool.get, scoped")))
    for (const hosts of [1, 100, 10_000]) {
      const keys = Array.from({ length: hosts }, (_, i) =>
        ConnectionKey.make({ host: `h${i}.test`, port: 80, useTls: false })
      )
      let at = 0
      const next = Effect.suspend(() => {
        // A stride coprime to the number of hosts visits all of them in an order caches do not like.
        at = (at + 7919) % hosts
        return pool.use(keys[at] as ConnectionKey.ConnectionKey, () => Effect.void)
      })
      const [row] = yield* measure([repeated(`pool.use over ${hosts} hosts`, next)], rounds)
      if (row !== undefined) yield* Effect.sync(() => console.log(table("Growth with hosts", [row], row.name)))
    }
  }).pipe(Effect.scoped, Effect.provide(Layer.provide(ConnectionPool.layer({ maxConnections: 20_000 }), connector)))
