/**
 * The process that is profiled: small GETs by our client and nothing else. Tells the profile to the one that started it,
 * and ends with it.
 */
import { Session } from "node:inspector/promises"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { small } from "../answers.js"
import { inFibers } from "../contestants.js"
import { hotaru } from "../peers/hotaru.js"
import * as Server from "../server.js"
import type { Asked, Told } from "./profiling.js"

process.on("disconnect", () => process.exit(1))

const asked = JSON.parse(process.argv[2] ?? "") as Asked

/** Runs the work with a profiler beside it. */
const profiling = (session: Session, work: Effect.Effect<void>): Effect.Effect<Told> =>
  Effect.gen(function* () {
    yield* Effect.promise(() => session.post("Profiler.start"))
    const before = process.cpuUsage()
    yield* work
    const { system, user } = process.cpuUsage(before)
    const { profile } = yield* Effect.promise(() => session.post("Profiler.stop"))
    return { profile, cpu: user + system }
  })

const told = Effect.gen(function* () {
  const { origin } = yield* Server.start()
  const peer = yield* hotaru({ origin, connections: asked.together })
  const operation = peer.operation({ _tag: "Text", path: small.path, expected: small.text })
  if (operation?._tag !== "InFiber") return yield* Effect.dieMessage("a GET that is no Effect")
  const { run } = inFibers(asked.together)(peer.name, operation.run)

  const session = new Session()
  session.connect()
  yield* Effect.promise(() => session.post("Profiler.enable"))
  yield* Effect.promise(() => session.post("Profiler.setSamplingInterval", { interval: asked.interval }))
  // Under the profiler too: code that was optimised without it does not know any more which functions it is made of.
  yield* profiling(session, run(asked.warmUp))
  yield* Effect.sync(() => globalThis.gc?.({ type: "minor" }))
  return yield* profiling(session, run(asked.requests))
})

Effect.scoped(told).pipe(
  Effect.withTracerEnabled(asked.traced),
  Effect.flatMap((told) =>
    Effect.async<void>((resume) => {
      if (process.send === undefined) resume(Effect.dieMessage("run by itself: there is nobody to tell"))
      else process.send(told, (error: Error | null) => resume(error === null ? Effect.void : Effect.die(error)))
    })
  ),
  Effect.zipRight(Effect.sync(() => process.channel?.unref())),
  NodeRuntime.runMain
)
