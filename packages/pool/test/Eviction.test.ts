/**
 * A rule of the user's own: what it is told, what follows from its answer, and what it cannot break.
 */

import { assert, describe, it } from "@effect/vitest"
import { type Eviction, Lease } from "@hotaru/pool"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { answered, fates, give, idleConnections } from "./support/peers.js"
import { a, ask, b, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

/** A rule that writes down what it was told, and says what it is made to say. */
class Rule {
  readonly asked: Array<Eviction.ConnectionInfo> = []
  says: (connection: Eviction.ConnectionInfo) => boolean = () => false

  readonly shouldEvict: Eviction.ShouldEvict = (connection) =>
    Effect.sync(() => {
      this.asked.push(connection)
      return this.says(connection)
    })

  /** What was asked about since the last look. */
  take(): ReadonlyArray<Eviction.ConnectionInfo> {
    return this.asked.splice(0)
  }
}

const every = { cleanupInterval: "10 seconds" } as const

describe("shouldEvict", () => {
  it.effect("is asked about every open connection in each round, and told the truth", () => {
    const rule = new Rule()
    return onOpenNetwork({ ...every, shouldEvict: rule.shouldEvict }, function* (here) {
      const { network, pool } = here
      const [idle] = yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("4 seconds")
      const busy = yield* pool.lease(b)
      answered(busy, network)
      const again = ask(pool, b).held
      rule.take()
      yield* TestClock.adjust("16 seconds")
      const last = rule.take().slice(-2)
      const facts = last.map(({ age, connectionId, facts, idle, key, leased, requests }) => [
        key,
        connectionId,
        facts.remoteAddress,
        Duration.toMillis(age),
        Duration.toMillis(idle),
        requests,
        leased
      ])
      assert.deepStrictEqual(
        facts.sort((left, right) => Number(left[3]) - Number(right[3])),
        [
          [b, again.connection.id, "192.0.2.1", 16_000, 0, 2, true],
          [a, idle?.connection.id, "192.0.2.1", 20_000, 20_000, 1, false]
        ]
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(rule.take().length, 2)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(rule.take().length, 6)
    })
  })

  it.effect(
    "ends an idle connection at once and a busy one when it comes back, which is no eviction of a stale one",
    () => {
      const rule = new Rule()
      return onOpenNetwork({ ...every, shouldEvict: rule.shouldEvict }, function* (here) {
        const { network, pool } = here
        yield* idleConnections(here, a, 2)
        const busy = ask(pool, a).held
        rule.says = () => true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(fates(network), [undefined, "Evicted"])
        // Condemned already: it is not asked about any more.
        rule.take()
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(rule.take(), [])
        rule.says = () => false
        answered(busy, network)
        assert.deepStrictEqual(fates(network), ["Evicted", "Evicted"])
        assert.deepStrictEqual([(yield* pool.stats).closed, (yield* pool.stats).evictions], [{ Evicted: 2 }, 0])
        assert.strictEqual((yield* pool.stats).hosts, 0)
      })
    }
  )

  it.effect("that dies is logged, its connection stays, and the others are asked about", () => {
    let asked = 0
    const shouldEvict: Eviction.ShouldEvict = ({ key }) => {
      asked++
      if (key.host === a.host) throw new Error("not an effect, even")
      return key.host === b.host ? Effect.dieMessage("no") : Effect.succeed(false)
    }
    return onOpenNetwork({ ...every, shouldEvict }, function* (here) {
      yield* idleConnections(here, a, 2)
      yield* idleConnections(here, b, 2)
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(asked, 4)
      const before = asked
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(asked, before + 4)
      assert.deepStrictEqual(fates(here.network), [undefined, undefined, undefined, undefined])
    })
  })

  it.effect("that interrupts itself ends neither the questions nor the cleanup", () => {
    let asked = 0
    const shouldEvict: Eviction.ShouldEvict = () =>
      Effect.zipRight(
        Effect.sync(() => asked++),
        Effect.interrupt
      )
    return onOpenNetwork({ ...every, idleTimeout: "25 seconds", shouldEvict }, function* (here) {
      yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("10 seconds")
      const before = asked
      assert.isAtLeast(before, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(asked, before + 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(fates(here.network), ["IdleTimeout"])
    })
  })

  it.effect("that hangs does not keep the pool from closing, nor anybody from being served", () =>
    Effect.gen(function* () {
      let interrupted = false
      const shouldEvict = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      yield* onOpenNetwork({ ...every, shouldEvict }, function* (here) {
        yield* idleConnections(here, a, 2)
        yield* TestClock.adjust("10 seconds")
        answered(ask(here.pool, a).held, here.network)
        yield* here.pool.drain
        assert.deepStrictEqual(fates(here.network), ["Drained", "Drained"])
      })
      assert.isTrue(interrupted)
    })
  )

  it.effect("its answer about a connection that has gone meanwhile changes nothing", () => {
    let answer = (_: boolean) => {}
    const shouldEvict: Eviction.ShouldEvict = () =>
      Effect.async<boolean>((resume) => {
        answer = (evict) => resume(Effect.succeed(evict))
      })
    return onOpenNetwork({ ...every, shouldEvict }, function* (here) {
      const { network, pool, story } = here
      const [socket] = yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("10 seconds")
      socket?.end()
      yield* story.settle
      answer(true)
      yield* story.settle
      assert.deepStrictEqual([fates(network), (yield* pool.stats).closed], [["PeerClosed"], { PeerClosed: 1 }])
    })
  })

  it.effect("its answer about a connection that was taken meanwhile holds: it ends when it comes back", () => {
    let answer = (_: boolean) => {}
    const shouldEvict: Eviction.ShouldEvict = () =>
      Effect.async<boolean>((resume) => {
        answer = (evict) => resume(Effect.succeed(evict))
      })
    return onOpenNetwork({ ...every, shouldEvict }, function* (here) {
      const { network, pool, story } = here
      yield* idleConnections(here, a, 1)
      yield* TestClock.adjust("10 seconds")
      const lease = ask(pool, a).held
      answer(true)
      yield* story.settle
      assert.isTrue(lease.connection.isOpen)
      give(lease)
      assert.deepStrictEqual(fates(network), ["Evicted"])
    })
  })

  it.effect("moves connections away from an address, one at a time as they come back, and the rest stays", () => {
    const rule = new Rule()
    return onPool({ ...every, shouldEvict: rule.shouldEvict }, function* (here) {
      const { network, pool, story } = here
      const asked = Array.from({ length: 3 }, () => ask(pool, a))
      for (const remoteAddress of ["192.0.2.1", "192.0.2.2", "192.0.2.1"]) {
        yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress })
      }
      rule.says = ({ facts }) => facts.remoteAddress === "192.0.2.1"
      yield* TestClock.adjust("10 seconds")
      for (const one of asked) answered(one.held, network)
      assert.deepStrictEqual(fates(network), ["Evicted", undefined, "Evicted"])
      assert.strictEqual(socketOf(ask(pool, a).held, network), network.sockets[1])
    })
  })

  it.effect("needs no timer while nothing is open, and is asked again when something is", () => {
    const rule = new Rule()
    return onOpenNetwork({ ...every, shouldEvict: rule.shouldEvict, connectionTimeout: 1 }, function* (here) {
      const { pool, story } = here
      const sleepers = Effect.map(TestClock.sleeps(), Chunk.size)
      assert.strictEqual(yield* sleepers, 0)
      const lease = yield* pool.lease(a)
      yield* story.settle
      // It is on lease, so there is nothing to clean up, but something to ask about.
      yield* TestClock.adjust("30 seconds")
      assert.isAtLeast(rule.take().length, 2)
      lease.settle(Lease.Broken("test"))
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* sleepers, 0)
      rule.take()
      give(yield* pool.lease(a))
      yield* TestClock.adjust("10 seconds")
      assert.isAtLeast(rule.take().length, 1)
    })
  })
})
