/** Growth with the number of hosts, each with one idle connection; beside it a bare map, visited in the same order. */
import type { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { inSequence } from "../contestants.js"
import * as Fakes from "../fakes.js"
import { against } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { measure } from "../rounds.js"

const sizes = [1, 100, 10_000]

/** Answers all of them in turn, in an order that caches do not like: the stride shares no divisor with the sizes. */
const visiting = <A>(all: ReadonlyArray<A>): (() => A) => {
  let at = 0
  return () => {
    at = (at + 7919) % all.length
    return all[at] as A
  }
}

const label = (what: string, size: number) => `${what}, ${size.toLocaleString("en")} host${size === 1 ? "" : "s"}`

type Take = (pool: ConnectionPool.ConnectionPoolShape, key: ConnectionKey.ConnectionKey) => Effect.Effect<unknown>

const ways: Readonly<Record<string, Take>> = {
  "pool.use": (pool, key) => Effect.orDie(pool.use(key, () => Effect.void)),
  "pool.acquire, scoped": (pool, key) => Effect.orDie(Effect.scoped(pool.acquire(key)))
}

export const hosts: Measure = Effect.fnUntraced(function* (effort) {
  const pools = yield* Effect.forEach(sizes, (size) =>
    Effect.gen(function* () {
      const pool = yield* Fakes.pool(Fakes.unbounded)
      const keys = Fakes.keys(size)
      yield* Fakes.fill(pool, keys, 1)
      return { size, pool, keys }
    })
  )
  const ours = Object.entries(ways).flatMap(([way, take]) =>
    pools.map(({ keys, pool, size }) => {
      const next = visiting(keys)
      return inSequence(
        label(way, size),
        Effect.suspend(() => take(pool, next()))
      )
    })
  )
  const maps = sizes.map((size) => {
    const names = Array.from({ length: size }, (_, i) => `h${i}.test`)
    const map = new Map(names.map((name) => [name, { leases: 0 }]))
    const next = visiting(names)
    return inSequence(
      label("Map.get", size),
      Effect.sync(() => map.get(next())!.leases++)
    )
  })
  const figures = yield* measure([...ours, ...maps], rounds(effort, 100_000))
  yield* Report.cpu("Growth with hosts: CPU per lease", figures, label("pool.use", 1))
  const growth = (what: string, atMost?: number) =>
    against(figures, label(what, 10_000), label(what, 1), atMost, `${what}: from 1 host to 10,000`)
  return [growth("pool.use", 2), growth("pool.acquire, scoped", 2), growth("Map.get")]
})
