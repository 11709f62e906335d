/** Many requests at once under a small limit: they wait their turn, and the limit holds. */
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Account from "../Account.js"
import * as Requests from "../Requests.js"
import { milliseconds, plural } from "../rendering/numbers.js"
import { Screen } from "../rendering/Screen.js"
import type { Target } from "../Target.js"

export const parallel = Effect.fnUntraced(function* (target: Target) {
  const { concurrency: limit, requests: total } = target
  const screen = yield* Screen
  yield* screen.heading("2. Many requests at once, few connections")
  yield* screen.print(
    `  ${plural(total, "request")} start together; maxConnectionsPerHost is ${limit}.`,
    "  Those who find no connection free wait in line, first come, first served.",
    ""
  )

  const requests = Effect.gen(function* () {
    const pool = yield* ConnectionPool
    const progress = yield* screen.progress(total)
    let done = 0
    const show = Effect.flatMap(pool.stats, (stats) =>
      progress.show({
        done,
        open: stats.activeConnections + stats.pooledConnections + stats.openingConnections,
        limit,
        waiting: stats.pendingAcquires
      })
    )
    const display = yield* Effect.forkScoped(Effect.repeat(show, Schedule.spaced("40 millis")))
    const outcome = yield* Requests.many({
      url: target.parallel,
      count: total,
      concurrency: "unbounded",
      onDone: Effect.sync(() => done++)
    })
    yield* Fiber.interrupt(display)
    yield* show
    return outcome
  }).pipe(Effect.scoped)

  const account = yield* Account.keep(
    "parallel",
    {
      connector: target.connector,
      maxConnectionsPerHost: limit,
      maxIdlePerHost: limit,
      // This chapter wants to see a long line. Elsewhere a line is better bounded, in length and in time.
      maxPendingPerHost: total,
      acquireTimeout: Duration.infinity
    },
    requests
  )
  yield* screen.print(
    "",
    `  At most ${plural(account.tally.peak, "connection")} open at one time. ` +
      `The longest wait in line was ${milliseconds(account.tally.longestWait)}.`
  )
  if (target.counters !== undefined) {
    const { accepted, peak } = yield* target.counters("plain")
    yield* screen.print(
      `  The server says: at most ${peak} open at one time, ${accepted} accepted since the tour began.`
    )
  }
  return account
})
