/** The tour behind `npm start`. If whoever reads it leaves, the servers' process notices by itself. */
import { start } from "@hotaru/command-line"
import * as Effect from "effect/Effect"
import * as Cli from "./cli.js"
import * as Screen from "./rendering/Screen.js"

start(Effect.provide(Cli.main(process.argv), Screen.layer))
