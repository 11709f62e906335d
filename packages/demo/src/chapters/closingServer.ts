/** A server that closes connections as it pleases. Nobody notices, because a dead connection's request is sent again. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Account from "../Account.js"
import * as Requests from "../Requests.js"
import { plural } from "../rendering/numbers.js"
import { Screen } from "../rendering/Screen.js"
import type { Address, Target } from "../Target.js"

/** A pause of a few milliseconds before each request: connections must be idle now and then to be closed idle. */
const pause = Effect.flatMap(Random.nextIntBetween(0, 20), (ms) => Effect.sleep(ms))

export const closingServer = Effect.fnUntraced(function* (
  target: Target & Required<Pick<Target, "counters">>,
  url: Address
) {
  const screen = yield* Screen
  const { colours } = screen
  yield* screen.heading("4. A server that closes connections under us")
  yield* screen.print(
    "  Without a word it closes whatever is idle, every 75 ms, and it hangs up on the",
    "  fourth request of any connection. The same work once more through the platform's",
    "  NodeHttpClient.layerUndici, which sends nothing again.",
    ""
  )

  const work = Requests.many({ url, count: target.requests, concurrency: target.concurrency, before: pause })
  const account = yield* Account.keep(
    "closing server",
    {
      connector: target.connector,
      maxConnectionsPerHost: target.concurrency,
      maxIdlePerHost: target.concurrency
    },
    work
  )
  const { hungUp } = yield* target.counters("closing")
  const theirs = yield* Effect.provide(work, NodeHttpClient.layerUndici)

  const { outcome, stats } = account
  const failed = (count: number) => (count === 0 ? colours.green("0 failed") : colours.red(`${count} failed`))
  yield* screen.print(
    `  this pool    ${plural(outcome.latencies.length, "request")} answered, ${failed(outcome.failures.length)}`,
    `               ${plural(stats.staleRetries, "request")} sent again, ` +
      `${plural(stats.evictions, "idle connection")} found dead and dropped in time`,
    `  layerUndici  ${plural(theirs.latencies.length, "request")} answered, ${failed(theirs.failures.length)}`,
    "",
    `  The server says: it hung up on ${plural(hungUp, "request")} of ours.`
  )
  return account
})
