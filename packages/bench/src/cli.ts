/** The command line. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { quietly } from "@hotaru/command-line"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { bundle } from "./bundle.js"
import * as Children from "./children.js"
import { document } from "./document.js"
import { type Finding, isMissed } from "./findings.js"
import { type Name, names, rough, titles } from "./measures/names.js"
import type { Message } from "./messages.js"
import * as Text from "./text.js"

/** Everything was measured, but some figure is over its bound. */
export class BoundsMissed extends Data.TaggedError("BoundsMissed")<{ readonly missed: number; readonly of: number }> {
  override get message(): string {
    return `${this.missed} of ${this.of} bounds missed.`
  }
}

const quick = Options.boolean("quick").pipe(
  Options.withDescription(
    `Fewer and shorter rounds: a rough answer in less than a minute. Without --only of these alone: ${rough.join(", ")}.`
  )
)

const check = Options.boolean("check").pipe(Options.withDescription("Fail if a figure is over its bound."))

const only = Options.choice("only", names).pipe(
  Options.withDescription(
    `Only this measure; may be given more than once. ${names.map((name) => `${name}: ${titles[name]}`).join("; ")}.`
  ),
  Options.repeated
)

const json = Options.boolean("json").pipe(
  Options.withDescription(
    "Prints one JSON document and nothing else: of each measure its tables, row by row and round by round, its remarks and its findings; versions, CPU and date."
  )
)

const profile = Options.directory("profile").pipe(
  Options.withDescription("Writes a CPU profile of each measure to this folder. Figures suffer from it."),
  Options.optional
)

interface Choices {
  readonly quick: boolean
  readonly check: boolean
  readonly json: boolean
  readonly profile: Option.Option<string>
  readonly only: ReadonlyArray<Name>
}

const bench = ({ check, json, only, profile, quick }: Choices) =>
  Effect.scoped(
    Effect.gen(function* () {
      const path = yield* bundle
      const all = quick ? rough : names
      const wanted = only.length === 0 ? all : names.filter((name) => only.includes(name))
      const runtime = yield* Effect.runtime<never>()
      const onMessage = (message: Message) => {
        if (!json) Runtime.runSync(runtime, tell(message))
      }
      // One after the other: they would be in each other's way.
      const outcomes = yield* Effect.forEach(wanted, (name) =>
        Children.run(path, name, { quick, onMessage, profile: Option.getOrUndefined(profile) })
      )
      const date = new Date(yield* Clock.currentTimeMillis)
      if (json) yield* Console.log(JSON.stringify(document(outcomes, quick, date), undefined, 2))
      else yield* conclude(outcomes.flatMap(({ findings }) => findings))
      if (check) yield* judge(outcomes.flatMap(({ findings }) => findings))
    })
  )

const tell = (message: Message): Effect.Effect<void> => {
  switch (message._tag) {
    case "Table":
      return Console.log(Text.table(message.table).join("\n"))
    case "Remark":
      return Console.log(`\n${message.line}`)
    case "Findings":
      return Effect.void
  }
}

/** The summary. */
export const conclude = (findings: ReadonlyArray<Finding>) =>
  findings.length === 0
    ? Effect.void
    : Console.log(["", "In short, and what each figure may be at most:", ...Text.summary(findings)].join("\n"))

/** A failure, if a bound is missed. */
export const judge = (findings: ReadonlyArray<Finding>): Effect.Effect<void, BoundsMissed> => {
  const bound = findings.filter(({ atMost }) => atMost !== undefined)
  const missed = findings.filter(isMissed)
  return missed.length === 0 ? Effect.void : new BoundsMissed({ missed: missed.length, of: bound.length })
}

const command = Command.make("npm run bench --", { quick, check, json, profile, only }, bench).pipe(
  Command.withDescription(
    "Measures the pool and the client beside their peers. CPU time per operation, in rounds in which everybody has a turn."
  )
)

export const main = quietly(
  Command.run(command, {
    name: "Hotaru for Effect: measurements",
    version: "0.0.0",
    executable: "npm run bench --"
  })
)
