/** Memory that a small GET allocates: how far the heap grows while no garbage is collected. */
import * as Effect from "effect/Effect"
import { small } from "../answers.js"
import { against } from "../findings.js"
import { type Growth, growth } from "../growth.js"
import { contestantsOf } from "../lineup.js"
import type { Measure } from "../Measure.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import { type Figures, interleaved, type Rounds } from "../rounds.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"
import { all } from "./small.js"

const together = 50
const work: Text = { _tag: "Text", path: small.path, expected: small.text }

export const allocations: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const names = effort.quick ? Peers.essential : all
  const rounds: Rounds = effort.quick
    ? { warmUp: 2_000, operations: 300, rounds: 5 }
    : { warmUp: 4_000, operations: 1_000, rounds: 5 }

  const run = Effect.fnUntraced(function* (traced: boolean) {
    const peers = yield* Peers.make({ origin, connections: together }, names)
    const contestants = contestantsOf(peers, work, together)
    const grown = yield* Effect.withTracerEnabled(interleaved(contestants, rounds, growth), traced)
    const figures = (of: (growth: Growth) => number): ReadonlyArray<Figures> =>
      grown.map(({ name, perRound }) => ({ name, perRound: perRound.map(of) }))
    const heap = figures(({ heap }) => heap)
    yield* Report.table({
      title: `Small GET, ${together} at a time, tracing ${traced ? "on" : "off"}: bytes of the heap allocated per request`,
      unit: "B",
      figures: heap,
      references: Peers.references,
      beside: [{ title: "in buffers B", figures: figures(({ buffers }) => buffers) }]
    })
    return heap
  })

  const off = yield* Effect.scoped(run(false))
  const findings = [
    against(off, "hotaru", "layerUndici", undefined, "heap allocated by a small GET, tracing off, against layerUndici"),
    against(off, "hotaru", "undici.request", undefined, "heap allocated by a small GET, against undici.request"),
    against(off, "hotaru", "bare socket", undefined, "heap allocated by a small GET, against a bare socket")
  ]
  if (effort.quick) return findings
  const on = yield* Effect.scoped(run(true))
  return [
    against(on, "hotaru", "layerUndici", undefined, "heap allocated by a small GET, tracing on, against layerUndici"),
    ...findings
  ]
})
