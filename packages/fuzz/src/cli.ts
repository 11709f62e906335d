/** The command line. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { quietly, wholeNumber } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fuzz from "./Fuzz.js"
import * as Reporting from "./reporting.js"
import { Tally } from "./Tally.js"

/** A difference that no name explains. The report of it has been printed. */
export class DifferencesFound extends Data.TaggedError("DifferencesFound")<{ readonly found: number }> {
  override get message(): string {
    return `${this.found} unexplained differences.`
  }
}

const cases = wholeNumber("cases", 1, 1_000_000_000).pipe(
  Options.withDescription(`How many cases, in batches of ${Fuzz.batchSize}.`),
  Options.withDefault(50_000)
)
const minutes = wholeNumber("minutes", 1, 10_000).pipe(
  Options.withDescription("How long, instead of how many cases."),
  Options.optional
)
const seed = wholeNumber("seed", 1, 2 ** 30).pipe(
  Options.withDescription("Of the first batch; the next one has the next seed."),
  Options.withDefault(1)
)
const list = Options.boolean("list").pipe(
  Options.withDescription("The list of deliberate differences, and nothing else.")
)

/** Failures after which it is of no use to go on. */
const enough = 10

/** Batches between two lines of progress. */
const quiet = 25

const run = Effect.fnUntraced(function* (cases: number, minutes: number | undefined, first: number) {
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  const tally = new Tally()
  let failures = 0
  const more = () => failures < enough && (minutes === undefined ? tally.cases < cases : elapsed() < minutes * 60)
  for (let seed = first; more(); seed++) {
    const size = minutes === undefined ? Math.min(Fuzz.batchSize, cases - tally.cases) : Fuzz.batchSize
    const before = tally.cases
    const failure = Fuzz.parsers(seed, size, tally)
    const part = Math.ceil(size / Fuzz.inSoMany)
    const clients = yield* Effect.promise(() => Fuzz.wholeClients(seed, part, tally))
    const request = yield* Effect.promise(() => Fuzz.requests(seed, part, tally))
    for (const one of [failure, ...clients, request]) {
      if (one === undefined) continue
      failures++
      yield* Console.log(Reporting.failed(one))
    }
    // A batch ends at its first failure: the rest of it counts as tried, or the run would not end.
    if (failure !== undefined) tally.cases = before + size
    if ((seed - first + 1) % quiet === 0 && more()) {
      yield* Console.log(`${tally.cases} cases in ${elapsed().toFixed(0)} s, ${failures} unexplained`)
    }
  }
  yield* Console.log(Reporting.summary(tally, failures, elapsed()))
  if (failures > 0) return yield* new DifferencesFound({ found: failures })
})

const command = Command.make("npm run fuzz --", { cases, minutes, seed, list }, ({ cases, list, minutes, seed }) =>
  list ? Console.log(Reporting.list()) : run(cases, Option.getOrUndefined(minutes), seed)
).pipe(
  Command.withDescription(
    "Feeds answers, right ones and damaged ones, to the codec and to Node's own parser, and a part of them to node:http and undici; requests to Node's server; and fails on a difference that is not on the list."
  )
)

const parse = Command.run(command, {
  name: "Hotaru for Effect: differential fuzzing",
  version: "0.0.0",
  executable: "npm run fuzz --"
})

export const main = quietly(parse)
