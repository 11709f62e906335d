/** Growth with the length of the line: being served from its head, and leaving it from the middle. */
import { type ConnectionPool, Lease, type PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fakes from "../fakes.js"
import { against } from "../findings.js"
import { type Measure, rounds } from "../Measure.js"
import * as Report from "../Report.js"
import { type Contestant, measure } from "../rounds.js"

const sizes = [1, 100, 10_000]
const key = Fakes.key("a.test")
const reusable = Lease.Reusable()

/** A line that never ends: whoever has been served joins it again. */
class Line implements Lease.LeaseRequest {
  private left = 0
  private done = () => {}
  private lease: Lease.Lease | undefined

  constructor(private readonly pool: ConnectionPool.ConnectionPoolShape) {}

  /** The first is granted the connection as soon as it is open and holds it; the others wait. */
  readonly fill = (waiting: number): Effect.Effect<void> =>
    Effect.async<void>((resume) => {
      this.done = () => resume(Effect.void)
      for (let i = 0; i <= waiting; i++) this.pool.unsafe.request(key, this)
    })

  /** So many are served, one after the other. */
  readonly serve = (leases: number): Effect.Effect<void> =>
    Effect.async<void>((resume) => {
      this.left = leases
      this.done = () => resume(Effect.void)
      this.next()
    })

  onLease(lease: Lease.Lease): void {
    this.lease = lease
    if (this.left === 0) this.done()
    else queueMicrotask(this.next)
  }

  onRefused(error: PoolError.AcquireError): void {
    // At the end the pool closes over those who still wait.
    if (error._tag !== "PoolClosed") throw error
  }

  private readonly next = (): void => {
    const { lease } = this
    this.left--
    // In line before the connection is given up, or a line of one would be none.
    this.pool.unsafe.request(key, this)
    lease?.settle(reusable)
  }
}

const served = Effect.fnUntraced(function* (waiting: number) {
  const pool = yield* Fakes.pool({ ...Fakes.unbounded, maxConnectionsPerHost: 1 })
  const line = new Line(pool)
  yield* line.fill(waiting)
  return { name: label("served", waiting), run: line.serve } satisfies Contestant
})

/** A line in which nobody is served: they leave from anywhere and come back to its end. */
const leaving = Effect.fnUntraced(function* (waiting: number) {
  const pool = yield* Fakes.pool({ ...Fakes.unbounded, maxConnectionsPerHost: 1 })
  yield* Effect.scoped(pool.acquire(key)).pipe(Effect.orDie)
  const held = yield* Effect.orDie(pool.lease(key))
  yield* Effect.addFinalizer(() => Effect.sync(() => held.settle(reusable)))
  const nobody: Lease.LeaseRequest = { onLease: (lease) => lease.settle(reusable), onRefused: () => {} }
  const line = Array.from({ length: waiting }, () => pool.unsafe.request(key, nobody))
  let at = 0
  return {
    name: label("left", waiting),
    run: (operations) =>
      Effect.sync(() => {
        for (let i = 0; i < operations; i++) {
          at = (at + 7919) % line.length
          if (line[at]?.cancel() !== true) throw new Error("a request was in line no more")
          line[at] = pool.unsafe.request(key, nobody)
        }
      })
  } satisfies Contestant
})

const label = (what: string, waiting: number) => `${what}, ${waiting.toLocaleString("en")} in line`

/** What memory alone makes of it: as many small things that live as long, in a line of nothing but links. */
const bareLine = (length: number): Contestant => {
  interface Place {
    next: Place | undefined
    readonly since: number
    readonly onLease: () => void
  }
  let served = 0
  const place = (): Place => ({ next: undefined, since: served, onLease: () => served++ })
  let first = place()
  let last = first
  for (let i = 1; i < length; i++) last = last.next = place()
  return {
    name: label("(a bare line)", length),
    run: (operations) =>
      Effect.sync(() => {
        for (let i = 0; i < operations; i++) {
          last = last.next = place()
          first.onLease()
          first = first.next as Place
        }
      })
  }
}

/** What "flat" leaves to chance, and to a line that outgrows the caches. */
const flat = 1.5

export const waiters: Measure = Effect.fnUntraced(function* (effort) {
  const contestants = [
    ...(yield* Effect.forEach(sizes, served)),
    ...(yield* Effect.forEach(sizes, leaving)),
    ...sizes.map(bareLine)
  ]
  const figures = yield* measure(contestants, rounds(effort, 200_000))
  yield* Report.cpu("Growth with the line: CPU per request", figures, label("served", 1))
  const growth = (what: string, atMost?: number) =>
    against(figures, label(what, 10_000), label(what, 1), atMost, `a request ${what}, from 1 in line to 10,000`)
  return [growth("served", flat), growth("left", flat)]
})
