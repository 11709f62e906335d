/**
 * Asks the user's own rule about every open connection.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectionInfo, ShouldEvict } from "../Eviction.js"
import type { Interpreter } from "./interpreter.js"
import type { Entry } from "./model.js"
import * as Upkeep from "./upkeep.js"

/** One round, one connection after the other. What is opened meanwhile is asked about in the next. */
export const ask = (pool: Interpreter, shouldEvict: ShouldEvict): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.forEach(
      pool.hosts.all(),
      (host) => {
        const entries = [...host.entries]
        return Effect.iterate(0, {
          while: (next) => next < entries.length,
          body: (next) =>
            Effect.map(askAbout(pool, shouldEvict, entries[next] as Entry), (answered) =>
              answered ? next + 1 : entries.length
            )
        })
      },
      { discard: true }
    )
  )

/** Answers whether there was an answer: without one the host's others are not asked about in this round. */
const askAbout = (pool: Interpreter, shouldEvict: ShouldEvict, entry: Entry): Effect.Effect<boolean> => {
  const { cleanupInterval } = pool.settings
  const where = `over a connection to ${entry.host.key}`
  return Effect.suspend(() => {
    if (entry.state === "Retired" || entry.condemned !== undefined) return Effect.succeed(true)
    return Effect.flatMap(
      Effect.timeoutOption(shouldEvict(infoOf(entry, pool.now())), Duration.millis(cleanupInterval)),
      (answer) => {
        if (answer._tag === "None")
          return Effect.as(Effect.logWarning(`shouldEvict gave no answer ${where} within ${cleanupInterval} ms`), false)
        if (answer.value) pool.decide((now, out) => Upkeep.evictOne(pool.state, entry, now, out))
        return Effect.succeed(true)
      }
    )
  }).pipe(
    // A rule that interrupts itself too. Where it is this fiber that is interrupted, nothing is caught.
    Effect.catchAllCause((cause) => Effect.as(Effect.logError(`shouldEvict died ${where}`, cause), true))
  )
}

const infoOf = (entry: Entry, now: number): ConnectionInfo => ({
  key: entry.host.key,
  connectionId: entry.connection.id,
  facts: entry.connection.facts,
  age: Duration.millis(now - entry.createdAt),
  idle: Duration.millis(entry.state === "Idle" ? now - entry.lastUsedAt : 0),
  requests: entry.requestCount,
  leased: entry.state === "Leased"
})
