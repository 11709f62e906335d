/** `npm run bench` runs everything; `npm run bench -- --quick` takes fewer and shorter rounds. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import type { Rounds } from "./measure.js"
import { poolAlone } from "./poolAlone.js"
import { smallGet } from "./smallGet.js"

const quick = process.argv.includes("--quick")
const requests: Rounds = quick
  ? { warmUp: 2_000, operations: 2_000, rounds: 5 }
  : { warmUp: 10_000, operations: 10_000, rounds: 9 }
const leases: Rounds = quick
  ? { warmUp: 20_000, operations: 20_000, rounds: 5 }
  : { warmUp: 100_000, operations: 100_000, rounds: 9 }

NodeRuntime.runMain(Effect.zipRight(poolAlone(leases), smallGet(requests)))
