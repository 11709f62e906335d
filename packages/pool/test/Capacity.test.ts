/**
 * A connection that carries several leases at once: what HTTP/2 will need, and what the core must not have built out.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connection, Lease, PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { type Asked, a, ask, onPool } from "./support/stories.js"
import { World } from "./support/world.js"

describe("A connection with room for three", () => {
  it("serves three who wait when it opens, and their other dials are given up when nothing could keep what they open", () => {
    const world = new World({ maxIdlePerHost: 0 })
    for (let i = 0; i < 4; i++) world.request("a.test")
    assert.strictEqual(world.dials.length, 4)
    world.open(world.dials[0] as never, { capacity: 3 })
    assert.deepStrictEqual([world.held.length, world.waiters.length, world.dials.length], [3, 1, 1])
  })

  it("takes a fourth as soon as one of the three is done, in order of asking", () => {
    const world = new World({ maxConnectionsPerHost: 1 })
    for (let i = 0; i < 5; i++) world.request("a.test")
    const entry = world.open(world.dials[0] as never, { capacity: 3 })
    world.settle(world.held[1] as never, Lease.Reusable())
    assert.deepStrictEqual(
      world.held.map((held) => held.waiter.ticket),
      [1, 3, 4]
    )
    assert.deepStrictEqual([entry.leases, world.state.leased, world.state.idle.size], [3, 1, 0])
  })

  it("a newcomer shares it rather than dialling", () => {
    const world = new World({})
    world.request("a.test")
    world.open(world.dials[0] as never, { capacity: 3 })
    world.request("a.test")
    assert.deepStrictEqual([world.held.length, world.dials.length, world.state.hits], [2, 0, 1])
  })

  it("is idle only when the last lease is settled", () => {
    const world = new World({})
    world.request("a.test")
    const entry = world.open(world.dials[0] as never, { capacity: 3 })
    world.request("a.test")
    world.settle(world.held[0] as never, Lease.Reusable())
    assert.strictEqual(entry.state, "Leased")
    world.settle(world.held[0] as never, Lease.Reusable())
    assert.strictEqual(entry.state, "Idle")
  })

  it("spent for one: the others end in peace, nobody new comes on", () => {
    const world = new World({})
    world.request("a.test")
    const entry = world.open(world.dials[0] as never, { capacity: 3 })
    world.request("a.test")
    world.settle(world.held[0] as never, Lease.Spent("GoAway"))
    assert.strictEqual(entry.state, "Leased")
    world.request("a.test")
    assert.strictEqual(world.dials.length, 1)
    world.settle(world.held[0] as never, Lease.Reusable())
    assert.deepStrictEqual([entry.state, [...world.state.closed]], ["Retired", [["GoAway", 1]]])
  })

  it("broken for one is broken for all, and is retired once", () => {
    const world = new World({})
    world.request("a.test")
    world.open(world.dials[0] as never, { capacity: 3 })
    world.request("a.test")
    const [first, second] = world.held
    world.settle(first as never, Lease.Broken("Reset"))
    world.settle(second as never, Lease.Broken("Reset"))
    assert.deepStrictEqual([[...world.state.closed], world.state.leased, world.hosts.size], [[["Reset", 1]], 0, 0])
  })

  it("never carries more requests in all than it may, though they run side by side", () => {
    const world = new World({ maxRequestsPerConnection: 2 })
    world.request("a.test")
    world.open(world.dials[0] as never, { capacity: 3 })
    world.request("a.test")
    world.request("a.test")
    assert.deepStrictEqual([world.held.length, world.dials.length], [2, 1])
  })

  it.effect("while others are on it, who settles does not take its ears away", () =>
    onPool({}, function* ({ pool, story }) {
      const first = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 3 })
      const second = ask(pool, a)
      const heard: Array<string> = []
      const receiver = {
        onBytes: () => heard.push("bytes"),
        onEnd: () => heard.push("end"),
        onError: () => {},
        onDrain: () => {}
      }
      socket.connection.receiver = receiver
      first.held.settle(Lease.Reusable())
      assert.strictEqual(socket.connection.receiver, receiver)
      socket.send("for the second")
      second.held.settle(Lease.Reusable())
      socket.end()
      assert.deepStrictEqual([heard, socket.destroyed], [["bytes"], "PeerClosed"])
    })
  )

  for (const first of [0, 1] as const) {
    it.effect(
      `closed by a drain that runs out, the holder who is left is told, be it the ${first === 0 ? "latest" : "first"}`,
      () =>
        onPool({ drainTimeout: "5 seconds" }, function* ({ pool, story }) {
          const one = ask(pool, a)
          const socket = yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 3 })
          const two = ask(pool, a)
          assert.strictEqual(one.held.connection, two.held.connection)
          const told: Array<unknown> = []
          socket.connection.receiver = { ...Connection.silentReceiver, onError: (error) => told.push(error) }
          const gone = [one, two][first] as Asked
          gone.held.settle(Lease.Reusable())
          yield* story.start("drain", pool.drainHost(a))
          yield* TestClock.adjust("5 seconds")
          yield* story.expectDone("drain")
          assert.strictEqual(socket.destroyed, "DrainTimeout")
          assert.deepStrictEqual(told, [
            new PoolError.LeaseRevoked({ key: a, reason: "DrainTimeout", drainTimeout: 5000 })
          ])
        })
    )
  }

  it.effect("with two holders left is closed once, and its receiver told once", () =>
    onPool({ drainTimeout: "5 seconds" }, function* ({ pool, story }) {
      ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 3 })
      ask(pool, a)
      let told = 0
      socket.connection.receiver = { ...Connection.silentReceiver, onError: () => told++ }
      yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("5 seconds")
      yield* story.expectDone("drain")
      assert.deepStrictEqual([socket.destroyed, told], ["DrainTimeout", 1])
    })
  )

  it.effect("whose first holder's reclaiming throws after the second has left is closed at once", () =>
    onPool({}, function* ({ pool, story }) {
      const one = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 2 })
      ask(pool, a).held.settle(Lease.Reusable())
      one.held.offer(() => {
        throw new Error("no")
      })
      yield* TestClock.adjust("2 seconds")
      yield* story.start("drain", pool.drainHost(a))
      assert.strictEqual(socket.destroyed, "ReclaimFailed")
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})
