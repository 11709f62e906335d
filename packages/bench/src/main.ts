/** `npm run bench`. Measures nothing itself: each measure runs in a process of its own, from a bundle. */
import * as Cli from "./cli.js"
import { start } from "./commandLine.js"

start(Cli.main(process.argv))
