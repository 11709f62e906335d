/**
 * How long the event loop keeps others waiting while a client has 50 requests under way: by how much a timer of one
 * millisecond comes late.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import { small } from "../answers.js"
import { against } from "../findings.js"
import { contestantsOf } from "../lineup.js"
import type { Measure } from "../Measure.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import { type Contestant, type Figures, interleaved } from "../rounds.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"

const together = 50
const work: Text = { _tag: "Text", path: small.path, expected: small.text }
/** Milliseconds between two looks at the loop; the histogram counts them in. */
const resolution = 1

interface Delays {
  readonly p50: number
  readonly p99: number
  readonly most: number
}

/** Everybody for as long, whatever they get done in it: the more looks, the more a percentile says. */
const delays =
  (milliseconds: number) =>
  (contestant: Contestant, operations: number): Effect.Effect<Delays> =>
    Effect.gen(function* () {
      const histogram = monitorEventLoopDelay({ resolution })
      const end = performance.now() + milliseconds
      histogram.enable()
      while (performance.now() < end) yield* contestant.run(operations)
      histogram.disable()
      contestant.latency?.()
      const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
      return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), most: late(histogram.max) }
    })

export const loop: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const names = effort.quick ? Peers.essential : Peers.names.filter((name) => !Peers.variants.includes(name))
  const peers = yield* Peers.make({ origin, connections: together }, names)
  const found = yield* Effect.withTracerEnabled(
    interleaved(
      contestantsOf(peers, work, together),
      { warmUp: effort.quick ? 500 : 5_000, operations: 250, rounds: effort.quick ? 5 : 7 },
      delays(effort.quick ? 60 : 400)
    ),
    false
  )
  const figures = (of: (delays: Delays) => number): ReadonlyArray<Figures> =>
    found.map(({ name, perRound }) => ({ name, perRound: perRound.map(of) }))
  const p99 = figures((delays) => delays.p99)
  yield* Report.table({
    title: `The event loop under small GETs, ${together} at a time: by how much a timer comes late, 99th percentile`,
    unit: "ms",
    figures: p99,
    references: Peers.references,
    beside: [
      { title: "p50 ms", figures: figures((delays) => delays.p50) },
      { title: "most ms", figures: figures((delays) => delays.most) }
    ]
  })
  return [
    against(p99, "hotaru", "layerUndici", undefined, "how late timers are under small GETs, p99, against layerUndici"),
    against(
      p99,
      "hotaru",
      "undici.request",
      undefined,
      "how late timers are under small GETs, p99, against undici.request"
    )
  ]
})
