/** Acquire and release, without any socket: the pool alone beside Effect's own pools and two for promises. */
import { type ConnectionPool, Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as KeyedPool from "effect/KeyedPool"
import * as Pool from "effect/Pool"
import * as GenericPool from "generic-pool"
import * as Tarn from "tarn"
import { inFibers, inPromises, inSequence } from "../contestants.js"
import * as Fakes from "../fakes.js"
import { against } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { measure } from "../rounds.js"
import { inCallbacks } from "../workers.js"

const key = Fakes.key("a.test")
const reusable = Lease.Reusable()

/** Nobody waits for anybody: what an acquire and a release cost. */
export const inTurn: Measure = Effect.fnUntraced(function* (effort) {
  const ours = yield* Fakes.pool({})
  const { generic, keyed, plain, tarn } = yield* others(8)
  const promised = inPromises(1)
  const figures = yield* measure(
    [
      inSequence(
        "pool.use",
        ours.use(key, () => Effect.void)
      ),
      inSequence("pool.acquire, scoped", Effect.scoped(ours.acquire(key))),
      inSequence(
        "pool.lease and settle",
        Effect.map(ours.lease(key), (lease) => lease.settle(reusable))
      ),
      { name: "unsafe.request and settle", run: (operations) => Effect.sync(() => grantAndSettle(ours, operations)) },
      inSequence("KeyedPool.get, scoped", Effect.scoped(keyed.get(key))),
      inSequence("Pool.get, scoped", Effect.scoped(plain.get)),
      promised("generic-pool", async () => generic.release(await generic.acquire())),
      promised("tarn", async () => {
        tarn.release(await tarn.acquire().promise)
      }),
      inSequence("(Effect.scoped alone)", Effect.scoped(Effect.void))
    ],
    rounds(effort, 100_000)
  )
  yield* Report.cpu("Acquire and release, 1 at a time: CPU per lease", figures, "KeyedPool.get, scoped")
  return [
    against(figures, "pool.use", "KeyedPool.get, scoped", 1 / 4),
    against(figures, "pool.acquire, scoped", "KeyedPool.get, scoped", 0.65)
  ]
})

const grantAndSettle = (pool: ConnectionPool.ConnectionPoolShape, operations: number): void => {
  const request: Lease.LeaseRequest = {
    onLease: (lease) => lease.settle(reusable),
    onRefused: (error) => {
      throw error
    }
  }
  for (let i = 0; i < operations; i++) pool.unsafe.request(key, request)
}

const together = 50
const connections = 10

/** Five requests for each connection, and a connection is held until the others have had their turn. */
export const inParallel: Measure = Effect.fnUntraced(function* (effort) {
  const ours = yield* Fakes.pool({ maxConnectionsPerHost: connections })
  const { generic, keyed, plain, tarn } = yield* others(connections)
  const held = Effect.yieldNow()
  const fibers = inFibers(together)
  const promised = inPromises(together)
  const figures = yield* measure(
    [
      fibers(
        "pool.use",
        ours.use(key, () => held)
      ),
      fibers("pool.acquire, scoped", Effect.scoped(Effect.zipRight(ours.acquire(key), held))),
      fibers(
        "pool.lease and settle",
        Effect.flatMap(ours.lease(key), (lease) => Effect.map(held, () => lease.settle(reusable)))
      ),
      inCallbacks("unsafe.request and settle", ours, key, together),
      fibers("KeyedPool.get, scoped", Effect.scoped(Effect.zipRight(keyed.get(key), held))),
      fibers("Pool.get, scoped", Effect.scoped(Effect.zipRight(plain.get, held))),
      promised("generic-pool", async () => {
        const connection = await generic.acquire()
        await undefined
        await generic.release(connection)
      }),
      promised("tarn", async () => {
        const connection = await tarn.acquire().promise
        await undefined
        tarn.release(connection)
      }),
      fibers("(holding alone)", held)
    ],
    rounds(effort, 50_000)
  )
  yield* Report.cpu(
    `Acquire and release, ${together} at a time on ${connections} connections: CPU per lease`,
    figures,
    "KeyedPool.get, scoped"
  )
  // Who has just released may take again before those in line: there nobody waits, and order is what it costs.
  yield* Report.remark("KeyedPool and Pool let late-comers pass those who wait; this pool serves in order.")
  const at = (name: string) => `${name}, against KeyedPool.get, scoped, ${together} at a time`
  return [
    against(figures, "pool.use", "KeyedPool.get, scoped", 1 / 4, at("pool.use")),
    against(figures, "pool.acquire, scoped", "KeyedPool.get, scoped", undefined, at("pool.acquire, scoped"))
  ]
})

/** The other pools, each with this many connections. */
const others = Effect.fnUntraced(function* (size: number) {
  const acquire = Effect.acquireRelease(Effect.sync(Fakes.connection), (connection) =>
    Effect.sync(() => connection.destroy("its pool has closed"))
  )
  const factory = {
    create: async () => Fakes.connection(),
    destroy: async (connection: ReturnType<typeof Fakes.connection>) => connection.destroy("its pool has closed")
  }
  return {
    keyed: yield* KeyedPool.make({ acquire: () => acquire, size }),
    plain: yield* Pool.make({ acquire, size }),
    generic: yield* Effect.acquireRelease(
      Effect.sync(() => GenericPool.createPool(factory, { max: size })),
      (pool) => Effect.promise(() => pool.drain().then(() => pool.clear()))
    ),
    tarn: yield* Effect.acquireRelease(
      Effect.sync(() => new Tarn.Pool({ ...factory, min: 0, max: size })),
      (pool) => Effect.promise(() => pool.destroy())
    )
  }
})

export const pool: Measure = (effort) =>
  Effect.zipWith(inTurn(effort), inParallel(effort), (alone, together) => [...alone, ...together])
