/**
 * A warm-up that is interrupted opens no more for itself, and takes nothing from another one.
 */

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { counts } from "./support/peers.js"
import { a, ask, type Here, onPool } from "./support/stories.js"

/** Every dial that comes to be succeeds. */
const openAll = ({ network, story }: Here) =>
  Effect.gen(function* () {
    yield* story.settle
    while (network.untaken.length > 0) yield* story.dialSucceeds(yield* story.expectDial(a))
  })

const oneAtATime = { maxConnectingPerHost: 1 } as const

describe("warm, interrupted", () => {
  it.effect("opens no more than what was under way", () =>
    onPool(oneAtATime, function* (here) {
      const { network, pool, story } = here
      yield* story.start("warm", pool.warm(a, 8))
      yield* story.interrupt("warm")
      assert.strictEqual(network.dials.length, 1)
      yield* openAll(here)
      assert.strictEqual(network.dials.length, 1)
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 0, opening: 0, waiting: 0 })
    })
  )

  it.effect("before anything has opened and with nowhere to keep it, leaves no host behind", () =>
    onPool({ ...oneAtATime, maxIdlePerHost: 1 }, function* (here) {
      const { pool, story } = here
      yield* story.start("warm", pool.warm(a, 8))
      yield* story.interrupt("warm")
      yield* story.dialFails(yield* story.expectDial(a))
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* story.expectNoDial
    })
  )

  it.effect("lets another one go on to its end", () =>
    onPool(oneAtATime, function* (here) {
      const { network, pool, story } = here
      yield* story.start("first", pool.warm(a, 8))
      const second = yield* story.start("second", pool.warm(a, 3))
      yield* story.interrupt("first")
      yield* openAll(here)
      yield* story.expectDone(second)
      assert.isAtLeast(network.sockets.length, 3)
    })
  )

  it.effect("both of them, opens no more either", () =>
    onPool(oneAtATime, function* (here) {
      const { network, pool, story } = here
      yield* story.start("first", pool.warm(a, 8))
      yield* story.start("second", pool.warm(a, 3))
      yield* story.interrupt("first")
      yield* story.interrupt("second")
      yield* openAll(here)
      assert.strictEqual(network.dials.length, 1)
    })
  )

  it.effect("keeps the dials that requests wait for", () =>
    onPool({}, function* (here) {
      const { pool, story } = here
      yield* story.start("warm", pool.warm(a, 8))
      const asked = Array.from({ length: 5 }, () => ask(pool, a))
      yield* story.interrupt("warm")
      yield* openAll(here)
      assert.isTrue(asked.every((one) => one.lease !== undefined))
      assert.strictEqual((yield* pool.stats).openingConnections, 0)
    })
  )
})
