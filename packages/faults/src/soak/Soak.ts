/** Mixed traffic through faults, lap after lap, with a rest after each. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodePooledHttpClient from "@hotaru/node/NodePooledHttpClient"
import * as NodeTls from "@hotaru/node/NodeTls"
import { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import type { PoolStats } from "@hotaru/pool/PoolStats"
import { FiberCensus } from "@hotaru/testing/FiberCensus"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { cpuSince } from "../Census.js"
import { host } from "../matrix/World.js"
import * as Names from "../proxy/Names.js"
import * as FarSide from "./FarSide.js"
import { leaksOf } from "./leaks.js"
import type { Report } from "./messages.js"
import { operation } from "./Operation.js"
import { perform, type Urls } from "./perform.js"
import { Tally } from "./Tally.js"
import { type Rest, type Sample, Watch } from "./Watch.js"

export interface Plan {
  readonly seed: number
  /** How long, in seconds, unless it is told how many. */
  readonly seconds: number
  readonly requests: number | undefined
}

export interface Result {
  readonly plan: Plan
  /** Of traffic, without the rests. */
  readonly seconds: number
  /** Microseconds of this process's CPU time, without the rests. */
  readonly cpu: number
  readonly tally: Tally
  readonly stats: PoolStats
  readonly far: Report
  readonly samples: ReadonlyArray<Sample>
  readonly rests: ReadonlyArray<Rest>
  /** Everything that must not be, in words. */
  readonly faults: ReadonlyArray<string>
}

const laps = 10

/** Requests under way at a time. */
const workers = 96

/** Short, so that a silent connection costs its request a second and not minutes. */
const limits = {
  maxConnectionsPerHost: 48,
  connectionTimeout: "2 seconds",
  acquireTimeout: "5 seconds",
  safety: {
    headersTimeout: "1 second",
    bodyTimeout: "1 second",
    requestTimeout: "10 seconds",
    unreadBodyTimeout: "2 seconds"
  }
} as const

/** The requests of a lap: those below an id, or as many as fit before a time. */
interface Lap {
  readonly below: number
  readonly until: number
}

const lapOf = ({ requests, seconds }: Plan, lap: number): Lap =>
  requests === undefined
    ? { below: Infinity, until: performance.now() + (seconds * 1000) / laps }
    : { below: Math.round((requests * (lap + 1)) / laps), until: Infinity }

export const run = (plan: Plan): Effect.Effect<Result, FarSide.FarSideGone> =>
  Effect.gen(function* () {
    const far = yield* FarSide.start(plan.seed)
    const urls: Urls = { plain: `http://${host}:${far.plain}`, secure: `https://${host}:${far.secure}` }
    const tls = NodeTls.identity({ ca: far.ca, label: "soak" })
    const census = new FiberCensus()
    const watch = new Watch(census)
    const tally = new Tally()
    const samples: Array<Sample> = []
    const rests: Array<Rest> = []
    let traffic = 0
    let began = 0
    let cpu = 0
    const elapsed = () => (traffic + performance.now() - began) / 1000
    let next = 0

    const worker = (lap: Lap, client: HttpClient.HttpClient) =>
      Effect.whileLoop({
        while: () => next < lap.below && performance.now() < lap.until,
        body: () => {
          const one = operation(plan.seed, next++)
          return Effect.map(perform(one, urls, client), (verdict) => tally.add(one, verdict))
        },
        step: () => {}
      })

    const traffics = Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const pool = yield* ConnectionPool
      for (let lap = 0; lap < laps; lap++) {
        began = performance.now()
        const cpuBefore = process.cpuUsage()
        const bounds = lapOf(plan, lap)
        yield* Effect.all(
          Array.from({ length: workers }, () => worker(bounds, client)),
          { concurrency: "unbounded", discard: true }
        )
        traffic += performance.now() - began
        cpu += cpuSince(cpuBefore)
        const rest = yield* watch.rest(traffic / 1000, tally.done, pool)
        rests.push(rest)
        yield* Console.log(progress(lap, rest, tally))
      }
      return yield* pool.stats
    })

    const sampler = Effect.repeat(
      Effect.sync(() => {
        // At rest there is no traffic to be charted.
        if (began > 0) samples.push(watch.sample(elapsed(), tally.done))
      }),
      Schedule.spaced("1 second")
    )
    yield* Effect.forkScoped(sampler)
    const stats = yield* traffics.pipe(
      Effect.provide(NodePooledHttpClient.layer({ ...limits, connector: { resolver: Names.right, tls } })),
      Effect.supervised(census)
    )
    const left = yield* watch.end()
    const report = yield* far.report(tally.claims)
    return {
      plan,
      seconds: traffic / 1000,
      cpu,
      tally,
      stats,
      far: report,
      samples,
      rests,
      faults: faultsOf(tally, report, rests, left)
    }
  }).pipe(Effect.scoped)

const progress = (lap: number, { heap, seconds }: Rest, { done, failed, right, wrong }: Tally): string =>
  `lap ${lap + 1} of ${laps}: ${done} requests in ${seconds.toFixed(1)} s, ${right} right, ${failed} failed, ${wrong} wrong; heap at rest ${heap.toFixed(1)} MiB`

/** Faults are so many that some requests fail, and so few that most do not: else nothing was tried. */
const leastRight = 0.8

const faultsOf = (
  tally: Tally,
  far: Report,
  rests: ReadonlyArray<Rest>,
  left: ReadonlyArray<string>
): ReadonlyArray<string> => [
  ...(tally.wrong === 0 ? [] : [`${tally.wrong} requests went wrong:`, ...tally.wrongs]),
  ...far.wrong.map((what) => `the server saw: ${what}`),
  ...(far.arrived.length === 0
    ? []
    : [`requests called safe to send again that had arrived: ${far.arrived.slice(0, 20).join(", ")}`]),
  ...rests.flatMap(({ wrong }, lap) => wrong.map((what) => `at rest after lap ${lap + 1}: ${what}`)),
  ...leaksOf(rests),
  ...left.map((what) => `left behind by the closed client: ${what}`),
  ...(tally.right + tally.givenUp + tally.cutShort < leastRight * tally.done
    ? [`only ${tally.right} of ${tally.done} requests succeeded`]
    : [])
]
