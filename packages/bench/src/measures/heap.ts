/** Memory: of an idle connection beyond its socket, and of a host that has nothing left. */
import type { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fakes from "../fakes.js"
import type { Finding } from "../findings.js"
import type { Measure } from "../Measure.js"

/** Bytes in use when there is no garbage. What was closed may end its life in a later turn of the event loop. */
const used: Effect.Effect<number> = Effect.gen(function* () {
  let least = Infinity
  for (let same = 0; same < 3; ) {
    yield* Effect.sleep("5 millis")
    const now = yield* Effect.sync(() => {
      if (globalThis.gc === undefined) throw new Error("run with --expose-gc")
      globalThis.gc()
      return process.memoryUsage().heapUsed
    })
    if (now < least - 1024) same = 0
    else same++
    least = Math.min(least, now)
  }
  return least
})

/** How much is in use after something was done that was not before. */
const growth = <E, R>(act: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const before = yield* used
    yield* act
    return (yield* used) - before
  })

const pooled = 3_000

/** What a fake connection itself takes. */
const bare: Effect.Effect<number> = Effect.suspend(() => {
  const kept: Array<unknown> = []
  const open = Effect.sync(() => {
    for (let i = 0; i < pooled; i++) kept.push(Fakes.connection())
  })
  // Looked at afterwards, so that it is not garbage before.
  return Effect.map(growth(open), (bytes) => (kept.length === pooled ? bytes / pooled : NaN))
})

/** What an idle connection takes, one host or as many hosts as connections; the first thousand pay for what is made once. */
const idle = (hosts: number): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      const pool = yield* Fakes.pool(Fakes.unbounded)
      const keys = Fakes.keys(hosts)
      yield* Fakes.fill(pool, [Fakes.key("first.test")], 1_000)
      return (yield* growth(Fakes.fill(pool, keys, pooled / hosts))) / pooled
    })
  )

/** Hosts come, are asked for once and leave; none of them comes twice. */
const visit = (pool: ConnectionPool.ConnectionPoolShape, generation: number, hosts: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < hosts; i++) {
      const key = Fakes.key(`h${i}.g${generation}.test`)
      yield* Effect.orDie(pool.use(key, () => Effect.void))
    }
    yield* pool.clear
    const { hosts: left } = yield* pool.stats
    if (left > 0) return yield* Effect.dieMessage(`${left} hosts left`)
  })

/** The least in use after any of these generations: what else lives in a process comes and goes. */
const leastAfter = (pool: ConnectionPool.ConnectionPoolShape, visitors: number, generations: ReadonlyArray<number>) =>
  Effect.map(
    Effect.forEach(generations, (generation) => Effect.zipRight(visit(pool, generation, visitors), used)),
    (each) => Math.min(...each)
  )

/** The more visitors, the less what comes and goes otherwise is in the figure. */
const emptyHost = (visitors: number): Effect.Effect<number> =>
  Effect.scoped(
    Effect.gen(function* () {
      const pool = yield* Fakes.pool(Fakes.unbounded)
      yield* visit(pool, 0, visitors)
      const early = yield* leastAfter(pool, visitors, [1, 2])
      const late = yield* leastAfter(pool, visitors, [3, 4])
      return (late - early) / (2 * visitors)
    })
  )

export const heap: Measure = ({ quick }) =>
  Effect.gen(function* () {
    // Once for nothing: code is compiled and lists grow to their size.
    yield* idle(pooled)
    const connection = yield* bare
    const ofOneHost = (yield* idle(1)) - connection
    const ofManyHosts = (yield* idle(pooled)) - connection
    const ofEmptyHost = yield* emptyHost(quick ? 2_000 : 10_000)
    const finding = (what: string, figure: number, atMost?: number): Finding => ({
      what,
      figure,
      unit: "bytes",
      atMost
    })
    return [
      finding("an idle connection beyond its socket", ofOneHost, 2048),
      finding("an idle connection and its host, if it is the only one", ofManyHosts),
      // Nothing, then: the least that could be left is an object and a reference to it, 24 and more.
      finding("a host that has nothing left", ofEmptyHost, 8)
    ]
  })
