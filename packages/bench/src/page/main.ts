/** `npm run tables`. */
import { start } from "@hotaru/command-line"
import { main } from "./cli.js"

start(main(process.argv))
