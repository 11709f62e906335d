/** One request after the other: the second one to a host finds a connection waiting. */
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Account from "../Account.js"
import * as Requests from "../Requests.js"
import { milliseconds, percent } from "../rendering/numbers.js"
import { Screen } from "../rendering/Screen.js"
import type { Target } from "../Target.js"

/** The very first request of a tour failed. There is nothing to show, then. */
export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly url: string; readonly reason: string }> {
  override get message(): string {
    return `No answer from ${this.url}: ${this.reason}`
  }
}

const perHost = 4

export const sequential = Effect.fnUntraced(function* (target: Target) {
  const screen = yield* Screen
  yield* screen.heading("1. One request after the other")
  yield* screen.print("  The first request to a host dials. Those after it find its connection in the pool.")

  const rows: Array<ReadonlyArray<string | number>> = []
  const latencies: Array<number> = []
  const statuses: Record<number, number> = {}

  const requests = Effect.gen(function* () {
    const pool = yield* ConnectionPool
    for (const address of target.sequential) {
      for (let id = 1; id <= Math.min(perHost, target.requests); id++) {
        const url = address(id)
        const answer = yield* Requests.one(url).pipe(
          Effect.mapError((error) => new Unreachable({ url: new URL(url).origin, reason: Requests.reason(error) }))
        )
        const stats = yield* pool.stats
        latencies.push(answer.took)
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        rows.push([
          new URL(url).origin,
          answer.status,
          milliseconds(answer.took),
          stats.hits,
          stats.misses,
          stats.pooledConnections,
          percent(stats.hitRate)
        ])
      }
    }
    return { latencies, failures: [], statuses, took: latencies.reduce((sum, took) => sum + took, 0) }
  })

  const account = yield* Account.keep("sequential", { connector: target.connector }, requests)
  yield* screen.table(["GET", "status", "took", "hits", "misses", "idle", "hit rate"], rows)
  return account
})
