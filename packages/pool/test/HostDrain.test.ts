/**
 * One host's connections of now are ended, while new ones to it may be opened: a peer is replaced behind its name.
 */

import { assert, describe, it } from "@effect/vitest"
import { Connection, Lease, PoolEvent } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as TestClock from "effect/TestClock"
import { answered, counts, fates, give, idleConnections, told, toldOf } from "./support/peers.js"
import { a, ask, b, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

const minute = { drainTimeout: "1 minute" } as const

describe("drainHost", () => {
  it.effect("ends idle connections now and busy ones when they come back, and says so when all are gone", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const events = yield* pool.subscribe
      yield* idleConnections(here, a, 3)
      yield* idleConnections(here, b, 1)
      const busy = ask(pool, a).held
      const drain = yield* story.start("drain", pool.drainHost(a))
      assert.deepStrictEqual(fates(network), [undefined, "Drained", "Drained", undefined])
      yield* TestClock.adjust("10 seconds")
      yield* story.expectWaiting(drain)
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [])
      give(busy)
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), ["Drained", "Drained", "Drained", undefined])
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [
        PoolEvent.HostDrained({ at: 10_000, key: a, took: 10_000, aborted: 0 })
      ])
      assert.deepStrictEqual((yield* pool.stats).closed, { Drained: 3 })
    })
  )

  it.effect("lets new connections be opened meanwhile, which live on", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const busy = yield* pool.lease(a)
      const drain = yield* story.start("drain", pool.drainHost(a))
      const fresh = yield* pool.lease(a)
      assert.isFalse(fresh.reused)
      answered(fresh, network)
      const again = ask(pool, a).held
      assert.strictEqual(again.connection, fresh.connection)
      yield* story.expectWaiting(drain)
      give(busy)
      yield* story.expectDone(drain)
      give(again)
      assert.deepStrictEqual(fates(network), ["Drained", undefined])
      assert.strictEqual((yield* pool.stats).pooledConnections, 1)
    })
  )

  it.effect("leaves dials under way alone: what they open is new", () =>
    onPool(minute, function* ({ network, pool, story }) {
      const waiter = ask(pool, a)
      const dial = yield* story.expectDial(a)
      yield* story.start("drain", pool.drainHost(a))
      yield* story.expectDone("drain")
      yield* story.dialSucceeds(dial)
      answered(waiter.held, network)
      assert.deepStrictEqual(fates(network), [undefined])
    })
  )

  it.effect("gives the place of a connection that came back to the request in line", () =>
    onOpenNetwork({ ...minute, maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const busy = yield* pool.lease(a)
      const waiter = ask(pool, a)
      const drain = yield* story.start("drain", pool.drainHost(a))
      assert.isTrue(waiter.waiting)
      answered(busy, network)
      yield* story.settle
      assert.notStrictEqual(waiter.held.connection, busy.connection)
      yield* story.expectDone(drain)
      assert.deepStrictEqual([network.maxOpen(), network.open.length], [1, 1])
      give(waiter.held)
    })
  )

  it.effect("closes at last what is still on lease, tells its holders, and touches no newer one", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const events = yield* pool.subscribe
      const [one, two] = [yield* pool.lease(a), yield* pool.lease(a)]
      const errors: Array<unknown> = []
      for (const lease of [one, two]) {
        lease.connection.receiver = { ...Connection.silentReceiver, onError: (error) => errors.push(error) }
      }
      const drain = yield* story.start("drain", pool.drainHost(a))
      const newer = yield* pool.lease(a)
      yield* TestClock.adjust(59_999)
      yield* story.expectWaiting(drain)
      yield* TestClock.adjust(1)
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), ["DrainTimeout", "DrainTimeout", undefined])
      assert.deepStrictEqual(
        errors.map((error) => [(error as { _tag: string })._tag, (error as { reason: string }).reason]),
        [
          ["LeaseRevoked", "DrainTimeout"],
          ["LeaseRevoked", "DrainTimeout"]
        ]
      )
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [
        PoolEvent.HostDrained({ at: 60_000, key: a, took: 60_000, aborted: 2 })
      ])
      // Settling after that changes nothing.
      const before = yield* pool.stats
      give(one)
      two.settle(Lease.Broken("PoolClosed"))
      assert.deepStrictEqual(yield* pool.stats, before)
      give(newer)
      assert.deepStrictEqual(yield* counts(pool), { idle: 1, active: 0, opening: 0, waiting: 0 })
    })
  )

  it.effect("says in what it tells the holders how long it has waited for them", () =>
    onOpenNetwork(minute, function* ({ pool, story }) {
      const lease = yield* pool.lease(a)
      const messages: Array<string> = []
      lease.connection.receiver = {
        ...Connection.silentReceiver,
        onError: (error) => messages.push((error as Error).message)
      }
      yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(messages, [
        "The pool closed a connection to http://a.test:80 that was still on lease after 60000 ms (DrainTimeout)"
      ])
    })
  )

  it.effect("closes a lease that was reported as leaked, which has not come back by that", () =>
    onOpenNetwork({ leakThreshold: "1 second", drainTimeout: "5 seconds" }, function* ({ network, pool, story }) {
      const events = yield* pool.subscribe
      const lease = yield* pool.lease(a)
      yield* TestClock.adjust("2 seconds")
      yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("5 seconds")
      yield* story.expectDone("drain")
      assert.deepStrictEqual(fates(network), ["DrainTimeout"])
      // Nor when its holder ends it afterwards.
      lease.settle(Lease.Broken("PoolClosed"))
      const tags = (yield* told(events)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(
        [tags.includes("Leaked"), tags.includes("LeakReturned"), tags.includes("HostDrained")],
        [true, false, true]
      )
    })
  )

  it.effect("of a host that nobody knows ends at once, and there is nothing to tell", () =>
    onOpenNetwork(minute, function* ({ pool }) {
      const events = yield* pool.subscribe
      yield* pool.drainHost(a)
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [])
      assert.strictEqual((yield* pool.stats).hosts, 0)
    })
  )

  it.effect("of a host with nothing but idle connections ends at once", () =>
    onOpenNetwork(minute, function* (here) {
      const events = yield* here.pool.subscribe
      yield* idleConnections(here, a, 2)
      yield* here.pool.drainHost(a)
      assert.deepStrictEqual(fates(here.network), ["Drained", "Drained"])
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [
        PoolEvent.HostDrained({ at: 0, key: a, took: 0, aborted: 0 })
      ])
      assert.strictEqual((yield* here.pool.stats).hosts, 0)
    })
  )

  it.effect("twice at once: the second also ends what was opened after the first, each within its own time", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const events = yield* pool.subscribe
      yield* pool.lease(a)
      const first = yield* story.start("first", pool.drainHost(a))
      yield* TestClock.adjust("10 seconds")
      const newer = yield* pool.lease(a)
      const second = yield* story.start("second", pool.drainHost(a))
      yield* TestClock.adjust("50 seconds")
      yield* story.expectDone(first)
      yield* story.expectWaiting(second)
      assert.deepStrictEqual(fates(network), ["DrainTimeout", undefined])
      give(newer)
      yield* story.expectDone(second)
      assert.deepStrictEqual(yield* toldOf(events, "HostDrained"), [
        PoolEvent.HostDrained({ at: 60_000, key: a, took: 60_000, aborted: 1 }),
        PoolEvent.HostDrained({ at: 60_000, key: a, took: 50_000, aborted: 0 })
      ])
    })
  )

  it.effect("interrupted: what it began stands, and nothing more is closed while it is on lease", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const busy = yield* pool.lease(a)
      yield* story.start("drain", pool.drainHost(a))
      yield* story.interrupt("drain")
      yield* TestClock.adjust("5 minutes")
      assert.isTrue(busy.connection.isOpen)
      give(busy)
      assert.deepStrictEqual(fates(network), ["Drained"])
    })
  )

  it.effect("interrupted, it forgets unread answers, which nobody else wants", () =>
    onOpenNetwork(minute, function* ({ pool, story }) {
      const busy = yield* pool.lease(a)
      yield* story.start("drain", pool.drainHost(a))
      yield* story.interrupt("drain")
      let reclaimed = 0
      busy.offer(() => reclaimed++)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(reclaimed, 0)
      give(busy)
    })
  )

  it.effect("takes unread answers back once they have been unread for a second", () =>
    onOpenNetwork(minute, function* (here) {
      const { network, pool, story } = here
      const [early, late, other] = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(b)]
      const reclaimed: Array<string> = []
      const offer = (name: string, lease: Lease.Lease) =>
        lease.offer(() => {
          reclaimed.push(name)
          lease.settle(Lease.Broken("BodyAbandoned"))
        })
      offer("early", early)
      offer("other", other)
      yield* TestClock.adjust("10 seconds")
      const drain = yield* story.start("drain", pool.drainHost(a))
      assert.deepStrictEqual(reclaimed, ["early"])
      yield* TestClock.adjust("10 seconds")
      offer("late", late)
      yield* TestClock.adjust(999)
      yield* story.expectWaiting(drain)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(reclaimed, ["early", "late"])
      yield* story.expectDone(drain)
      assert.deepStrictEqual(fates(network), ["BodyAbandoned", "BodyAbandoned", undefined])
    })
  )

  it.effect("ends with the pool's own drain, which is over sooner", () =>
    onOpenNetwork({ drainTimeout: "10 seconds" }, function* ({ network, pool, story }) {
      const busy = yield* pool.lease(a)
      const host = yield* story.start("host", pool.drainHost(a))
      const whole = yield* story.start("whole", pool.drain)
      yield* story.expectWaiting(host, whole)
      give(busy)
      yield* story.expectDone(host)
      yield* story.expectDone(whole)
      assert.deepStrictEqual(fates(network), ["Drained"])
    })
  )

  it.effect("without a limit it waits for as long as it takes", () =>
    onOpenNetwork({ drainTimeout: Duration.infinity }, function* ({ pool, story }) {
      const busy = yield* pool.lease(a)
      const drain = yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("1000 days")
      yield* story.expectWaiting(drain)
      give(busy)
      yield* story.expectDone(drain)
    })
  )

  it.effect("a waiter of another host at the total takes the place of what it closes", () =>
    onOpenNetwork({ ...minute, maxConnections: 1 }, function* ({ network, pool, story }) {
      const busy = yield* pool.lease(a)
      const waiter = ask(pool, b)
      yield* story.start("drain", pool.drainHost(a))
      yield* TestClock.adjust("20 seconds")
      busy.connection.write("ping")
      busy.settle(Lease.Spent("Close"))
      yield* story.settle
      assert.strictEqual(socketOf(waiter.held, network), network.sockets[1])
      yield* story.expectDone("drain")
      give(waiter.held)
    })
  )
})
