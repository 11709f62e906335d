/** A small GET whose answer has 50 header fields: what reading them costs, and what users look them up in. */
import * as Effect from "effect/Effect"
import * as Answers from "../answers.js"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Server from "../server.js"
import type { Text } from "../Work.js"
import * as Races from "./races.js"

const fields = 50
const together = 50

/** Asks for one of the last fields, so that nobody gets by with the first ones; two come before those with numbers. */
export const work: Text = {
  _tag: "Text",
  path: Answers.headers(fields),
  expected: Answers.small.text,
  header: Answers.header(fields - 3)
}

export const headers: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const peers = yield* Races.peers(effort, { origin, connections: together })
  const title = `Small GET, ${fields} response headers, ${together} at a time`
  const { cpu } = yield* Races.run(effort, peers, { title, work, together, operations: 5_000 })
  const what = (other: string) => `${fields} response headers, CPU against ${other}`
  return [
    against(cpu, "hotaru", "layerUndici", undefined, what("layerUndici")),
    against(cpu, "hotaru", "undici.request", undefined, what("undici.request"))
  ]
})
