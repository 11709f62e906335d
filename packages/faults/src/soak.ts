/** `npm run soak`. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { decimalNumber, quietly, start, wholeNumber } from "@hotaru/command-line"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Failed } from "./Failed.js"
import * as Report from "./soak/report.js"
import * as Soak from "./soak/Soak.js"

const minutes = decimalNumber("minutes", 0.1, 10_000).pipe(
  Options.withDescription("How long the traffic lasts."),
  Options.withDefault(2)
)
const requests = wholeNumber("requests", 1, 2 ** 31).pipe(
  Options.withDescription("How many requests, instead of how long."),
  Options.optional
)
const seed = wholeNumber("seed", 1, 2 ** 30).pipe(
  Options.withDescription("Draws requests and faults. How they meet is up to the machine."),
  Options.withDefault(1)
)

const command = Command.make("npm run soak --", { minutes, requests, seed }, ({ minutes, requests, seed }) =>
  Effect.gen(function* () {
    const result = yield* Soak.run({ seed, seconds: minutes * 60, requests: Option.getOrUndefined(requests) })
    yield* Console.log(Report.summary(result))
    if (result.faults.length > 0) return yield* new Failed({ what: "The soak failed; the lines above say how." })
  })
).pipe(
  Command.withDescription(
    "Sends mixed traffic through a proxy that breaks connections, and checks that every answer is its request's own and that nothing is left behind."
  )
)

const parse = Command.run(command, { name: "Hotaru for Effect: soak", version: "0.0.0", executable: "npm run soak --" })

start(quietly(parse)(process.argv))
