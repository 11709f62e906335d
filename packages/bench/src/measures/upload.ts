/** A PUT of 16 MiB as a stream of pieces of 64 KiB, whose length is not announced. */
import * as Effect from "effect/Effect"
import * as Answers from "../answers.js"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Report from "../Report.js"
import * as Server from "../server.js"
import type { Upload } from "../Work.js"
import * as Races from "./races.js"

/** Few, because a single one nearly fills the machine. */
const connections = 4
const chunk = 64 * 1024
const chunks = 256

export const work: Upload = {
  _tag: "Upload",
  path: Answers.upload,
  chunk: Answers.filled(chunk),
  chunks,
  expected: Answers.counted(chunk * chunks)
}

export const upload: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const peers = yield* Races.peers(effort, { origin, connections })
  yield* Report.remark(`Uploads: ${connections} connections, and as many requests at a time, for every client.`)
  const { cpu } = yield* Races.run(effort, peers, {
    title: `PUT of 16 MiB in pieces of 64 KiB, ${connections} at a time`,
    work,
    together: connections,
    operations: 40,
    bytes: chunk * chunks
  })
  return [
    against(cpu, "hotaru", "layerUndici", undefined, "16 MiB upload, CPU against layerUndici"),
    against(cpu, "hotaru", "undici.request", undefined, "16 MiB upload, CPU against undici.request")
  ]
})
