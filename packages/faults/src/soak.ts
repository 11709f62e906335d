/** `npm run soak`. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CommandLine from "./CommandLine.js"
import * as Report from "./soak/report.js"
import * as Soak from "./soak/Soak.js"

// Text, not `Options.integer`, whose complaint does not name the option.
const number = (name: string, form: RegExp, from: number, to: number) =>
  Options.text(name).pipe(
    Options.withPseudoName("n"),
    Options.filterMap(
      (text) => Option.filter(Option.some(Number(text)), (n) => form.test(text) && n >= from && n <= to),
      `--${name} must be a number from ${from} to ${to}`
    )
  )

const whole = /^\d+$/

const minutes = number("minutes", /^\d+(\.\d+)?$/, 0.1, 10_000).pipe(
  Options.withDescription("How long the traffic lasts."),
  Options.withDefault(2)
)
const requests = number("requests", whole, 1, 2 ** 31).pipe(
  Options.withDescription("How many requests, instead of how long."),
  Options.optional
)
const seed = number("seed", whole, 1, 2 ** 30).pipe(
  Options.withDescription("Draws requests and faults. How they meet is up to the machine."),
  Options.withDefault(1)
)

const command = Command.make("npm run soak --", { minutes, requests, seed }, ({ minutes, requests, seed }) =>
  Effect.gen(function* () {
    const result = yield* Soak.run({ seed, seconds: minutes * 60, requests: Option.getOrUndefined(requests) })
    yield* Console.log(Report.summary(result))
    if (result.faults.length > 0)
      return yield* new CommandLine.Failed({ what: "The soak failed; the lines above say how." })
  })
).pipe(
  Command.withDescription(
    "Sends mixed traffic through a proxy that breaks connections, and checks that every answer is its request's own and that nothing is left behind."
  )
)

CommandLine.run(command, "Hotaru for Effect: soak", "npm run soak --")
