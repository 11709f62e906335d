/** The two tours: on servers of our own, and on one of the user's. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Account } from "./Account.js"
import { closingServer } from "./chapters/closingServer.js"
import { comparison } from "./chapters/comparison.js"
import { epilogue } from "./chapters/epilogue.js"
import { parallel } from "./chapters/parallel.js"
import { sequential } from "./chapters/sequential.js"
import * as Requests from "./Requests.js"
import { plural } from "./rendering/numbers.js"
import { Screen } from "./rendering/Screen.js"
import * as TourServers from "./servers/TourServers.js"
import type { Target } from "./Target.js"

export interface Size {
  readonly requests: number
  readonly concurrency: number
}

/** The tour went to its end, but not every request of it was answered. */
export class RequestsFailed extends Data.TaggedError("RequestsFailed")<{
  readonly failed: number
  readonly total: number
  readonly first: string
}> {
  override get message(): string {
    return `${this.failed} of ${plural(this.total, "request")} failed. The first: ${this.first}`
  }
}

const conclude = (accounts: ReadonlyArray<Account>) => {
  const failures = accounts.flatMap(({ outcome }) => outcome.failures)
  const answered = accounts.reduce((sum, { outcome }) => sum + outcome.latencies.length, 0)
  const [first] = failures
  return first === undefined
    ? Effect.succeed(answered)
    : Effect.fail(
        new RequestsFailed({
          failed: failures.length,
          total: answered + failures.length,
          first: Requests.reason(first)
        })
      )
}

export const ownServers = Effect.fnUntraced(function* (size: Size) {
  const screen = yield* Screen
  yield* screen.print(
    screen.colours.bold("Hotaru for Effect: a tour of the connection pool"),
    "Starting an HTTP and an HTTPS server on loopback, in a process of their own ..."
  )
  // Said first: the servers take a moment.
  yield* Effect.provide(chaptersOnOwnServers(size), TourServers.layer)
})

const chaptersOnOwnServers = Effect.fnUntraced(function* (size: Size) {
  const screen = yield* Screen
  const servers = yield* TourServers.TourServers
  const target = {
    ...size,
    sequential: [(id: number) => `${servers.plain}/items/${id}`, (id: number) => `${servers.secure}/items/${id}`],
    parallel: (id: number) => `${servers.plain}/slow/${id}`,
    comparison: (id: number) => `${servers.secure}/items/${id}`,
    connector: { tls: { ca: servers.ca } },
    counters: servers.counters
  } satisfies Target

  const accounts = [
    yield* sequential(target),
    yield* parallel(target),
    ...(yield* comparison(target)),
    yield* closingServer(target, (id) => `${servers.closing}/items/${id}`)
  ]
  yield* epilogue(5, accounts)
  yield* Effect.flatMap(conclude(accounts), (answered) =>
    screen.print("", `${plural(answered, "request")} answered, none failed.`)
  )
})

export const serverOfTheUser = Effect.fnUntraced(function* (url: URL, size: Size) {
  const screen = yield* Screen
  const address = () => url.href
  const target: Target = {
    ...size,
    sequential: [address],
    parallel: address,
    comparison: address,
    connector: {}
  }
  yield* screen.print(screen.colours.bold(`Hotaru for Effect: a tour of the connection pool, at ${url.origin}`))

  const accounts = [yield* sequential(target), yield* parallel(target), ...(yield* comparison(target))]
  yield* epilogue(4, accounts)
  yield* Effect.flatMap(conclude(accounts), (answered) =>
    screen.print("", `${plural(answered, "request")} answered (${statuses(accounts)}), none failed.`)
  )
})

const statuses = (accounts: ReadonlyArray<Account>): string => {
  const counts = new Map<string, number>()
  for (const { outcome } of accounts) {
    for (const [status, count] of Object.entries(outcome.statuses)) {
      counts.set(status, (counts.get(status) ?? 0) + count)
    }
  }
  return [...counts].map(([status, count]) => `${count} with status ${status}`).join(", ")
}
