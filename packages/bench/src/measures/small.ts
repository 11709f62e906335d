/** A small GET with its text over real sockets, by every peer, at 1, 10, 50 and 500 at a time. */
import * as Effect from "effect/Effect"
import { small as answer } from "../answers.js"
import { against } from "../findings.js"
import { race } from "../lineup.js"
import type { Effort, Measure } from "../Measure.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import type { Measured, Rounds } from "../rounds.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"

const limited: Peers.PeerName = "hotaru, requestTimeout"
const work: Text = { _tag: "Text", path: answer.path, expected: answer.text }

interface Level {
  readonly title: string
  readonly together: number
  readonly traced: boolean
  readonly which: ReadonlyArray<Peers.PeerName>
  /** Whether nobody has done anything yet in this process. */
  readonly first?: boolean
}

/** Those who differ in a body's pieces do not differ here. */
export const all = Peers.names.filter((name) => name !== "hotaru, forEachChunk")

/**
 * Shorter than the usual: there are many peers, and some of them slow. Whoever works has several operations to do, or
 * what is compared is how workers are started.
 */
const rounds = ({ quick }: Effort, { first = false, together }: Level): Rounds =>
  quick
    ? { warmUp: first ? 6_000 : 3_000, operations: Math.max(400, 2 * together), rounds: 5 }
    : { warmUp: first ? 4_000 : 1_500, operations: Math.max(1_200, 5 * together), rounds: 7 }

/** These peers at one level, as a table. */
export const level = (origin: string, effort: Effort, asked: Level): Effect.Effect<Measured, never, Report.Report> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { title, together, traced, which } = asked
      const peers = yield* Peers.make({ origin, connections: together }, which)
      const measured = yield* Effect.withTracerEnabled(race(peers, work, together, rounds(effort, asked)), traced)
      const where = `${together} at a time on as many connections, tracing ${traced ? "on" : "off"}`
      yield* Report.table({
        title: `${title}, ${where}: CPU per request`,
        unit: "µs",
        figures: measured.cpu,
        references: Peers.references,
        beside: [
          { title: "requests/s", figures: measured.perSecond },
          { title: "p50 µs", figures: measured.p50 },
          { title: "p99 µs", figures: measured.p99 }
        ]
      })
      return measured
    })
  )

export const small: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const title = "Small GET"
  const which = effort.quick ? Peers.essential : all
  const untraced = yield* level(origin, effort, {
    title,
    together: 50,
    traced: false,
    which: effort.quick ? [...Peers.essential, limited] : all,
    first: true
  })
  const traced = yield* level(origin, effort, { title, together: 50, traced: true, which })
  const alone = yield* level(origin, effort, { title, together: 1, traced: false, which })
  const on = "small GET, tracing on, CPU"
  const off = "small GET, tracing off, CPU"
  const findings = [
    against(traced.cpu, "hotaru", "layerUndici", { atMost: 1 / 3, aim: 1 / 4 }, `${on} against layerUndici`),
    against(untraced.cpu, "hotaru", "layerUndici", { atMost: 1 / 4, aim: 1 / 5 }, `${off} against layerUndici`),
    against(untraced.cpu, "hotaru", "undici.request", { atMost: 1.2, aim: 0.8 }, `${off} against undici.request`),
    against(untraced.cpu, "hotaru", "bare socket", { atMost: 2.8, aim: 2.2 }, `${off} against a bare socket`),
    against(
      untraced.cpu,
      limited,
      "hotaru",
      { atMost: 1.05, aim: 1.02 },
      `${off} with requestTimeout, against without`
    ),
    against(
      alone.p50,
      "hotaru",
      "undici.request",
      { atMost: 1.2, aim: 1 },
      "small GET, 1 at a time, median latency against undici.request"
    ),
    against(alone.cpu, "hotaru", "layerUndici", undefined, `${off}, 1 at a time, against layerUndici`)
  ]
  if (effort.quick) return findings
  yield* level(origin, effort, { title, together: 10, traced: false, which })
  const many = yield* level(origin, effort, { title, together: 500, traced: false, which })
  return [
    ...findings,
    against(many.cpu, "hotaru", "layerUndici", undefined, `${off}, 500 at a time, against layerUndici`)
  ]
})
