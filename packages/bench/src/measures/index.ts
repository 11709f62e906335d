/** The measures by name. */
import type { Measure } from "../Measure.js"
import { cleanup } from "./cleanup.js"
import { heap } from "./heap.js"
import { hosts } from "./hosts.js"
import { idle } from "./idle.js"
import type { Name } from "./names.js"
import { pool } from "./pool.js"
import { refusal } from "./refusal.js"
import { small } from "./small.js"
import { turn } from "./turn.js"
import { waiters } from "./waiters.js"

export const measures: Readonly<Record<Name, Measure>> = {
  pool,
  hosts,
  idle,
  waiters,
  cleanup,
  refusal,
  heap,
  small,
  turn
}
