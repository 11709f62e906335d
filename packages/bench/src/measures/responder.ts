/**
 * Whether the responder is out of the clients' way: its CPU time per request beside that of the client it answers. What
 * a client waits for is no measure of the client.
 */
import * as Effect from "effect/Effect"
import { small } from "../answers.js"
import type { Finding } from "../findings.js"
import { contestantsOf } from "../lineup.js"
import { type Measure, rounds } from "../Measure.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import { type Contestant, type Figures, measureAll, named, ratio } from "../rounds.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"

const together = 50
const work: Text = { _tag: "Text", path: small.path, expected: small.text }

/** The same contestant; each of its runs adds what the responder spent on a request of it. */
const watched = (server: Server.Server, contestant: Contestant, spent: Array<number>): Contestant => ({
  ...contestant,
  run: (operations) =>
    Effect.gen(function* () {
      const before = yield* server.stats
      yield* contestant.run(operations)
      const after = yield* server.stats
      spent.push((after.cpu - before.cpu) / (after.requests - before.requests))
    })
})

export const responder: Measure = Effect.fnUntraced(function* (effort) {
  const server = yield* Server.start()
  const peers = yield* Peers.make({ origin: server.origin, connections: together }, Peers.essential)
  const spent = new Map<string, Array<number>>()
  const contestants = contestantsOf(peers, work, together).map((contestant) => {
    const each: Array<number> = []
    spent.set(contestant.name, each)
    return watched(server, contestant, each)
  })
  const { cpu, perSecond } = yield* Effect.withTracerEnabled(measureAll(contestants, rounds(effort, 10_000)), false)
  // The first run was for warming up.
  const ofResponder: ReadonlyArray<Figures> = [...spent].map(([name, each]) => ({ name, perRound: each.slice(1) }))
  const reference: Figures = { name: "the responder", perRound: named(ofResponder, "bare socket").perRound }
  yield* Report.table({
    title: `The responder, small GET, ${together} at a time: CPU per request of the client, and of the responder at the same time`,
    unit: "µs",
    figures: [...cpu, reference],
    references: [reference.name],
    beside: [
      { title: "responder µs", figures: ofResponder },
      { title: "requests/s", figures: perSecond }
    ]
  })
  const finding = (name: string, atMost?: number): Finding => ({
    what: `the responder's CPU per small GET, against ${name}'s`,
    figure: ratio(named(ofResponder, name), named(cpu, name)),
    unit: "times",
    atMost
  })
  return [
    // The same calls of the kernel on both sides, which are most of it: no more than less can be asked for.
    finding("bare socket", 1),
    finding("undici.request", 0.4),
    finding("hotaru", 0.5),
    finding("layerUndici")
  ]
})
