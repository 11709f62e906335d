/** `npm run flame`: the command line. */
import { dirname } from "node:path"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import { quietly, wholeNumber } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Blocks from "../page/blocks.js"
import { bundle } from "./bundle.js"
import { locating } from "./locate.js"
import { profile } from "./profiling.js"
import { sources } from "./sources.js"
import * as Sums from "./sums.js"
import { leastShare, svg } from "./svg.js"
import { busy, total, tree } from "./tree.js"

const together = 50
/** Microseconds: often enough, and a sample costs some itself. */
const interval = 200

const output = Options.text("output").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("Draws the flame graph into this file, an SVG."),
  Options.optional
)

const page = Options.file("page", { exists: "yes" }).pipe(
  Options.withDescription("Writes the sums to the block `<!-- table: flame -->` of this page in Markdown."),
  Options.optional
)

const requests = wholeNumber("requests", 1_000, 10_000_000).pipe(
  Options.withDescription("How many are profiled, after a third of that for warming up."),
  Options.withDefault(150_000)
)

const traced = Options.boolean("traced").pipe(Options.withDescription("With tracing on; Effect's own tracer."))

const top = wholeNumber("top", 0, 1_000).pipe(
  Options.withDescription("Tells so many of the functions in which most time is spent."),
  Options.withDefault(15)
)

interface Choices {
  readonly output: Option.Option<string>
  readonly page: Option.Option<string>
  readonly requests: number
  readonly traced: boolean
  readonly top: number
}

/** The block of a page that has the sums. */
const block = (traced: boolean): string => (traced ? "flame traced" : "flame")

const flame = ({ output, page, requests, top, traced }: Choices) =>
  Effect.scoped(
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const path = yield* bundle
      const asked = { requests, warmUp: Math.ceil(requests / 3), together, traced, interval }
      const told = yield* profile(path, asked)
      const all = tree(told.profile, locating(sources(dirname(path))), told.cpu / requests)
      const title = `Small GET, ${together} at a time, tracing ${traced ? "on" : "off"}: ${total(all).toFixed(1)} µs of CPU per request`
      const samples = busy(told.profile).toLocaleString("en")
      yield* Console.log(`${title}, ${samples} samples\n\n${Sums.text(all, top)}`)
      if (Option.isSome(output)) {
        const notes = [
          "Width is CPU time of the client's process, shared out by samples of its main thread; below a function is what it called.",
          `${requests.toLocaleString("en")} requests, ${samples} samples, Node.js ${process.version}. Frames under ${leastShare} are left out.`
        ]
        yield* files.makeDirectory(dirname(output.value), { recursive: true })
        yield* files.writeFileString(output.value, svg({ title, notes, all }))
      }
      if (Option.isSome(page)) {
        const text = yield* files.readFileString(page.value)
        const filled = yield* Blocks.fill(text, new Map([[block(traced), Sums.markdown(all)]]))
        yield* files.writeFileString(page.value, filled)
      }
    })
  )

const command = Command.make("npm run flame --", { output, page, requests, traced, top }, flame).pipe(
  Command.withDescription(
    `Profiles small GETs by our client, ${together} at a time, in a process of its own, and tells where the time goes.`
  )
)

export const main = quietly(
  Command.run(command, {
    name: "Hotaru for Effect: where the time goes",
    version: "0.0.0",
    executable: "npm run flame --"
  })
)
