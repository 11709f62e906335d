/** The command line. */

import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { quietly, wholeNumber } from "@hotaru/command-line"
import { ConnectionKey } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Screen } from "./rendering/Screen.js"
import * as Tour from "./tour.js"

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

/** The screen knows whether there are colours. */
export const main = (args: ReadonlyArray<string>) =>
  Effect.flatMap(Screen, ({ colours }) => quietly(run, colours.isColorSupported)(args))
