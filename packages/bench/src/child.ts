/**
 * One measure in a process of its own, so that no measure meets the heap of another or code that was optimised for it.
 * Ends with its parent.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { measures } from "./measures/index.js"
import { type Name, names } from "./measures/names.js"
import type { Message } from "./messages.js"
import { Report } from "./Report.js"

process.on("disconnect", () => process.exit(1))

const tell = (message: Message) =>
  Effect.async<void>((resume) => {
    if (process.send === undefined) resume(Effect.dieMessage("run by itself: there is nobody to tell"))
    else process.send(message, (error: Error | null) => resume(error === null ? Effect.void : Effect.die(error)))
  })

const [name, quick] = process.argv.slice(2)

Effect.gen(function* () {
  if (!names.includes(name as Name)) return yield* Effect.dieMessage(`nothing is called ${name}`)
  const measure = yield* Effect.promise(measures[name as Name])
  const findings = yield* Effect.scoped(measure({ quick: quick === "quick" }))
  yield* tell({ _tag: "Findings", findings })
  yield* Effect.sync(() => process.channel?.unref())
}).pipe(
  Effect.provideService(Report, {
    table: (table) => tell({ _tag: "Table", table }),
    remark: (line) => tell({ _tag: "Remark", line })
  }),
  NodeRuntime.runMain
)
