/**
 * How often requests are sent again: as often as it works, and a bounded number of times where it does not.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import { RetryBudget } from "../src/internal/retryBudget.js"
import { answered, idleConnections, told, toldOf } from "./support/peers.js"
import { a, ask, b, type Here, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

describe("RetryBudget", () => {
  it("never lets more failed retries pass than the budget and what came back of it since", () => {
    const step = FastCheck.nat({ max: 5000 })
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 1, max: 20 }), FastCheck.array(step), (budget, steps) => {
        const retries = new RetryBudget()
        let [now, passed] = [0, 0]
        for (const millis of steps) {
          now += millis
          // Several in a row, as many as it allows.
          while (retries.allows(budget, now)) {
            retries.charge(budget, now)
            passed++
          }
          assert.isAtMost(passed, budget + (now * budget) / 10_000 + 1e-6)
          assert.isFalse(retries.isFresh(budget, now))
          assert.isTrue(retries.isFresh(budget, now + 10_000), "ten seconds give all of it back")
        }
      })
    )
  })

  it("a budget of nothing allows none, and one without limit all", () => {
    const [none, all] = [new RetryBudget(), new RetryBudget()]
    assert.isFalse(none.allows(0, 0))
    none.charge(0, 0)
    assert.isFalse(none.allows(0, 1e9))
    for (let i = 0; i < 1000; i++) {
      assert.isTrue(all.allows(Infinity, i))
      all.charge(Infinity, i)
    }
  })
})

/** A request finds its reused connection dead. Answers its lease. */
const stale = (here: Here) =>
  Effect.gen(function* () {
    yield* idleConnections(here, a, 1)
    const lease = ask(here.pool, a).held
    assert.isTrue(lease.reused)
    lease.connection.write("ping")
    socketOf(lease, here.network).reset()
    return lease
  })

/** It asks whether it may be sent again, and if so its fresh connection dies as well. Answers whether it might. */
const failedRetry = (here: Here) =>
  Effect.gen(function* () {
    const dead = yield* stale(here)
    const allowed = dead.allowRetry()
    dead.settle(Lease.Broken("stale"))
    if (!allowed) return false
    const again = ask(here.pool, a, { replaces: dead, fresh: true })
    yield* here.story.settle
    again.held.connection.write("ping")
    socketOf(again.held, here.network).reset()
    again.held.settle(Lease.Broken("stale"))
    return true
  })

/** Somebody is on a connection all the while, so that the host stays known. */
const keeper = ({ pool }: Here) => Effect.orDie(pool.lease(a))

describe("A host's retry budget", () => {
  it.effect("of ten, unless told otherwise: the eleventh failed retry in a row is not made, and is told", () =>
    onOpenNetwork({}, function* (here) {
      yield* keeper(here)
      const { pool } = here
      const allowed: Array<boolean> = []
      for (let i = 0; i < 10; i++) allowed.push(yield* failedRetry(here))
      assert.isTrue(allowed.every((one) => one))
      const events = yield* pool.subscribe
      const eleventh = yield* stale(here)
      assert.isFalse(eleventh.allowRetry())
      assert.deepStrictEqual(yield* toldOf(events, "RetryRefused"), [
        PoolEvent.RetryRefused({ at: 0, key: a, connectionId: eleventh.connection.id })
      ])
      eleventh.settle(Lease.Broken("stale"))
      const { failedRetries, retriesRefused, staleRetries } = yield* pool.stats
      assert.deepStrictEqual([staleRetries, failedRetries, retriesRefused], [10, 10, 1])
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual([yield* failedRetry(here), yield* failedRetry(here)], [true, false])
      yield* TestClock.adjust(10_000)
      for (let i = 0; i < 10; i++) assert.isTrue(yield* failedRetry(here))
      assert.isFalse(yield* failedRetry(here))
    })
  )

  it.effect("of nothing: none is ever made", () =>
    onOpenNetwork({ retryBudgetPerHost: 0 }, function* (here) {
      yield* keeper(here)
      assert.isFalse(yield* failedRetry(here))
      yield* TestClock.adjust("1 hour")
      assert.isFalse(yield* failedRetry(here))
      assert.deepStrictEqual([(yield* here.pool.stats).staleRetries, (yield* here.pool.stats).retriesRefused], [0, 2])
    })
  )

  it.effect("without limit: all are made", () =>
    onOpenNetwork({ retryBudgetPerHost: Infinity }, function* (here) {
      yield* keeper(here)
      for (let i = 0; i < 50; i++) assert.isTrue(yield* failedRetry(here))
      assert.strictEqual((yield* here.pool.stats).failedRetries, 50)
    })
  )

  it.effect("a retry that is answered costs nothing, and each is told", () =>
    onOpenNetwork({ retryBudgetPerHost: 1 }, function* (here) {
      yield* keeper(here)
      const { network, pool, story } = here
      const events = yield* pool.subscribe
      const retried: Array<ReturnType<typeof PoolEvent.Retried>> = []
      for (let i = 0; i < 20; i++) {
        const dead = yield* stale(here)
        assert.isTrue(dead.allowRetry())
        dead.settle(Lease.Broken("stale"))
        const again = ask(pool, a, { replaces: dead, fresh: true })
        yield* story.settle
        answered(again.held, network)
        // The next round starts with a stale connection of its own.
        yield* pool.clear
        retried.push(PoolEvent.Retried({ at: 0, key: a, connectionId: dead.connection.id }))
      }
      assert.deepStrictEqual(yield* toldOf(events, "Retried"), retried)
      const { failedRetries, retriesRefused, staleRetries } = yield* pool.stats
      assert.deepStrictEqual([staleRetries, failedRetries, retriesRefused], [20, 0, 0])
    })
  )

  const free: ReadonlyArray<readonly [string, (lease: Lease.Lease, here: Here) => void]> = [
    ["whose answer had begun", (lease, { network }) => socketOf(lease, network).send("HTTP/1.1 200")],
    ["which its caller gave up", () => {}]
  ]
  for (const [name, act] of free) {
    it.effect(`a retry ${name} costs nothing`, () =>
      onOpenNetwork({ retryBudgetPerHost: 1 }, function* (here) {
        yield* keeper(here)
        for (let i = 0; i < 5; i++) {
          const dead = yield* stale(here)
          assert.isTrue(dead.allowRetry())
          dead.settle(Lease.Broken("stale"))
          const again = ask(here.pool, a, { replaces: dead, fresh: true })
          yield* here.story.settle
          again.held.connection.write("ping")
          act(again.held, here)
          again.held.settle(Lease.Broken("given up"))
        }
        assert.strictEqual((yield* here.pool.stats).failedRetries, 0)
      })
    )
  }

  it.effect("a first attempt whose new connection dies costs nothing", () =>
    onOpenNetwork({ retryBudgetPerHost: 1 }, function* (here) {
      yield* keeper(here)
      for (let i = 0; i < 5; i++) {
        const lease = yield* here.pool.lease(a)
        assert.isFalse(lease.reused)
        lease.connection.write("ping")
        socketOf(lease, here.network).reset()
        lease.settle(Lease.Broken("PeerReset"))
      }
      assert.isTrue(yield* failedRetry(here))
      assert.isFalse(yield* failedRetry(here))
    })
  )

  it.effect("is each host's own", () =>
    onOpenNetwork({ retryBudgetPerHost: 1 }, function* (here) {
      yield* keeper(here)
      assert.isTrue(yield* failedRetry(here))
      assert.isFalse(yield* failedRetry(here))
      const other = yield* here.pool.lease(b)
      assert.isTrue(other.allowRetry())
    })
  )

  it.effect("is not regained by a host that is forgotten and comes back", () =>
    onOpenNetwork({ retryBudgetPerHost: 1 }, function* (here) {
      assert.isTrue(yield* failedRetry(here))
      assert.strictEqual((yield* here.pool.stats).hosts, 0)
      assert.isFalse(yield* failedRetry(here))
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* failedRetry(here))
    })
  )

  it.effect("a hundred connections stale at once after a restart: all their requests are sent again, and saved", () =>
    onOpenNetwork({ maxIdlePerHost: 100, maxConnectingPerHost: 100, maxConnecting: 100 }, function* (here) {
      const { network, pool, story } = here
      const sockets = yield* idleConnections(here, a, 100)
      const leases = Array.from({ length: 100 }, () => ask(pool, a).held)
      for (const lease of leases) lease.connection.write("ping")
      for (const socket of sockets) socket.end()
      const again = leases.map((lease) => {
        assert.isTrue(lease.allowRetry())
        lease.settle(Lease.Broken("PeerClosed"))
        return ask(pool, a, { replaces: lease, fresh: true })
      })
      yield* story.settle
      for (const one of again) {
        assert.isFalse(one.held.reused)
        answered(one.held, network)
      }
      const stats = yield* pool.stats
      assert.deepStrictEqual(
        [stats.staleRetries, stats.failedRetries, stats.retriesRefused, stats.created, stats.pooledConnections],
        [100, 0, 0, 200, 100]
      )
    })
  )
})

describe("While the pool drains", () => {
  it.effect(
    "a request may be sent again within the budget; once the pool has closed none may, and no budget is to blame",
    () =>
      onPool({ drainTimeout: "1 minute" }, function* (here) {
        const { network, pool, story } = here
        network.autoAccept()
        yield* idleConnections(here, a, 1)
        const lease = ask(pool, a).held
        lease.connection.write("ping")
        yield* story.start("drain", pool.drain)
        socketOf(lease, network).reset()
        const events = yield* pool.subscribe
        assert.isTrue(lease.allowRetry())
        assert.deepStrictEqual(yield* told(events), [])
        lease.settle(Lease.Broken("stale"))
        yield* story.expectDone("drain")
        assert.isFalse(lease.allowRetry())
        assert.deepStrictEqual([(yield* pool.stats).retriesRefused, (yield* pool.stats).staleRetries], [0, 0])
      })
  )
})
