/** The same work twice: a connection for every request, and a pool. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Account from "../Account.js"
import * as Requests from "../Requests.js"
import { chart } from "../rendering/bars.js"
import { milliseconds, plural, quantile } from "../rendering/numbers.js"
import { Screen } from "../rendering/Screen.js"
import type { Target } from "../Target.js"

/** Untimed requests before each run, so that neither pays for code that runs for the first time. */
const warmUp = 10

export const comparison = Effect.fnUntraced(function* (target: Target) {
  const { concurrency, requests } = target
  const secure = target.comparison(0).startsWith("https:")
  const screen = yield* Screen
  yield* screen.heading("3. The same work without the pool and with it")
  yield* screen.print(
    `  ${plural(requests, `${secure ? "HTTPS" : "HTTP"} request`)}, ${concurrency} at a time: with enablePooling: false, then with the pool.`,
    ""
  )

  const run = (name: string, enablePooling: boolean) => {
    const options = {
      connector: target.connector,
      enablePooling,
      maxConnectionsPerHost: concurrency,
      maxIdlePerHost: concurrency,
      acquireTimeout: Duration.infinity
    }
    const work = (count: number) => Requests.many({ url: target.comparison, count, concurrency })
    return Effect.gen(function* () {
      yield* Account.keep("warm-up", options, work(Math.min(warmUp, requests)))
      const before = yield* handshakes
      const account = yield* Account.keep(name, options, work(requests))
      return { account, handshakes: (yield* handshakes) - before }
    })
  }
  const counters = target.counters
  const handshakes =
    counters === undefined ? Effect.succeed(0) : Effect.map(counters("secure"), (counted) => counted.handshakes)

  const without = yield* run("no pool", false)
  const pooled = yield* run("pool", true)

  const both = (name: string, format: (value: number) => string, value: (run: typeof without) => number) => ({
    name,
    format,
    without: value(without),
    with: value(pooled)
  })
  const latency = (q: number) => (run: typeof without) => quantile(run.account.outcome.latencies, q)
  yield* screen.print(
    ...chart(
      [
        both("connections opened", String, (run) => run.account.stats.created),
        ...(secure && counters !== undefined ? [both("TLS handshakes", String, (run) => run.handshakes)] : []),
        // Where the server is not ours its count is not to be had. Each connection there costs one handshake, too.
        ...(secure && counters === undefined
          ? [both("TLS handshakes", String, (run) => run.account.stats.created)]
          : []),
        both("median latency", milliseconds, latency(0.5)),
        both("99th percentile", milliseconds, latency(0.99)),
        both("all together", milliseconds, (run) => run.account.outcome.took)
      ],
      screen.colours
    )
  )
  if (counters !== undefined) {
    yield* screen.print("", "  On loopback a handshake costs CPU only. Over a network it waits for round trips, too.")
  }
  return [without.account, pooled.account] as const
})
