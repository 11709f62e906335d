/** The command line. */

import { stripVTControlCharacters } from "node:util"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { ConnectionKey } from "@hotaru/pool"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Screen } from "./rendering/Screen.js"
import * as Tour from "./tour.js"

// Text, not `Options.integer`, whose complaint does not name the option.
const wholeNumber = (name: string, from: number, to: number) =>
  Options.text(name).pipe(
    Options.withPseudoName("n"),
    Options.filterMap(
      (text) => Option.filter(Option.some(Number(text)), (n) => /^\d+$/.test(text) && n >= from && n <= to),
      `--${name} must be a whole number from ${from} to ${to}`
    )
  )

const url = Options.text("url").pipe(
  Options.mapEffect((text) =>
    Effect.mapBoth(ConnectionKey.fromUrl(text), {
      onFailure: (error) => ValidationError.invalidValue(HelpDoc.p(`--url: ${error.message}`)),
      onSuccess: () => new URL(text)
    })
  ),
  Options.withDescription("Tour a server of yours instead of the two that the tour starts on loopback."),
  Options.optional
)

const requests = wholeNumber("requests", 1, 10_000).pipe(
  Options.withDescription("Requests of each of the larger chapters."),
  Options.withDefault(240)
)

const concurrency = wholeNumber("concurrency", 1, 256).pipe(
  Options.withDescription("Connections per host at most."),
  Options.withDefault(8)
)

const command = Command.make("npm start --", { url, requests, concurrency }, ({ url, ...size }) =>
  Option.match(url, {
    onNone: () => Tour.ownServers(size),
    onSome: (url) => Tour.serverOfTheUser(url, size)
  })
).pipe(Command.withDescription("Shows what a pool of keep-alive connections does, and what it is good for."))

const run = Command.run(command, { name: "Hotaru for Effect: the tour", version: "0.1.0", executable: "npm start --" })

/**
 * The library prints a page about a bad argument before it fails, and colours its help for whoever reads it. Here a
 * failure is one line, said at the end like every other (`oneLine`), and colours are for a terminal.
 */
export const main = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const { colours } = yield* Screen
  const console = yield* Console.consoleWith(Effect.succeed)
  const plain = (text: unknown) => (typeof text === "string" ? stripVTControlCharacters(text) : text)
  yield* Console.withConsole(run(args), {
    ...console,
    log: (...texts) => console.log(...(colours.isColorSupported ? texts : texts.map(plain))),
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
