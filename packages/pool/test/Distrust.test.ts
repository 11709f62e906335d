/**
 * A peer that has fallen silent takes the connections with it that were idle meanwhile; one that is only slow does not.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connection, Lease, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { answered, fates, give, idleConnections, toldOf } from "./support/peers.js"
import { a, ask, exchange, type Here, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

const silent = Lease.Broken("HeadersTimeout", { silent: true })

/** A request is written on a reused connection, and for ten seconds nothing comes back. */
const hangs = ({ pool }: Here) =>
  Effect.gen(function* () {
    const lease = ask(pool, a).held
    assert.isTrue(lease.reused)
    lease.connection.write("ping")
    yield* TestClock.adjust("10 seconds")
    return lease
  })

describe("A request on a reused connection that was not answered with a byte", () => {
  it.effect("ends the connections to its peer that are idle since before, a turn later, and says so", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool, story } = here
      const events = yield* pool.subscribe
      yield* idleConnections(here, a, 4)
      const lease = yield* hangs(here)
      lease.settle(silent)
      assert.deepStrictEqual(fates(network), ["HeadersTimeout", undefined, undefined, undefined])
      yield* story.settle
      assert.deepStrictEqual(fates(network), ["HeadersTimeout", "Distrusted", "Distrusted", "Distrusted"])
      const stats = yield* pool.stats
      assert.deepStrictEqual(
        [stats.distrusted, stats.evictions, stats.closed, stats.hosts],
        [3, 3, { HeadersTimeout: 1, Distrusted: 3 }, 0]
      )
      assert.deepStrictEqual(yield* toldOf(events, "Distrusted"), [
        PoolEvent.Distrusted({ at: 10_000, key: a, remoteAddress: "192.0.2.1", count: 3 })
      ])
    })
  )

  it.effect("with nothing idle, says nothing", () =>
    onOpenNetwork({}, function* (here) {
      const events = yield* here.pool.subscribe
      yield* idleConnections(here, a, 1)
      const lease = yield* hangs(here)
      lease.settle(silent)
      yield* here.story.settle
      assert.deepStrictEqual(yield* toldOf(events, "Distrusted"), [])
      assert.strictEqual((yield* here.pool.stats).distrusted, 0)
    })
  )

  it.effect("leaves the host's other addresses alone, and those on lease", () =>
    onPool({}, function* (here) {
      const { network, pool, story } = here
      const asked = Array.from({ length: 5 }, () => ask(pool, a))
      for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"]) {
        yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress: address })
      }
      for (const one of asked) answered(one.held, network)
      yield* story.settle
      const lease = yield* hangs(here)
      const busy = ask(pool, a).held
      lease.settle(silent)
      yield* story.settle
      assert.deepStrictEqual(fates(network), ["HeadersTimeout", undefined, "Distrusted", undefined, undefined])
      give(busy)
      assert.strictEqual((yield* pool.stats).pooledConnections, 3)
    })
  )

  it.effect("that came back after the silence was noticed stays", () =>
    onPool(
      {},
      function* (here) {
        const { network, pool } = here
        for (let i = 0; i < 3; i++) ask(pool, a)
        yield* network.poll
        const leases = yield* Effect.forEach([1, 2, 3], () => pool.lease(a))
        for (const lease of leases) answered(lease, network)
        yield* network.poll
        const hanging = yield* hangs(here)
        const other = ask(pool, a).held
        hanging.settle(silent)
        yield* TestClock.adjust(1)
        // Nobody has touched it: what comes back says nothing about the peer.
        give(other)
        yield* network.poll
        assert.deepStrictEqual(fates(network).slice(3), ["HeadersTimeout", undefined, "Distrusted"])
      },
      { autoAccept: true, manualTurns: true }
    )
  )
})

describe("Nothing is distrusted", () => {
  const spared = (name: string, act: (here: Here) => Effect.Effect<void>) =>
    it.effect(name, () =>
      onOpenNetwork({}, function* (here) {
        yield* idleConnections(here, a, 3)
        yield* act(here)
        yield* here.story.settle
        assert.strictEqual((yield* here.pool.stats).distrusted, 0)
        assert.isAtLeast((yield* here.pool.stats).pooledConnections, 1)
      })
    )

  spared("where a part of an answer had come", (here) =>
    Effect.map(hangs(here), (lease) => {
      socketOf(lease, here.network).send("HTTP/1.1 20")
      lease.settle(silent)
    })
  )

  spared("where the lease ends otherwise", (here) =>
    Effect.gen(function* () {
      const first = yield* hangs(here)
      first.settle(Lease.Broken("Interrupted"))
      const second = yield* hangs(here)
      second.settle(Lease.Spent("Close"))
    })
  )

  spared("where nothing was written", ({ pool }) =>
    Effect.sync(() => {
      const lease = ask(pool, a).held
      assert.isTrue(lease.reused)
      lease.settle(silent)
    })
  )

  spared("where the connection was new: a new one may be refused for reasons of its own", (here) =>
    Effect.gen(function* () {
      const { pool, story } = here
      const asked = Array.from({ length: 4 }, () => ask(pool, a))
      yield* story.settle
      const fresh = asked[3]?.held as Lease.Lease
      assert.isFalse(fresh.reused)
      for (const one of asked.slice(0, 3)) give(one.held)
      fresh.connection.write("ping")
      yield* TestClock.adjust("10 seconds")
      fresh.settle(silent)
    })
  )

  spared("where the peer was heard of since the grant, on another connection", (here) =>
    Effect.gen(function* () {
      const lease = ask(here.pool, a).held
      lease.connection.write("ping")
      const other = ask(here.pool, a).held
      exchange(other, here.network)
      other.heard()
      give(other)
      yield* TestClock.adjust("10 seconds")
      lease.settle(silent)
    })
  )

  spared("where a byte is heard before the turn is over", (here) =>
    Effect.gen(function* () {
      const lease = yield* hangs(here)
      const other = ask(here.pool, a).held
      lease.settle(silent)
      other.heard()
      give(other)
    })
  )

  spared("where the operating system holds a byte of that peer which nobody has read yet", (here) =>
    Effect.gen(function* () {
      const lease = yield* hangs(here)
      const other = ask(here.pool, a).held
      other.connection.write("ping")
      other.connection.receiver = { ...Connection.silentReceiver, onBytes: () => other.heard() }
      socketOf(other, here.network).sendLater("pong")
      lease.settle(silent)
      yield* here.story.settle
      assert.isTrue(other.connection.bytesRead > 0)
      give(other)
    })
  )
})

describe("A peer is distrusted once in five seconds", () => {
  it.effect("and each address has its own five seconds", () =>
    onPool({ idleOrder: "lifo" }, function* (here) {
      const { network, pool, story } = here
      /** A connection to the address idles, and another is on lease with its request out. */
      const pair = function* (remoteAddress: string) {
        const [first, second] = [ask(pool, a, freshly), ask(pool, a, freshly)]
        for (const _ of [1, 2]) yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress })
        answered(second.held, network)
        answered(first.held, network)
        yield* story.settle
        const lease = ask(pool, a).held
        assert.isTrue(lease.reused)
        assert.strictEqual(lease.connection.facts.remoteAddress, remoteAddress)
        lease.connection.write("ping")
        return lease
      }
      const freshly = { fresh: true }
      const distrusted = function* (lease: Lease.Lease) {
        const before = (yield* pool.stats).distrusted
        lease.settle(silent)
        yield* story.settle
        return (yield* pool.stats).distrusted - before
      }
      // Somebody is on another connection all the while, so that the host stays known.
      const keeper = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a), { remoteAddress: "192.0.2.9" })
      assert.isDefined(keeper.lease)

      const found = []
      const one = yield* pair("192.0.2.1")
      found.push(yield* distrusted(one))
      const again = yield* pair("192.0.2.1")
      yield* TestClock.adjust(4999)
      found.push(yield* distrusted(again))
      const other = yield* pair("192.0.2.2")
      found.push(yield* distrusted(other))
      yield* TestClock.adjust(1)
      const third = yield* pair("192.0.2.1")
      found.push(yield* distrusted(third))
      // The third time takes the idle one along that the second had spared.
      assert.deepStrictEqual(found, [1, 0, 1, 2])
    })
  )

  it.effect("a hundred impatient users of a slow server that lives cause no storm of new connections", () =>
    onOpenNetwork({ maxIdlePerHost: 100 }, function* (here) {
      const { network, pool, story } = here
      yield* idleConnections(here, a, 100)
      // For a minute: each user waits for two seconds, the server answers one of them in every quarter of a second.
      for (let second = 0; second < 60; second++) {
        const asked = Array.from({ length: 100 }, () => ask(pool, a))
        yield* story.settle
        for (const one of asked) one.held.connection.write("ping")
        for (let quarter = 0; quarter < 8; quarter++) {
          yield* TestClock.adjust(250)
          const lucky = asked[quarter]?.held as Lease.Lease
          answered(lucky, network)
        }
        for (const one of asked.slice(8)) one.held.settle(silent)
        yield* story.settle
      }
      const { closed, distrusted } = yield* pool.stats
      assert.deepStrictEqual([distrusted, closed.Distrusted], [0, undefined])
    })
  )

  it.effect("a hundred users of a server that hangs for a while close its idle connections once in five seconds", () =>
    onOpenNetwork({ maxIdlePerHost: 100 }, function* (here) {
      const { pool, story } = here
      yield* idleConnections(here, a, 100)
      yield* TestClock.adjust("1 minute")
      const events = yield* pool.subscribe
      const busy = Array.from({ length: 50 }, () => ask(pool, a))
      for (const one of busy) one.held.connection.write("ping")
      // They lose patience one after the other, one each 100 ms.
      for (const one of busy) {
        yield* TestClock.adjust(100)
        one.held.settle(silent)
      }
      yield* story.settle
      assert.deepStrictEqual(
        (yield* toldOf(events, "Distrusted")).map(({ at, count }) => [at, count]),
        [[60_100, 50]]
      )
    })
  )

  it.effect("once in five seconds also where the host was forgotten meanwhile", () =>
    onOpenNetwork({}, function* (here) {
      const { pool, story } = here
      const fallsSilent = Effect.gen(function* () {
        yield* idleConnections(here, a, 2)
        const { held } = ask(pool, a)
        held.connection.write("ping")
        held.settle(silent)
        yield* story.settle
        return (yield* pool.stats).distrusted
      })
      assert.deepStrictEqual([yield* fallsSilent, (yield* pool.stats).hosts], [1, 0])
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(yield* fallsSilent, 1)
      yield* pool.clear
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* fallsSilent, 2)
    })
  )
})
