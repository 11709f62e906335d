import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, ConnectionPool, Lease } from "@hotaru/pool"
import { FakeNetwork, PoolOperations } from "@hotaru/testing"
import * as Effect from "effect/Effect"

const key = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })

/** What is left while a request of this pool is in some state. */
const left = Effect.gen(function* () {
  const pool = yield* ConnectionPool.ConnectionPool
  const network = yield* FakeNetwork.FakeNetwork
  const leases: Array<Lease.Lease> = []
  const pending = pool.unsafe.request(key, { onLease: (lease) => void leases.push(lease), onRefused: () => {} })
  return { pool, network, leases, pending, leftovers: PoolOperations.leftovers }
})

describe("PoolOperations.leftovers", () => {
  it.effect("names a request in line, its dial and their limits in time", () =>
    Effect.gen(function* () {
      const { leftovers, network, pending } = yield* left
      // One for the request, one for the dial.
      assert.deepStrictEqual(yield* leftovers, ["1 in line", "1 being dialled", "1 dials pending", "2 deadlines"])
      pending.cancel()
      network.dials[0]?.succeed()
      assert.deepStrictEqual(yield* leftovers, [])
    }).pipe(Effect.provide(FakeNetwork.poolLayer()))
  )

  it.effect("names a lease and its connection, until it is settled", () =>
    Effect.gen(function* () {
      const { leases, leftovers, network } = yield* left
      yield* network.settle
      assert.deepStrictEqual(yield* leftovers, ["1 on lease", "1 open, 0 idle", "1 open and not parked"])
      leases[0]?.connection.pause()
      assert.deepStrictEqual((yield* leftovers).slice(3), ["1 open and paused"])
      leases[0]?.settle(Lease.Reusable())
      assert.deepStrictEqual(yield* leftovers, [])
    }).pipe(Effect.provide(FakeNetwork.poolLayer({}, { autoAccept: true })))
  )

  it.effect("names what a client did against the contract of a connection", () =>
    Effect.gen(function* () {
      const { leases, leftovers, network } = yield* left
      yield* network.settle
      leases[0]?.connection.pause()
      leases[0]?.connection.park()
      leases[0]?.settle(Lease.Spent("done"))
      const found = yield* leftovers
      assert.strictEqual(found.length, 1)
      assert.match(String(found[0]), /^connection \d+ .*park/)
    }).pipe(Effect.provide(FakeNetwork.poolLayer({}, { autoAccept: true })))
  )
})
