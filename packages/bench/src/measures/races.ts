/** What the measures over HTTP have in common: every peer does the same work, untraced, and a table tells how it went. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { race } from "../lineup.js"
import { type Effort, rounds as usualRounds } from "../Measure.js"
import * as Peers from "../peers/index.js"
import type { Peer, Settings } from "../peers/Peer.js"
import * as Report from "../Report.js"
import type { Figures, Measured, Rounds } from "../rounds.js"
import type { Work } from "../Work.js"

export interface Race {
  readonly title: string
  readonly work: Work
  /** So many operations at a time. */
  readonly together: number
  /** In a full run, all rounds of one peer together: about twice as many. */
  readonly operations: number
  /** Bytes of body in one operation: the table tells how many MiB pass in a second. */
  readonly bytes?: number | undefined
}

/** Those who race; for a rough answer without the slower ones. */
export const peers = (effort: Effort, settings: Settings): Effect.Effect<ReadonlyArray<Peer>, never, Scope.Scope> =>
  effort.quick ? Peers.make(settings, Peers.essential) : Peers.make(settings)

/**
 * The usual rounds, in which everybody who works has the same number of operations to do. A rough answer is of fewer
 * operations, but no less of optimised code.
 */
export const rounds = (effort: Effort, operations: number, together: number): Rounds => {
  const usual = usualRounds(effort, operations)
  const even = (count: number) => Math.ceil(count / together) * together
  return { ...usual, warmUp: even(Math.max(usual.warmUp, operations / 4)), operations: even(usual.operations) }
}

const mebibytes = (perSecond: ReadonlyArray<Figures>, bytes: number): ReadonlyArray<Figures> =>
  perSecond.map(({ name, perRound }) => ({ name, perRound: perRound.map((each) => (each * bytes) / 1024 ** 2) }))

/** How the measured fared, by CPU time of the client's process. */
export const table = (title: string, { cpu, p50, p99, perSecond }: Measured, bytes?: number): Report.Table => ({
  title: `${title}: CPU per request`,
  unit: "µs",
  figures: cpu,
  references: Peers.references,
  beside: [
    bytes === undefined
      ? { title: "requests/s", figures: perSecond }
      : { title: "MiB/s", figures: mebibytes(perSecond, bytes) },
    { title: "p50 µs", figures: p50 },
    { title: "p99 µs", figures: p99 }
  ]
})

/** Lets the peers do the work, and tells the table. */
export const run = (
  effort: Effort,
  peers: ReadonlyArray<Peer>,
  { bytes, operations, title, together, work }: Race
): Effect.Effect<Measured, never, Report.Report> =>
  Effect.gen(function* () {
    const measured = yield* Effect.withTracerEnabled(
      race(peers, work, together, rounds(effort, operations, together)),
      false
    )
    yield* Report.table(table(title, measured, bytes))
    return measured
  })
