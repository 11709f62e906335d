/** `npm run fuzz`. */
import { start } from "@hotaru/command-line"
import * as Cli from "./cli.js"

start(Cli.main(process.argv))
