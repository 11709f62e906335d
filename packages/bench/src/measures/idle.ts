/** Growth with the number of idle connections: elsewhere, and of the very host that is asked for. */
import type { PoolConfig } from "@hotaru/pool"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { inSequence } from "../contestants.js"
import * as Fakes from "../fakes.js"
import { against, type Finding, table } from "../findings.js"
import { type Effort, type Measure, rounds } from "../Measure.js"
import { type Contestant, measure } from "../rounds.js"

const sizes = [1, 1_000, 100_000]
const key = Fakes.key("a.test")

interface Shape {
  readonly name: string
  readonly options: Partial<PoolConfig.PoolConfig>
  /** The hosts that the idle connections belong to. */
  readonly hosts: (idle: number) => number
  readonly atMost: number | undefined
}

const shapes: ReadonlyArray<Shape> = [
  // What is touched is always the same connection: nothing may depend on how many others there are.
  { name: "idle to other hosts", options: {}, hosts: (idle) => Math.ceil(idle / 100), atMost: flat },
  { name: "idle to this host, lifo", options: { idleOrder: "lifo" }, hosts: () => 0, atMost: flat },
  // Each lease is of another connection, which no cache has seen for as long as it was idle: see the bare queue.
  { name: "idle to this host, fifo", options: { idleOrder: "fifo" }, hosts: () => 0, atMost: undefined }
]

/** What "flat" leaves to chance. */
const flat = 1.25
