/** What happened, as the pools told it, and what they counted. */
import * as Effect from "effect/Effect"
import type { Account } from "../Account.js"
import { milliseconds, percent } from "../rendering/numbers.js"
import { Screen } from "../rendering/Screen.js"

export const epilogue = Effect.fnUntraced(function* (number: number, accounts: ReadonlyArray<Account>) {
  const screen = yield* Screen
  const row = (name: string, value: (account: Account) => string | number) => [name, ...accounts.map(value)]
  const head = (title: string) => [title, ...accounts.map((account) => account.name)]

  yield* screen.heading(`${number}. What happened`)
  yield* screen.print("  Every pool tells its events to whoever listens. Added up:")
  const reasons = [...new Set(accounts.flatMap(({ tally }) => Object.keys(tally.retired)))].sort()
  yield* screen.table(head("events"), [
    row("opened", ({ tally }) => tally.opened),
    row("  took on average", ({ tally }) => (tally.opened === 0 ? "-" : milliseconds(tally.dialling / tally.opened))),
    row("lent", ({ tally }) => tally.lent),
    row("  longest wait", ({ tally }) => milliseconds(tally.longestWait)),
    row("returned", ({ tally }) => tally.returned),
    row("sent again", ({ tally }) => tally.retried),
    ...reasons.map((reason) => row(`closed: ${reason}`, ({ tally }) => tally.retired[reason] ?? 0)),
    row("most open at once", ({ tally }) => tally.peak)
  ])

  yield* screen.print("", "  And the statistics, which a pool always has ready:")
  yield* screen.table(head("statistics"), [
    row("hits", ({ stats }) => stats.hits),
    row("misses", ({ stats }) => stats.misses),
    row("hit rate", ({ stats }) => percent(stats.hitRate)),
    row("created", ({ stats }) => stats.created),
    row("evictions", ({ stats }) => stats.evictions),
    row("idle", ({ stats }) => stats.pooledConnections),
    row("active", ({ stats }) => stats.activeConnections),
    row("stale retries", ({ stats }) => stats.staleRetries),
    row("acquire timeouts", ({ stats }) => stats.acquireTimeouts),
    row("failed requests", ({ outcome }) => outcome.failures.length)
  ])
})
