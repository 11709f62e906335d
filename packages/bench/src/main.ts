/** `npm run bench`. Measures nothing itself: each measure runs in a process of its own, from a bundle. */

import { start } from "@hotaru/command-line"
import * as Cli from "./cli.js"

start(Cli.main(process.argv))
