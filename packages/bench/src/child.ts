/**
 * One measure in a process of its own, so that no measure meets the heap of another or code that was optimised for it.
 * Ends with its parent.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import type { Finding } from "./findings.js"
import { measures } from "./measures/index.js"
import { type Name, names } from "./measures/names.js"

process.on("disconnect", () => process.exit(1))

const report = (findings: ReadonlyArray<Finding>) =>
  Effect.async<void>((resume) => {
    if (process.send === undefined) resume(Effect.void)
    else process.send(findings, () => resume(Effect.void))
  })

const [name, quick] = process.argv.slice(2)

Effect.gen(function* () {
  if (!names.includes(name as Name)) return yield* Effect.dieMessage(`nothing is called ${name}`)
  const measure = yield* Effect.promise(measures[name as Name])
  yield* report(yield* Effect.scoped(measure({ quick: quick === "quick" })))
  yield* Effect.sync(() => process.channel?.unref())
}).pipe(NodeRuntime.runMain)
