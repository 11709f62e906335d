/**
 * Interrupted wherever it may wait: what each operation leaves behind at each of its suspension points. The table says
 * what becomes of the connections, in the order of opening: `open` ones are idle in the pool, the others were closed for
 * the reason named. `none`: the operation does not wait there.
 *
 * What must hold in every cell: the request is no longer in line when the interruption has ended; in the end nothing is
 * on lease, dialled or waited for, no limit in time runs on, no socket is open that is not idle; and the next request is
 * served.
 */

import { assert, describe, it } from "@effect/vitest"
import { type Connection, type ConnectionPool, Lease, type PoolConfig } from "@hotaru/pool"
import type { FakeNetwork, FakeSocket } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { assertNothingLeft, type During, type Operation, operations } from "./support/interruption.js"
import { counts, fates } from "./support/peers.js"
import { a, ask, exchange, type Here, onPool, socketOf } from "./support/stories.js"

const open = ["open"]
const none = undefined

type Fates = ReadonlyArray<string> | typeof none

/** A suspension point: how it is reached, and what there is after it. */
interface Point {
  readonly fates: Readonly<Record<Operation, Fates>>
  readonly config?: Partial<PoolConfig.PoolConfig>
  readonly network?: FakeNetwork.FakeNetworkOptions
  /** Before the operation begins. */
  readonly before?: (here: Here) => Effect.Effect<void>
  /** What it does with the connection it gets. */
  readonly during?: (pool: ConnectionPool.ConnectionPoolShape) => During
  /** Whether it has a connection at that point, and how many are in line. */
  readonly there: { readonly active: number; readonly waiting: number }
  /** In the very turn of the interruption, before it. */
  readonly turn?: (here: Here) => void
  /** What was held up so that the point could be reached goes on. */
  readonly after?: (here: Here) => void
}

let holder: Lease.Lease

/** The host's only connection is on lease. */
const taken = ({ network, pool, story }: Here) =>
  Effect.gen(function* () {
    network.autoAccept()
    const asked = ask(pool, a)
    yield* story.settle
    network.park()
    holder = asked.held
  })

/** An idle connection. */
const idle = (here: Here) => Effect.map(taken(here), () => holder.settle(Lease.Reusable()))

/** An idle connection whose last byte was read in this very turn. */
const unrested = (here: Here) =>
  Effect.gen(function* () {
    yield* taken(here)
    exchange(holder, here.network)
    holder.settle(Lease.Reusable())
  })

const socket = ({ network }: Here): FakeSocket.FakeSocket => socketOf(holder, network)
const lastDial = ({ network }: Here) => network.dials.at(-1) as FakeNetwork.FakeDial

const never: During = () => Effect.never

const points: Readonly<Record<string, Point>> = {
  "in line behind a lease": {
    fates: { acquire: open, use: open, lease: open, retry: none },
    config: { maxConnectionsPerHost: 1 },
    before: taken,
    there: { active: 1, waiting: 1 },
    after: () => holder.settle(Lease.Reusable())
  },
  "in line for its dial, which succeeds later": {
    fates: { acquire: open, use: open, lease: open, retry: none },
    there: { active: 0, waiting: 1 },
    after: (here) => void lastDial(here).succeed()
  },
  "in line for its dial, which fails later": {
    fates: { acquire: [], use: [], lease: [], retry: none },
    there: { active: 0, waiting: 1 },
    after: (here) => lastDial(here).fail()
  },
  "in line to be sent again on a fresh connection": {
    fates: { acquire: none, use: none, lease: none, retry: ["Stale", "open"] },
    before: idle,
    there: { active: 0, waiting: 1 },
    after: (here) => void lastDial(here).succeed()
  },
  "in line to be sent again before another who waits": {
    fates: { acquire: none, use: none, lease: none, retry: ["Stale", "open"] },
    config: { maxConnectionsPerHost: 1 },
    before: idle,
    there: { active: 0, waiting: 2 },
    after: (here) => void lastDial(here).succeed()
  },
  "in the turn in which another's lease is settled and passes on to it": {
    fates: { acquire: open, use: open, lease: open, retry: none },
    config: { maxConnectionsPerHost: 1 },
    before: taken,
    there: { active: 1, waiting: 1 },
    turn: () => holder.settle(Lease.Reusable())
  },
  "in the turn in which its dial succeeds": {
    fates: { acquire: open, use: open, lease: open, retry: none },
    there: { active: 0, waiting: 1 },
    turn: (here) => void lastDial(here).succeed()
  },
  "in the turn in which its dial fails": {
    fates: { acquire: [], use: [], lease: [], retry: none },
    there: { active: 0, waiting: 1 },
    turn: (here) => lastDial(here).fail()
  },
  "in the turn in which its fresh connection opens": {
    fates: { acquire: none, use: none, lease: none, retry: ["Stale", "open"] },
    before: idle,
    there: { active: 0, waiting: 1 },
    turn: (here) => void lastDial(here).succeed()
  },
  "while its connection rests": {
    fates: { acquire: open, use: open, lease: none, retry: none },
    network: { manualTurns: true },
    before: unrested,
    there: { active: 1, waiting: 0 }
  },
  "while its connection rests, in the turn in which that ends": {
    fates: { acquire: ["PeerClosed"], use: ["PeerClosed"], lease: none, retry: none },
    network: { manualTurns: true },
    before: unrested,
    there: { active: 1, waiting: 0 },
    turn: (here) => socket(here).end()
  },
  "in line again, because its connection ended while it rested": {
    fates: { acquire: ["PeerClosed", "open"], use: ["PeerClosed", "open"], lease: none, retry: none },
    before: (here) => Effect.map(unrested(here), () => socket(here).endLater()),
    there: { active: 0, waiting: 1 },
    after: (here) => void lastDial(here).succeed()
  },
  "with a connection that nobody has touched": {
    fates: { acquire: ["UseFailed"], use: ["UseFailed"], lease: ["Interrupted"], retry: none },
    before: idle,
    there: { active: 1, waiting: 0 }
  },
  "with a connection on which something was written": {
    fates: { acquire: ["UseFailed"], use: ["UseFailed"], lease: ["Interrupted"], retry: none },
    before: idle,
    during: () => (connection) =>
      Effect.zipRight(
        Effect.sync(() => connection.write("half a request")),
        Effect.never
      ),
    there: { active: 1, waiting: 0 }
  },
  "after it has settled its connection as reusable": {
    fates: { acquire: open, use: open, lease: none, retry: none },
    before: idle,
    during: (pool) => (connection: Connection.Connection) =>
      Effect.zipRight(pool.settle(connection, Lease.Reusable()), Effect.never),
    there: { active: 0, waiting: 0 }
  }
}

describe("A request on the pool, interrupted", () => {
  for (const [point, cell] of Object.entries(points)) {
    for (const operation of Object.keys(operations) as Array<Operation>) {
      const expected = cell.fates[operation]
      if (expected === none) continue
      it.effect(`${point}: ${operation} leaves ${expected.join(", ") || "no connection"}`, () =>
        onPool(
          cell.config ?? {},
          function* (here) {
            const { network, pool, story } = here
            yield* (cell.before ?? (() => Effect.void))(here)
            const during = cell.during?.(pool) ?? never
            const fiber = yield* Effect.fork(operations[operation](pool, during))
            yield* network.settle
            const other = cell.there.waiting === 2 ? ask(pool, a) : undefined
            const reached = yield* counts(pool)
            assert.deepInclude(reached, cell.there, "the point was reached")
            assert.isNull(fiber.unsafePoll())
            cell.turn?.(here)
            const exit = yield* Fiber.interrupt(fiber)
            assert.isTrue(Exit.isInterrupted(exit))
            assert.strictEqual((yield* pool.stats).pendingAcquires, other === undefined ? 0 : 1)
            cell.after?.(here)
            yield* story.settle
            other?.held.settle(Lease.Reusable())
            yield* network.poll
            assert.deepStrictEqual(
              fates(network).map((fate) => fate ?? "open"),
              expected
            )
            yield* assertNothingLeft(pool)
          },
          cell.network ?? {}
        )
      )
    }
  }
})
