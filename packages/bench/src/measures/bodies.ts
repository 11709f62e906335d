/** Bodies of 16 KiB to 16 MiB, in one piece of memory and piece by piece. */
import * as Effect from "effect/Effect"
import * as Answers from "../answers.js"
import { against } from "../findings.js"
import type { Measure } from "../Measure.js"
import * as Peers from "../peers/index.js"
import * as Report from "../Report.js"
import * as Server from "../server.js"
import type { Work } from "../Work.js"
import * as Races from "./races.js"

/** Few, because a single one nearly fills the machine. */
const connections = 4

const KiB = 1024
const MiB = 1024 * KiB

const size = (bytes: number): string => (bytes < MiB ? `${bytes / KiB} KiB` : `${bytes / MiB} MiB`)

export const work = (how: "Collected" | "Streamed", bytes: number): Work => ({
  _tag: how,
  path: Answers.bytes(bytes),
  bytes
})

const words = { Collected: "collected", Streamed: "streamed" } as const

export const bodies: Measure = Effect.fnUntraced(function* (effort) {
  const { origin } = yield* Server.start()
  const settings = { origin, connections }
  const collecting = yield* Races.peers(effort, settings)
  // Without a `Stream`: only for bodies piece by piece.
  const chunks = yield* Peers.make(settings, ["hotaru, forEachChunk"])
  const streaming = [...collecting, ...chunks]
  yield* Report.remark(`Bodies: ${connections} connections, and as many requests at a time, for every client.`)

  const run = (how: "Collected" | "Streamed", bytes: number, operations: number) =>
    Races.run(effort, how === "Streamed" ? streaming : collecting, {
      title: `GET of ${size(bytes)}, ${words[how]}, ${connections} at a time`,
      work: work(how, bytes),
      together: connections,
      operations,
      bytes
    })

  const wholeMebibyte = yield* run("Collected", MiB, 200)
  const mebibyte = yield* run("Streamed", MiB, 200)
  const large = yield* run("Streamed", 16 * MiB, 20)

  const chunk = "hotaru, forEachChunk"
  const findings = [
    against(wholeMebibyte.cpu, "hotaru", "layerUndici", undefined, "1 MiB collected, CPU against layerUndici"),
    against(wholeMebibyte.cpu, "hotaru", "undici.request", undefined, "1 MiB collected, CPU against undici.request"),
    against(
      mebibyte.cpu,
      "hotaru",
      "layerUndici",
      { atMost: 0.85, aim: 0.75 },
      "1 MiB stream, CPU against layerUndici"
    ),
    against(
      mebibyte.cpu,
      chunk,
      "undici.request",
      { atMost: 1, aim: 0.75 },
      "1 MiB forEachChunk, CPU against undici.request"
    ),
    against(large.cpu, "hotaru", "layerUndici", { atMost: 0.9, aim: 0.8 }, "16 MiB stream, CPU against layerUndici"),
    against(
      large.cpu,
      "hotaru",
      "undici.request",
      { atMost: 1.3, aim: 1.1 },
      "16 MiB stream, CPU against undici.request"
    )
  ]
  if (effort.quick) return findings
  yield* run("Collected", 16 * KiB, 1_000)
  const small = yield* run("Streamed", 16 * KiB, 1_000)
  return [...findings, against(small.cpu, "hotaru", "layerUndici", undefined, "16 KiB stream, CPU against layerUndici")]
})
