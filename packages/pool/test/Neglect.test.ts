/**
 * Hosts that are to have idle connections, and that nobody asks for any more.
 */

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as TestClock from "effect/TestClock"
import { answered, counts, fates, idleConnections } from "./support/peers.js"
import { a, ask, type Here, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

/** Every dial fails, for so many minutes. */
const failing = ({ network, story }: Here, minutes: number) =>
  Effect.gen(function* () {
    for (let second = 0; second < minutes * 60; second++) {
      yield* story.settle
      while (network.untaken.length > 0) yield* story.dialFails(yield* story.expectDial())
      yield* TestClock.adjust("1 second")
    }
  })

describe("A host with minIdlePerHost", () => {
  it.effect("is forgotten once it has no connection and nobody has asked for it in five minutes", () =>
    onPool({ minIdlePerHost: 1 }, function* (here) {
      const { network, pool } = here
      const asked = ask(pool, a)
      yield* failing(here, 4)
      assert.isDefined(asked.error)
      assert.strictEqual((yield* pool.stats).hosts, 1)
      yield* failing(here, 2)
      assert.strictEqual((yield* pool.stats).hosts, 0)
      const dials = network.dials.length
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(network.dials.length, dials)
      // Asked for again, it has its idle connection again, beside the one that was on lease.
      network.autoAccept()
      yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* counts(pool), { idle: 2, active: 0, opening: 0, waiting: 0 })
    })
  )

  it.effect("is remembered while somebody asks for it now and then, though in vain", () =>
    onPool({ minIdlePerHost: 1 }, function* (here) {
      for (let i = 0; i < 3; i++) {
        ask(here.pool, a)
        yield* failing(here, 4)
        assert.strictEqual((yield* here.pool.stats).hosts, 1)
      }
    })
  )

  it.effect("stays for as long as it has a connection, whether or not somebody asks for it", () =>
    onOpenNetwork({ minIdlePerHost: 1, idleTimeout: "1 day", maxLifetime: "2 days" }, function* (here) {
      yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual([fates(here.network), (yield* here.pool.stats).hosts], [[undefined, undefined], 1])
    })
  )

  it.effect("of three hundred, where the total has room for fifty, those without a connection are forgotten", () =>
    onOpenNetwork(
      { minIdlePerHost: 1, maxConnections: 50, idleTimeout: "1 day", maxLifetime: "2 days" },
      function* ({ network, pool, story }) {
        for (let i = 0; i < 300; i++) {
          answered(yield* pool.lease(keyOf(`h${i}.test`)), network)
          yield* story.settle
        }
        assert.strictEqual((yield* pool.stats).hosts, 300)
        yield* TestClock.adjust("6 minutes")
        const hosts = Array.from(HashMap.values(yield* pool.hostStats))
        assert.deepStrictEqual([hosts.length, hosts.every((host) => host.pooledConnections === 1)], [50, true])
      }
    )
  )
})
