/**
 * Asks the user's own rule about every open connection.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectionInfo, ShouldEvict } from "../Eviction.js"
import type { Interpreter } from "./interpreter.js"
import type { Entry } from "./model.js"
import * as Upkeep from "./upkeep.js"

/** One round. What is opened meanwhile is asked about in the next. */
export const ask = (pool: Interpreter, shouldEvict: ShouldEvict): Effect.Effect<void> =>
  Effect.forEach(
    pool.hosts.all().flatMap((host) => [...host.entries]),
    (entry) =>
      Effect.suspend(() => {
        if (entry.state === "Retired" || entry.condemned !== undefined) return Effect.void
        return Effect.flatMap(shouldEvict(infoOf(entry, pool.time.now())), (evict) => {
          if (evict) pool.decide((now, out) => Upkeep.evictOne(pool.state, entry, now, out))
          return Effect.void
        })
      }).pipe(
        Effect.catchAllDefect((defect) =>
          Effect.logError(`shouldEvict died over a connection to ${entry.host.key}`, defect)
        )
      ),
    { discard: true }
  )

const infoOf = (entry: Entry, now: number): ConnectionInfo => ({
  key: entry.host.key,
  connectionId: entry.connection.id,
  facts: entry.connection.facts,
  age: Duration.millis(now - entry.createdAt),
  idle: Duration.millis(entry.state === "Idle" ? now - entry.lastUsedAt : 0),
  requests: entry.requestCount,
  leased: entry.state === "Leased"
})
