/** `npm run flame`. */
import { start } from "../commandLine.js"
import { main } from "./cli.js"

start(main(process.argv))
