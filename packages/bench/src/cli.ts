/** The command line. */
import { stripVTControlCharacters } from "node:util"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { bundle } from "./bundle.js"
import * as Children from "./children.js"
import { type Finding, isMissed, summary } from "./findings.js"
import { type Name, names, titles } from "./measures/names.js"

/** Everything was measured, but some figure is over its bound. */
export class BoundsMissed extends Data.TaggedError("BoundsMissed")<{ readonly missed: number; readonly of: number }> {
  override get message(): string {
    return `${this.missed} of ${this.of} bounds missed.`
  }
}

const quick = Options.boolean("quick").pipe(
  Options.withDescription("Fewer and shorter rounds: a rough answer in less than a minute.")
)

const check = Options.boolean("check").pipe(Options.withDescription("Fail if a figure is over its bound."))

const only = Options.choice("only", names).pipe(
  Options.withDescription(
    `Only this measure; may be given more than once. ${names.map((name) => `${name}: ${titles[name]}`).join("; ")}.`
  ),
  Options.repeated
)

interface Choices {
  readonly quick: boolean
  readonly check: boolean
  readonly only: ReadonlyArray<Name>
}

const bench = Effect.fnUntraced(function* ({ check, only, quick }: Choices) {
  const path = yield* bundle
  const wanted = only.length === 0 ? names : names.filter((name) => only.includes(name))
  // One after the other: they would be in each other's way.
  const findings = yield* Effect.forEach(wanted, (name) => Children.run(path, name, { quick }))
  yield* conclude(findings.flat(), check)
})

/** The summary; and a failure, if bounds count and one is missed. */
export const conclude = Effect.fnUntraced(function* (findings: ReadonlyArray<Finding>, check: boolean) {
  yield* Console.log(["", "In short, and what each figure may be at most:", ...summary(findings)].join("\n"))
  const bound = findings.filter(({ atMost }) => atMost !== undefined)
  const missed = findings.filter(isMissed)
  if (check && missed.length > 0) return yield* new BoundsMissed({ missed: missed.length, of: bound.length })
})

const command = Command.make("npm run bench --", { quick, check, only }, bench).pipe(
  Command.withDescription(
    "Measures the pool and the client beside their peers. CPU time per operation, in rounds in which everybody has a turn."
  )
)

const run = Command.run(command, {
  name: "Hotaru for Effect: measurements",
  version: "0.0.0",
  executable: "npm run bench --"
})

/** The library prints a page about a bad argument before it fails; here a failure is one line (`oneLine`). */
export const main = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const console = yield* Console.consoleWith(Effect.succeed)
  const plain = (text: unknown) => (typeof text === "string" ? stripVTControlCharacters(text) : text)
  yield* Console.withConsole(run(args), {
    ...console,
    log: (...texts) => console.log(...(process.stdout.isTTY ? texts : texts.map(plain))),
    error: () => Effect.void
  })
})

/** A failure in one line. */
export const oneLine = (error: unknown): string => {
  const text = ValidationError.isValidationError(error)
    ? `${HelpDoc.toAnsiText(error.error).trim().replace(/\.?$/, ".")} Try --help.`
    : error instanceof Error
      ? error.message
      : String(error)
  return stripVTControlCharacters(text).replace(/\s+/g, " ").trim()
}
