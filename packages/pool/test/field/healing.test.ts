/**
 * Peers that die without a word, and hosts that are dying: what is distrusted, what is sent again, and how often.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as HashMap from "effect/HashMap"
import * as TestClock from "effect/TestClock"
import { a, ask, exchange, type Here, onOpenNetwork, onPool, socketOf } from "../support/stories.js"

const give = (lease: Lease.Lease) => lease.settle(Lease.Reusable())
const silent = Lease.Broken("timed out", { silent: true })

describe("A request that timed out on a kept connection without a byte of an answer", () => {
  it.effect(
    "takes the others to that address with it, which are as dead (square/okhttp#3146, oven-sh/bun#31894, golang/net#169, curl/curl#17225, opensearch-project/opensearch-go#1134)",
    () =>
      onPool({}, function* ({ network, pool, story }) {
        const asked = Array.from({ length: 6 }, () => ask(pool, a))
        for (let i = 0; i < 6; i++) {
          const remoteAddress = i === 5 ? "192.0.2.2" : "192.0.2.1"
          yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress })
        }
        for (const one of asked) {
          exchange(one.held, network)
          one.held.heard()
          give(one.held)
        }
        yield* TestClock.adjust("1 minute")
        const half = ask(pool, a).held
        assert.isTrue(half.reused)
        half.connection.write("ping")
        yield* TestClock.adjust("10 seconds")
        half.settle(silent)
        yield* story.settle
        const stats = yield* pool.stats
        // Those to the other address are not to blame.
        assert.deepStrictEqual(
          network.sockets.map((socket) => socket.destroyed),
          ["timed out", "Distrusted", "Distrusted", "Distrusted", "Distrusted", undefined]
        )
        assert.deepStrictEqual([stats.distrusted, stats.pooledConnections], [4, 1])
      })
  )

  it.effect(
    "takes nothing with it where the peer answers others meanwhile: it is slow, not dead (square/okhttp#3146)",
    () =>
      onOpenNetwork({}, function* ({ network, pool, story }) {
        const first = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(a)]
        for (const lease of first) {
          exchange(lease, network)
          give(lease)
        }
        yield* TestClock.adjust("1 minute")
        const [slow, quick] = [ask(pool, a).held, ask(pool, a).held]
        slow.connection.write("ping")
        exchange(quick, network)
        quick.heard()
        give(quick)
        yield* TestClock.adjust("10 seconds")
        slow.settle(silent)
        yield* story.settle
        assert.deepStrictEqual(
          network.sockets.filter((socket) => socket.destroyed !== undefined).map((socket) => socket.destroyed),
          ["timed out"]
        )
      })
  )

  it.effect("does so once in five seconds, or impatient users would make a storm of it (square/okhttp#3146)", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      // Somebody is on another connection all the while, so that the host stays known.
      yield* pool.lease(a)
      const timesOut = function* () {
        const before = (yield* pool.stats).distrusted
        const leases = [ask(pool, a), ask(pool, a)]
        yield* story.settle
        for (const { held } of leases) {
          exchange(held, network)
          held.heard()
          give(held)
        }
        const lease = ask(pool, a).held
        assert.isTrue(lease.reused)
        lease.connection.write("ping")
        lease.settle(silent)
        yield* story.settle
        return (yield* pool.stats).distrusted - before
      }
      assert.strictEqual(yield* timesOut(), 1)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(yield* timesOut(), 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* timesOut(), 1)
    })
  )
})

describe("Retries of a host", () => {
  it.effect("that work cost nothing: a hundred stale at once are all saved (hyperium/hyper#2136)", () =>
    onOpenNetwork({ retryBudgetPerHost: 3, maxIdlePerHost: 100 }, function* ({ network, pool, story }) {
      const leases = Array.from({ length: 100 }, () => ask(pool, a))
      yield* story.settle
      for (const one of leases) {
        exchange(one.held, network)
        give(one.held)
      }
      // The server has restarted: every one of them is dead.
      const again = Array.from({ length: leases.length }, () => ask(pool, a).held)
      const retried = again.map((lease) => {
        lease.connection.write("ping")
        socketOf(lease, network).reset()
        assert.isTrue(lease.allowRetry())
        lease.settle(Lease.Broken("stale"))
        return ask(pool, a, { replaces: lease, fresh: true })
      })
      yield* story.settle
      for (const one of retried) {
        exchange(one.held, network)
        give(one.held)
      }
      const { failedRetries, retriesRefused, staleRetries } = yield* pool.stats
      assert.deepStrictEqual([staleRetries, failedRetries, retriesRefused], [100, 0, 0])
    })
  )

  /** A retry, if it is allowed; answers whether it was. The fresh connection dies like the old one. */
  const retry = function* ({ network, pool, story }: Here) {
    const kept = yield* pool.lease(a)
    exchange(kept, network)
    give(kept)
    const old = ask(pool, a).held
    old.connection.write("ping")
    socketOf(old, network).reset()
    const allowed = old.allowRetry()
    old.settle(Lease.Broken("stale"))
    if (!allowed) return false
    const again = ask(pool, a, { replaces: old, fresh: true })
    yield* story.settle
    again.held.connection.write("ping")
    socketOf(again.held, network).reset()
    again.held.settle(Lease.Broken("stale"))
    return true
  }

  it.effect("whose fresh connection dies as well are few (hyperium/hyper#3553)", () =>
    onOpenNetwork({ retryBudgetPerHost: 3 }, function* (here) {
      const allowed = []
      for (let i = 0; i < 6; i++) allowed.push(yield* retry(here))
      assert.deepStrictEqual(allowed, [true, true, true, false, false, false])
      const { failedRetries, retriesRefused } = yield* here.pool.stats
      assert.deepStrictEqual([failedRetries, retriesRefused], [3, 3])
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* retry(here))
    })
  )

  it.effect(
    "used up, come back one by one, a third of ten seconds apart where there are three (hyperium/hyper#3553)",
    () =>
      onOpenNetwork({ retryBudgetPerHost: 3 }, function* (here) {
        const allowed = []
        for (let i = 0; i < 3; i++) yield* retry(here)
        for (let i = 0; i < 100; i++) {
          yield* TestClock.adjust("100 millis")
          allowed.push(yield* retry(here))
        }
        assert.isAtMost(allowed.filter(Boolean).length, 3)
      })
  )
})

describe("A server's idle time", () => {
  it.effect("is not learned from closings at random, or reuse would be no more (anthropics/claude-code#89608)", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      yield* pool.lease(a)
      // One in twenty requests is followed by a closing; the connection had idled for a moment.
      for (let i = 0; i < 400; i++) {
        const lease = yield* pool.lease(a)
        exchange(lease, network)
        give(lease)
        yield* TestClock.adjust("100 millis")
        if (i % 20 === 7) socketOf(lease, network).end()
      }
      const [host] = Array.from(HashMap.values(yield* pool.hostStats))
      assert.isUndefined(host?.idleCeiling)
      const { closed, hitRate } = yield* pool.stats
      assert.deepStrictEqual(closed, { PeerClosed: 20 })
      assert.isAbove(hitRate, 0.9)
    })
  )

  it.effect(
    "is not learned from a restart, which closes all at once, whatever their age (anthropics/claude-code#89608)",
    () =>
      onOpenNetwork({}, function* ({ network, pool, story }) {
        yield* pool.lease(a)
        for (let restart = 0; restart < 3; restart++) {
          const leases = Array.from({ length: 5 }, () => ask(pool, a))
          yield* story.settle
          for (const { held } of leases) {
            exchange(held, network)
            give(held)
            yield* TestClock.adjust("5 seconds")
          }
          for (const socket of network.open) if (socket.parked) socket.end()
          yield* TestClock.adjust("1 seconds")
        }
        const [host] = Array.from(HashMap.values(yield* pool.hostStats))
        assert.deepStrictEqual((yield* pool.stats).closed, { PeerClosed: 15 })
        assert.isUndefined(host?.idleCeiling)
      })
  )
})
