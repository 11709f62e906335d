/**
 * A connection that comes back is closed to make room only where a place is what is missing.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import { type Held, World } from "./support/world.js"

const held = (world: World, n: number): ReadonlyArray<Held> => {
  for (let i = 0; i < n; i++) {
    world.request("a.test")
    world.open(world.dials[0] as never)
  }
  assert.strictEqual(world.held.length, n)
  return [...world.held]
}

/** Its connection was stale, and its request is sent again on a new one. */
const sentAgain = (world: World, stale: Held): void => {
  world.settle(stale, Lease.Broken("Stale"), false)
  world.request("a.test", true, stale.waiter)
}

describe("A healthy connection that comes back while retries wait for new ones", () => {
  it("is kept where another dial may not begin because dialling fails and the one dial hangs", () => {
    const world = new World({ maxConnectionsPerHost: 20 })
    const [first, second, ...others] = held(world, 6)
    world.request("a.test")
    world.fail(world.dials[0] as never)
    assert.isTrue(world.host("a.test").health.failing)
    sentAgain(world, first as Held)
    sentAgain(world, second as Held)
    assert.strictEqual(world.dials.length, 1)
    for (const one of others) world.settle(one, Lease.Reusable())
    assert.strictEqual(world.state.closed.get("MadeRoom"), undefined)
    assert.strictEqual(world.host("a.test").entries.size, 4)
  })

  it("is kept, and serves those who take any, where as many dials are under way as may be", () => {
    const world = new World({ maxConnectionsPerHost: 20, maxConnectingPerHost: 1 })
    const [first, second, ...others] = held(world, 6)
    sentAgain(world, first as Held)
    sentAgain(world, second as Held)
    const any = world.request("a.test")
    assert.deepStrictEqual([world.dials.length, any.waiting], [1, true])
    for (const one of others) world.settle(one, Lease.Reusable())
    assert.isFalse(any.waiting)
    assert.strictEqual(world.state.closed.get("MadeRoom"), undefined)
    assert.strictEqual(world.host("a.test").entries.size, 4)
  })

  it("is closed where a place is missing, and the dial follows at once", () => {
    const world = new World({ maxConnectionsPerHost: 3 })
    const [first, second] = held(world, 3)
    sentAgain(world, first as Held)
    assert.strictEqual(world.dials.length, 1)
    // One more request in line than there are dials, and older than the retry that is to come.
    world.open(world.dials[0] as never)
    const retry = world.request("a.test", true)
    assert.strictEqual(world.dials.length, 0)
    world.settle(second as Held, Lease.Reusable())
    assert.deepStrictEqual([world.state.closed.get("MadeRoom"), world.dials.length, retry.waiting], [1, 1, true])
  })
})
