/** A cleanup pays for what it closes and not for what it keeps. */
import { type ConnectionPool, Lease } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fakes from "../fakes.js"
import { against } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { type Contestant, measure, type Rounds } from "../rounds.js"

const key = Fakes.key("a.test")
const stale = 500
/** A peer's hint that makes a connection stale by the time of the next cleanup. */
const soon = Lease.Reusable({ idleFor: Duration.millis(1) })

const label = (what: string, idle: number) => `${what} of ${idle.toLocaleString("en")} idle`

const answering = (cleanup: Effect.Effect<number>, expected: number) =>
  Effect.flatMap(cleanup, (closed) =>
    closed === expected ? Effect.void : Effect.dieMessage(`${closed} closed, not ${expected}`)
  )

const filled = Effect.fnUntraced(function* (idle: number) {
  const pool = yield* Fakes.pool({ ...Fakes.unbounded, cleanupInterval: "1 hour" })
  yield* Fakes.fill(pool, [key], idle)
  return { idle, pool }
})

type Filled = Effect.Effect.Success<ReturnType<typeof filled>>

const closingNothing = ({ idle, pool }: Filled): Contestant => ({
  name: label("closing none", idle),
  run: (operations) => Effect.repeatN(answering(pool.cleanup, 0), operations - 1)
})

/** One cleanup a turn; what counts is its cost by the connection closed. */
const closingSome = ({ idle, pool }: Filled): Contestant => ({
  name: label(`closing ${stale}`, idle),
  prepare: Effect.zipRight(Fakes.fill(pool, [key], idle), makeStale(pool)),
  run: () => answering(pool.cleanup, stale)
})

const makeStale = (pool: ConnectionPool.ConnectionPoolShape) =>
  Effect.gen(function* () {
    const leases = yield* Effect.orDie(Effect.replicateEffect(pool.lease(key), stale))
    yield* Effect.sync(() => {
      for (const lease of leases) lease.settle(soon)
    })
    yield* Effect.sleep("3 millis")
  })

export const cleanup: Measure = Effect.fnUntraced(function* (effort) {
  // Opening and closing the most of them takes longer than measuring.
  const most = effort.quick ? 10_000 : 100_000
  const pools = yield* Effect.forEach([1_000, most], filled)
  const none = yield* measure(pools.map(closingNothing), rounds(effort, 20_000))
  const once: Rounds = { warmUp: stale, operations: stale, rounds: effort.quick ? 7 : 25 }
  const some = yield* measure(pools.map(closingSome), once)
  yield* Report.cpu("Cleanup: CPU per cleanup", none, label("closing none", 1_000))
  yield* Report.cpu("Cleanup: CPU per connection closed", some, label(`closing ${stale}`, 1_000))
  const growth = (figures: typeof none, what: string, atMost: number) =>
    against(figures, label(what, most), label(what, 1_000), atMost, `cleanup ${label(what, most)}, against 1,000`)
  return [growth(none, "closing none", flat), growth(some, `closing ${stale}`, logarithmic)]
})

/** What "flat" leaves to chance. */
const flat = 1.25
/** Expiries are kept in a heap: log2(100,000) / log2(1,000) is 1.7. */
const logarithmic = 2
