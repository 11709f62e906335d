/** New TLS connections, one for each small GET, with sessions to resume and without: what the responder saw is told. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Answers from "../answers.js"
import { against, type Finding } from "../findings.js"
import { contestant } from "../lineup.js"
import type { Effort, Measure } from "../Measure.js"
import * as Report from "../Report.js"
import { type Contestant, type Figures, type Measured, measureAll } from "../rounds.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"
import * as Races from "./races.js"
import * as Clients from "./tlsConnecting.js"

const together = 8

export const work: Text = { _tag: "Text", path: Answers.small.path, expected: Answers.small.text }

type Stats = Effect.Effect.Success<Server.Server["stats"]>

/** What the responder counted in one turn of one client. */
interface Seen {
  readonly name: string
  readonly requests: number
  readonly handshakes: number
  readonly resumed: number
  readonly cpu: number
}

/** Reads the responder's books whenever a turn begins, and so knows of each turn what it saw. */
export const books = (stats: Effect.Effect<Stats>) => {
  const seen: Array<Seen> = []
  let turn: { readonly name: string; readonly before: Stats } | undefined
  const close = Effect.map(stats, (now) => {
    if (turn !== undefined) {
      const { before, name } = turn
      seen.push({
        name,
        requests: now.requests - before.requests,
        handshakes: now.handshakes - before.handshakes,
        resumed: now.resumed - before.resumed,
        cpu: now.cpu - before.cpu
      })
    }
    turn = undefined
    return now
  })
  const open = (name: string) =>
    Effect.map(close, (before) => {
      turn = { name, before }
    })
  return {
    seen: seen as ReadonlyArray<Seen>,
    close,
    audited: (one: Contestant): Contestant => ({ ...one, prepare: open(one.name) })
  }
}

/** Each request had a connection of its own, or it was something else that was measured. */
export const check = (seen: ReadonlyArray<Seen>): Effect.Effect<void> =>
  Effect.forEach(
    seen,
    ({ handshakes, name, requests }) =>
      handshakes === requests
        ? Effect.void
        : Effect.dieMessage(`${name}: ${handshakes} TLS handshakes for ${requests} requests`),
    { discard: true }
  )

/** The columns of what the responder saw: how many of a hundred connections resumed a session, and what they cost it. */
const columns = (names: ReadonlyArray<string>, seen: ReadonlyArray<Seen>): ReadonlyArray<Report.Column> => {
  const figures = (figure: (turn: Seen) => number): ReadonlyArray<Figures> =>
    // The first turn of each was for warming up.
    names.map((name) => ({
      name,
      perRound: seen
        .filter((turn) => turn.name === name)
        .slice(1)
        .map(figure)
    }))
  return [
    { title: "resumed %", figures: figures(({ handshakes, resumed }) => (100 * resumed) / handshakes) },
    { title: "responder's µs", figures: figures(({ cpu, handshakes }) => cpu / handshakes) }
  ]
}

interface Outcome {
  readonly measured: Measured
  readonly resumed: number
}

const run = (effort: Effort, tickets: boolean): Effect.Effect<Outcome, never, Report.Report | Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Server.start({ tls: true, tickets })
    const target = { ...server.tls!, connections: together }
    const { audited, close, seen } = books(server.stats)
    // A rough answer does without the slower ones.
    const names = effort.quick ? Clients.essential : Clients.names
    const contestants = yield* Effect.forEach(names, (name) =>
      Effect.map(Clients.clients[name](target, work), (operation) => audited(contestant(name, operation, together)))
    )
    const measured = yield* Effect.withTracerEnabled(
      measureAll(contestants, Races.rounds(effort, 300, together)),
      false
    )
    yield* close
    yield* check(seen)
    const title = `A TLS connection and a small GET on it, ${together} at a time, sessions ${tickets ? "" : "not "}resumed`
    yield* Report.table({
      title: `${title}: CPU per connection`,
      unit: "µs",
      figures: measured.cpu,
      references: ["undici.request", "node:https", "tls.connect"],
      beside: [
        { title: "connections/s", figures: measured.perSecond },
        { title: "p50 µs", figures: measured.p50 },
        { title: "p99 µs", figures: measured.p99 },
        ...columns(names, seen)
      ]
    })
    const ours = seen.filter(({ name }) => name === "hotaru")
    const total = (figure: (turn: Seen) => number) => ours.reduce((sum, turn) => sum + figure(turn), 0)
    return { measured, resumed: total((turn) => turn.resumed) / total((turn) => turn.handshakes) }
  })

export const tlsConnects: Measure = Effect.fnUntraced(function* (effort) {
  yield* Report.remark(
    "TLS sessions: like every server on Node.js, the responder gives two tickets of TLS 1.3 with a full handshake and none with a resumed one. " +
      "hotaru uses a ticket once (RFC 8446 appendix C.4); the others use the newest one again and again, undici until it is garbage."
  )
  const resuming = yield* Effect.scoped(run(effort, true))
  const full = yield* Effect.scoped(run(effort, false))
  if (full.resumed > 0) return yield* Effect.dieMessage("sessions were resumed where there were none to resume")
  const finding = ({ measured }: Outcome, other: string, how: string): Finding =>
    against(measured.cpu, "hotaru", other, undefined, `TLS connection, ${how}, CPU against ${other}`)
  return [
    finding(resuming, "undici.request", "resumed"),
    finding(resuming, "node:https", "resumed"),
    finding(full, "undici.request", "not resumed"),
    finding(full, "node:https", "not resumed"),
    { what: "TLS connection, share that resumed a session", figure: resuming.resumed, unit: "times", atMost: undefined }
  ]
})
