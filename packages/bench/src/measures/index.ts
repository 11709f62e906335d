/** The measures by name. */
import type { Measure } from "../Measure.js"
import type { Name } from "./names.js"
import { pool } from "./pool.js"

export const measures: Readonly<Record<Name, Measure>> = { pool } as never
