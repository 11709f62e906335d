/** `npm run faults`: plays the matrix and prints it; with `--write` it goes into the document. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { quietly, start } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Failed } from "./Failed.js"
import { faultsOf } from "./matrix/judge.js"
import { run } from "./matrix/run.js"
import { render, written } from "./matrix/table.js"

const document = fileURLToPath(new URL("../../../docs/reliability.md", import.meta.url))

const write = Options.boolean("write").pipe(
  Options.withDescription("Puts the table into docs/reliability.md, for you to read the difference.")
)

const command = Command.make("npm run faults --", { write }, ({ write }) =>
  Effect.gen(function* () {
    const played = yield* Effect.scoped(run())
    const table = render(played)
    yield* Console.log(table)
    if (write) yield* Effect.sync(() => writeFileSync(document, written(readFileSync(document, "utf8"), table)))
    const faults = faultsOf(played)
    yield* Effect.forEach(faults, (fault) => Console.log(fault))
    if (faults.length > 0) return yield* new Failed({ what: `${faults.length} cells are not as promised.` })
  })
).pipe(
  Command.withDescription(
    "Plays every fault in every phase of an exchange, with every kind of request, on real sockets and virtual time, and prints what came of it."
  )
)

const parse = Command.run(command, {
  name: "Hotaru for Effect: faults",
  version: "0.0.0",
  executable: "npm run faults --"
})

start(quietly(parse)(process.argv))
