/** Growth with the number of idle connections: elsewhere, and of the very host that is asked for. */
import type { ConnectionKey, PoolConfig } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import { inSequence } from "../contestants.js"
import * as Fakes from "../fakes.js"
import { against } from "../findings.js"
import { type Effort, type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { type Contestant, measure } from "../rounds.js"

/** What "flat" leaves to chance. */
const flat = 1.25

const key = Fakes.key("a.test")

interface Shape {
  readonly name: string
  readonly options: Partial<PoolConfig.PoolConfig>
  /** To whom the idle connections are open. */
  readonly to: (idle: number) => { readonly hosts: ReadonlyArray<ConnectionKey.ConnectionKey>; readonly each: number }
  readonly atMost: number | undefined
}

const here = (idle: number) => ({ hosts: [key], each: idle })
const elsewhere = (idle: number) => ({ hosts: Fakes.keys(Math.ceil(idle / 100)), each: Math.min(idle, 100) })

const shapes: ReadonlyArray<Shape> = [
  // Always the same connection is taken: how many others there are must not matter.
  { name: "idle to other hosts", options: {}, to: elsewhere, atMost: flat },
  { name: "idle to this host, lifo", options: { idleOrder: "lifo" }, to: here, atMost: flat },
  // Each takes another connection, and none that a cache still knows: that is what the bare queue is there to show.
  { name: "idle to this host, fifo", options: { idleOrder: "fifo" }, to: here, atMost: undefined }
]

const label = (what: string, idle: number) => `${what}: ${idle.toLocaleString("en")}`

/** The least that taking turns costs: the first of a line of things goes to its end. */
const bareQueue = (length: number): Contestant => {
  interface Thing {
    next: Thing | undefined
    leases: number
  }
  let first: Thing = { next: undefined, leases: 0 }
  let last = first
  for (let i = 1; i < length; i++) last = last.next = { next: undefined, leases: 0 }
  const rotate = Effect.sync(() => {
    const thing = first
    thing.leases++
    if (thing.next === undefined) return
    first = thing.next
    thing.next = undefined
    last = last.next = thing
  })
  return inSequence(label("a bare queue", length), rotate)
}

const grow = (effort: Effort, { atMost, name, options, to }: Shape) =>
  Effect.scoped(
    Effect.gen(function* () {
      // Opening and closing the most of them takes longer than measuring.
      const most = effort.quick ? 10_000 : 100_000
      const sizes = [1, most / 100, most]
      const beside = options.idleOrder === "fifo" ? sizes.map(bareQueue) : []
      const ours = yield* Effect.forEach(sizes, (idle) =>
        Effect.gen(function* () {
          const pool = yield* Fakes.pool({ ...Fakes.unbounded, ...options })
          const { each, hosts } = to(idle)
          yield* Fakes.fill(pool, hosts, each)
          yield* Fakes.fill(pool, [key], 1)
          return inSequence(
            label(name, idle),
            pool.use(key, () => Effect.void)
          )
        })
      )
      const figures = yield* measure([...ours, ...beside], rounds(effort, 100_000))
      yield* Report.cpu(`Growth with idle connections: CPU per lease`, figures, label(name, 1))
      const what = `pool.use, from 1 to ${most.toLocaleString("en")} ${name}`
      return against(figures, label(name, most), label(name, 1), atMost, what)
    })
  )

export const idle: Measure = (effort) => Effect.forEach(shapes, (shape) => grow(effort, shape))
