/** The command line. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { quietly, wholeNumber } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Reporting from "./reporting.js"
import * as Simulation from "./Simulation.js"

/** An invariant broke. The report of it has been printed. */
export class SeedsFailed extends Data.TaggedError("SeedsFailed")<{ readonly failed: number; readonly of: number }> {
  override get message(): string {
    return `${this.failed} of ${this.of} seeds failed.`
  }
}

const lastSeed = 2 ** 31

const seeds = wholeNumber("seeds", 1, lastSeed).pipe(
  Options.withDescription("How many seeds, one after the other."),
  Options.withDefault(500)
)
const from = wholeNumber("from", 1, lastSeed).pipe(Options.withDescription("The first seed."), Options.withDefault(1))
const seed = wholeNumber("seed", 1, lastSeed).pipe(
  Options.withDescription("This seed alone, with its whole trace."),
  Options.optional
)
const steps = wholeNumber("steps", 1, 100_000).pipe(
  Options.withDescription("Steps of a run. Other steps make another run of the same seed."),
  Options.withDefault(Simulation.defaultSteps)
)

/** Failures reported in full; more are only counted. */
const shown = 3

const one = Effect.fnUntraced(function* (seed: number, steps: number) {
  const report = Simulation.run(seed, { steps, kept: Infinity, stacks: true })
  yield* Console.log(Reporting.whole(report, steps))
  if (report.failure !== undefined) return yield* new SeedsFailed({ failed: 1, of: 1 })
})

const many = Effect.fnUntraced(function* (from: number, seeds: number, steps: number) {
  const began = performance.now()
  const tally = new Reporting.Tally()
  for (let seed = from; seed < from + seeds; seed++) {
    const report = Simulation.run(seed, { steps })
    tally.add(report)
    if (report.failure !== undefined && tally.failed <= shown) yield* Console.log(Reporting.failed(report, steps))
    if (tally.done % 250 === 0 && tally.done < seeds) yield* Console.log(`${tally.done} seeds, ${tally.failed} failed`)
    yield* Simulation.breath
  }
  yield* Console.log(tally.summary((performance.now() - began) / 1000))
  if (tally.failed > 0) return yield* new SeedsFailed({ failed: tally.failed, of: tally.done })
})

const command = Command.make("npm run simulate --", { seeds, from, seed, steps }, ({ from, seed, seeds, steps }) =>
  Option.match(seed, { onNone: () => many(from, seeds, steps), onSome: (seed) => one(seed, steps) })
).pipe(
  Command.withDescription(
    "Runs client and pool over a fake network on a virtual clock, each run made by its seed alone, and checks what must hold after every step."
  )
)

const run = Command.run(command, {
  name: "Hotaru for Effect: simulation",
  version: "0.0.0",
  executable: "npm run simulate --"
})

export const main = quietly(run)
