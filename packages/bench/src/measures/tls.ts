/** A small GET over TLS connections that are kept. */
import * as Effect from "effect/Effect"
import * as Answers from "../answers.js"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"
import * as Races from "./races.js"

const together = 50

const work: Text = { _tag: "Text", path: Answers.small.path, expected: Answers.small.text }

export const tls: Measure = Effect.fnUntraced(function* (effort) {
  const server = yield* Server.start({ tls: true })
  const { ca, origin } = server.tls!
  const peers = yield* Races.peers(effort, { origin, connections: together, tls: { ca } })
  const title = `Small GET over TLS, kept connections, ${together} at a time`
  const { cpu } = yield* Races.run(effort, peers, { title, work, together, operations: 5_000 })
  const { handshakes, requests } = yield* server.stats
  const most = peers.length * together
  if (handshakes > most) {
    // Then it was handshakes that were measured.
    return yield* Effect.dieMessage(`${handshakes} TLS handshakes for ${requests} requests, not at most ${most}`)
  }
  const what = (other: string) => `small GET over TLS, CPU against ${other}`
  return [
    against(cpu, "hotaru", "layerUndici", undefined, what("layerUndici")),
    against(cpu, "hotaru", "undici.request", undefined, what("undici.request"))
  ]
})
