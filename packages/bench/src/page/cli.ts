/** `npm run tables`: the command line. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { quietly } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Blocks from "./blocks.js"
import * as Markdown from "./markdown.js"
import { type Measure, type Results, read } from "./results.js"

/** The page has a table of a measure that the results do not have. */
export class NotMeasured extends Data.TaggedError("NotMeasured")<{ readonly names: ReadonlyArray<string> }> {
  override get message(): string {
    return `Nothing was measured for these blocks of the page: ${this.names.join(", ")}.`
  }
}

/** Of a profile and not of a measure: another command fills it. */
const isForeign = (name: string): boolean => /^flame\b/.test(name)

/** What goes into which block of the page. Of a measure that was taken more than once, the last one counts. */
export const texts = (
  page: string,
  results: ReadonlyArray<Results>
): Effect.Effect<ReadonlyMap<string, string>, NotMeasured> =>
  Effect.suspend(() => {
    const measures = new Map<string, Measure>()
    for (const one of results) for (const measure of one.measures) measures.set(measure.name, measure)
    const counting = results.map((one) => ({
      ...one,
      measures: one.measures.filter((measure) => measures.get(measure.name) === measure)
    }))
    const all = new Map<string, string>()
    const missing: Array<string> = []
    for (const name of Blocks.names(page)) {
      if (isForeign(name)) continue
      const measure = measures.get(name)
      if (name === "bounds") all.set(name, Markdown.bounds([...measures.values()]))
      else if (name === "circumstances") all.set(name, Markdown.circumstances(counting))
      else if (measure === undefined) missing.push(name)
      else all.set(name, Markdown.measure(measure))
    }
    return missing.length === 0 ? Effect.succeed(all) : new NotMeasured({ names: missing })
  })

const files = Args.file({ name: "results", exists: "yes" }).pipe(
  Args.withDescription(
    "What `npm run --silent bench -- --json` printed. Of several files the later ones replace measures of the earlier ones."
  ),
  Args.atLeast(1)
)

const page = Options.file("page", { exists: "yes" }).pipe(
  Options.withDescription("The page in Markdown."),
  Options.withDefault("docs/performance.md")
)

const command = Command.make("npm run tables --", { files, page }, ({ files, page }) =>
  Effect.gen(function* () {
    const results = yield* Effect.forEach(files, read)
    const { readFileString, writeFileString } = yield* FileSystem.FileSystem
    const before = yield* readFileString(page)
    const blocks = yield* texts(before, results)
    const after = yield* Blocks.fill(before, blocks)
    yield* writeFileString(page, after)
    yield* Console.log(`${page}: ${blocks.size} blocks written.`)
  })
).pipe(
  Command.withDescription(
    "Writes measured figures into a page: each block `<!-- table: NAME -->` … `<!-- end -->` gets the tables of the measure of that name, `bounds` what has a bound, `circumstances` on what they were taken."
  )
)

export const main = quietly(
  Command.run(command, {
    name: "Hotaru for Effect: tables of measurements",
    version: "0.0.0",
    executable: "npm run tables --"
  })
)
