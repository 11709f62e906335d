/** `npm run tables`. */
import { start } from "../commandLine.js"
import { main } from "./cli.js"

start(main(process.argv))
