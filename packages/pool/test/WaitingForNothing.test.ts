/**
 * No request waits for something that need not come: after a failed dial it waits for the next one, or for a lease that
 * is bound to end.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { graceFor } from "../src/internal/hope.js"
import { leastWait, longestWait } from "../src/internal/redial.js"
import { Asked, a, ask, b, type Here, onOpenNetwork } from "./support/stories.js"

/** A request whose lease is bound to end before long. */
class Bounded extends Asked {
  readonly bounded = true
}

const askBounded = ({ pool }: Here): Asked => new Bounded("bounded").begin(pool, a)

const pending = ({ network }: Here) => network.dials.filter((dial) => dial.state === "pending")

/** Every dial fails from now on, as soon as it is made; answers when each was. */
const refuse = ({ network, pool, story }: Here) => {
  const from = network.dials.length
  const at: Array<number> = []
  network.park()
  const now = () => pool.unsafe.deadlines.now()
  const began = now()
  const until = (millis: number) =>
    Effect.gen(function* () {
      for (;;) {
        yield* story.settle
        for (const dial of network.dials.slice(from + at.length)) {
          at.push(now() - began)
          dial.fail({ code: "ECONNREFUSED" })
        }
        assert.isUndefined(pool.unsafe.waitsInVain())
        if (now() - began >= millis) return at
        yield* TestClock.adjust(50)
      }
    })
  return { at, until }
}

describe("A request whose dial has failed", () => {
  it.effect("is told of it soon where the host's only connection is on a lease that may last for ever", () =>
    onOpenNetwork({ acquireTimeout: "30 seconds" }, function* (here) {
      const { pool } = here
      const stream = askBounded(here)
      yield* here.story.settle
      stream.held.mayLast(true)
      const { at, until } = refuse(here)
      const waiter = ask(pool, a)
      yield* until(1000)
      assert.include(waiter.error?.message, "ECONNREFUSED")
      assert.deepStrictEqual(at, [0, leastWait, 3 * leastWait, 7 * leastWait])
      assert.isFalse(stream.held.settled)
      assert.strictEqual((yield* pool.stats).hosts, 1)
    })
  )

  it.effect("is told of it soon where the host's only connection is held by a user who has not said for how long", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      yield* here.pool.acquire(a)
      const { until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(1000)
      assert.include(waiter.error?.message, "ECONNREFUSED")
    })
  )

  it.effect("is told of it at once where it had waited for longer than the moment that a host may be away", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool, story } = here
      yield* pool.lease(a)
      network.park()
      const waiter = ask(pool, a)
      yield* story.settle
      yield* TestClock.adjust(graceFor)
      pending(here)[0]?.fail({ code: "ETIMEDOUT" })
      yield* story.settle
      assert.include(waiter.error?.message, "ETIMEDOUT")
    })
  )

  it.effect("is served when the host is back within that moment", () =>
    onOpenNetwork({}, function* (here) {
      yield* here.pool.lease(a)
      const { until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(300)
      here.network.autoAccept()
      yield* TestClock.adjust("500 millis")
      yield* here.story.settle
      assert.isDefined(waiter.lease)
    })
  )

  it.effect("is dialled for again, ever less often and at least once a second, while a lease is bound to end", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      const busy = askBounded(here)
      yield* here.story.settle
      const { until } = refuse(here)
      const waiters = Array.from({ length: 20 }, () => ask(here.pool, a))
      const at = yield* until(10_000)
      assert.isTrue(waiters.every((waiter) => waiter.waiting))
      const [first = 0, second = 0, third = 0] = at.slice(-3)
      assert.deepStrictEqual([second - first, third - second], [longestWait, longestWait])
      assert.isAtMost(at.length, 16 + 13, "those that began at once, and one at a time")
      busy.held.settle(Lease.Reusable())
      assert.isDefined(waiters[0]?.lease)
    })
  )

  it.effect("is served within a second of the host's return, however long that was away", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      askBounded(here)
      yield* here.story.settle
      const { until } = refuse(here)
      const waiters = [ask(here.pool, a), ask(here.pool, a)]
      yield* until(25_000)
      here.network.autoAccept()
      yield* TestClock.adjust(longestWait)
      yield* here.story.settle
      assert.isTrue(waiters.every((waiter) => waiter.lease !== undefined))
    })
  )

  it.effect("is told of it with the next one when the lease that it waited for turns out to be a stream", () =>
    onOpenNetwork({}, function* (here) {
      const busy = askBounded(here)
      yield* here.story.settle
      const { until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(3000)
      assert.isTrue(waiter.waiting)
      busy.held.mayLast(true)
      yield* TestClock.adjust(longestWait)
      yield* until(4100)
      assert.include(waiter.error?.message, "ECONNREFUSED")
    })
  )

  it.effect("waits on where a stream is bound to end after all, by its holder's word", () =>
    onOpenNetwork({}, function* (here) {
      const busy = yield* here.pool.lease(a)
      busy.mayLast(true)
      busy.mayLast(false)
      const { until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(5000)
      assert.isTrue(waiter.waiting)
      busy.settle(Lease.Reusable())
      assert.isDefined(waiter.lease)
    })
  )

  it.effect("waits for no dial of its own when it has left, and none is made for it", () =>
    onOpenNetwork({}, function* (here) {
      askBounded(here)
      yield* here.story.settle
      const { at, until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(1000)
      const dials = at.length
      waiter.cancel()
      yield* until(10_000)
      assert.strictEqual(at.length, dials)
    })
  )

  it.effect("is dialled for at once when the host's last connection ends", () =>
    onOpenNetwork({}, function* (here) {
      const busy = askBounded(here)
      yield* here.story.settle
      const { until } = refuse(here)
      const waiter = ask(here.pool, a)
      yield* until(3000)
      here.network.autoAccept()
      busy.held.settle(Lease.Broken("PeerClosed"))
      yield* here.story.settle
      assert.isDefined(waiter.lease)
    })
  )

  it.effect("is dialled for when a suspended pool is resumed, if its dial failed meanwhile", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      const { network, pool, story } = here
      network.park()
      const waiter = ask(pool, a)
      yield* story.settle
      yield* pool.suspend
      pending(here)[0]?.fail()
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(pending(here).length, 0)
      yield* pool.resume
      yield* story.settle
      pending(here)[0]?.succeed()
      yield* story.settle
      assert.isDefined(waiter.lease)
    })
  )

  it.effect("waits for its connection behind a raw lease at the limit, where no dial has failed", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const held = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("20 seconds")
      assert.isTrue(waiter.waiting)
      assert.isUndefined(pool.unsafe.waitsInVain())
      held.settle(Lease.Reusable())
      yield* story.settle
      assert.isDefined(waiter.lease)
    })
  )
})

describe("A process that has run out of descriptors", () => {
  /** So many sockets can be open at once; each further dial fails at once. Answers how many did. */
  const scarce = ({ network, story }: Here, descriptors: number, code = "EMFILE") => {
    let failed = 0
    let seen = network.dials.length
    network.park()
    const serve = Effect.gen(function* () {
      for (;;) {
        yield* story.settle
        const dials = network.dials.slice(seen)
        if (dials.length === 0) return failed
        seen += dials.length
        const opening: Array<(typeof dials)[number]> = []
        for (const dial of dials) {
          if (dial.state !== "pending") continue
          if (network.open.length + opening.length < descriptors) opening.push(dial)
          else {
            failed++
            dial.fail({ code, local: true })
          }
        }
        yield* story.settle
        for (const dial of opening) if (dial.state === "pending") dial.succeed()
      }
    })
    return { serve, give: (more: number) => (descriptors += more) }
  }

  const cases = [
    ["EMFILE", 1, true],
    ["EMFILE", 10, true],
    ["ENOBUFS", 3, true],
    ["EMFILE", 1, false],
    ["EMFILE", 10, false],
    ["EADDRNOTAVAIL", 5, true],
    ["EADDRNOTAVAIL", 5, false]
  ] as const
  for (const [code, descriptors, keeps] of cases) {
    it.effect(
      `serves 200 requests at once with ${descriptors} of them left (${code}) and few dials in vain, where the server ${keeps ? "keeps" : "closes"} its connections`,
      () =>
        onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
          const { serve } = scarce(here, descriptors, code)
          const asked = Array.from({ length: 200 }, () => askBounded(here))
          let served = 0
          for (let rounds = 0; served < 200 && rounds < 2000; rounds++) {
            yield* serve
            assert.isUndefined(here.pool.unsafe.waitsInVain())
            for (const one of asked) {
              if (one.lease === undefined || one.lease.settled) continue
              one.lease.settle(keeps ? Lease.Reusable() : Lease.Spent("PeerClosed"))
              served++
              break
            }
            yield* TestClock.adjust(2)
          }
          assert.deepStrictEqual([served, asked.filter((one) => one.error !== undefined).length], [200, 0])
          assert.isBelow(yield* serve, 50)
        })
    )
  }

  it.effect("dials as ever as soon as there are descriptors again, one more and twice as many with each success", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      const { give, serve } = scarce(here, 1)
      const asked = Array.from({ length: 100 }, () => askBounded(here))
      yield* serve
      yield* TestClock.adjust("10 seconds")
      const failed = yield* serve
      give(1000)
      for (let i = 0; i < 20; i++) {
        yield* TestClock.adjust(100)
        yield* serve
      }
      assert.strictEqual(asked.filter((one) => one.lease !== undefined).length, 100)
      assert.strictEqual(yield* serve, failed)
    })
  )

  it.effect("tries one dial at a time, whatever host it is to, and tells those who have nothing else to hope for", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      const { serve } = scarce(here, 0)
      const first = ask(here.pool, a)
      yield* serve
      assert.include(first.error?.message, "EMFILE")
      const others = [ask(here.pool, a), ask(here.pool, b), ask(here.pool, b)]
      yield* here.story.settle
      assert.strictEqual(pending(here).length, 0)
      assert.isUndefined(here.pool.unsafe.waitsInVain())
      for (let i = 0; i < 30; i++) {
        yield* TestClock.adjust(100)
        yield* here.story.settle
        assert.isAtMost(pending(here).length, 1)
        yield* serve
      }
      for (const one of others) assert.include(one.error?.message, "EMFILE")
    })
  )

  it.effect("loses its ports for one host alone", () =>
    onOpenNetwork({ acquireTimeout: Infinity }, function* (here) {
      const { serve } = scarce(here, 0, "EADDRNOTAVAIL")
      ask(here.pool, a)
      yield* serve
      const others = [ask(here.pool, b), ask(here.pool, b)]
      yield* here.story.settle
      assert.strictEqual(pending(here).length, others.length)
    })
  )
})

describe("AcquireTimeout and PendingLimitReached", () => {
  it.effect("say how many leases have been streaming, for how long, and what to raise", () =>
    onOpenNetwork({ maxConnectionsPerHost: 3, maxPendingPerHost: 1, acquireTimeout: "30 seconds" }, function* (here) {
      const { pool, story } = here
      const streams = [askBounded(here), askBounded(here), askBounded(here)]
      yield* story.settle
      streams[0]?.held.mayLast(true)
      yield* TestClock.adjust("1 second")
      const waiter = ask(pool, a)
      streams[1]?.held.mayLast(true)
      const tooMany = ask(pool, a)
      yield* TestClock.adjust("30 seconds")
      const { error } = waiter
      assert.isTrue(error?._tag === "AcquireTimeout")
      assert.strictEqual(
        error?.message,
        "No connection to http://a.test:80 became free within 30000 ms (acquireTimeout): 3 active (2 of them have been streaming, the longest for 31000 ms), 0 idle, 0 opening, 1 waiting, limit 3; an open stream holds its connection until it ends: raise maxConnectionsPerHost by as many as are to stay open"
      )
      assert.deepInclude((error as { readonly numbers: object }).numbers, {
        streaming: 2,
        longestStream: 31_000,
        limiting: "maxConnectionsPerHost"
      })
      assert.include(tooMany.error?.message, "raise maxConnectionsPerHost")
      streams[0]?.held.settle(Lease.Broken("over"))
      const next = ask(pool, a, { timeout: 10 })
      yield* story.settle
      assert.isDefined(next.lease)
      const last = ask(pool, a, { timeout: 10 })
      yield* TestClock.adjust(10)
      assert.include(last.error?.message, "3 active (1 of them has been streaming for 30010 ms)")
    })
  )

  it.effect("name the limit of the whole pool where that is what binds, and none where no stream is open", () =>
    onOpenNetwork({ maxConnections: 1 }, function* (here) {
      const { pool } = here
      const stream = yield* pool.lease(a)
      const first = ask(pool, a, { timeout: 10 })
      yield* TestClock.adjust(10)
      assert.notInclude(first.error?.message, "raise")
      stream.mayLast(true)
      const second = ask(pool, a, { timeout: 10 })
      yield* TestClock.adjust(10)
      assert.include(second.error?.message, "raise maxConnections by")
    })
  )
})
