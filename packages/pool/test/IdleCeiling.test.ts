/**
 * How long a peer keeps idle connections is learned from those it closed, and from nothing else.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, PoolEvent } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { IdleCeiling } from "../src/internal/idleCeiling.js"
import { answered, fates, give, idleConnections, toldOf } from "./support/peers.js"
import { a, ask, type Here, hostStatsOf, onOpenNetwork, socketOf } from "./support/stories.js"

/** A ceiling that has seen these closings, each `[idle, at]`. */
const taught = (...closings: ReadonlyArray<readonly [number, number]>): IdleCeiling => {
  const ceiling = new IdleCeiling()
  for (const [idle, at] of closings) ceiling.closed(idle, at)
  return ceiling
}

const later = 60_000

describe("IdleCeiling", () => {
  it("knows nothing at first, and one closing teaches nothing", () => {
    assert.strictEqual(new IdleCeiling().at(later), Infinity)
    assert.strictEqual(taught([5000, 0]).at(later), Infinity)
  })

  it("is a second less than the shorter of two closings that idled alike at different times", () => {
    assert.strictEqual(taught([5000, 0], [5000, 10_000]).at(later), 4000)
    assert.strictEqual(taught([5500, 0], [5000, 10_000]).at(later), 4000)
    assert.strictEqual(taught([5000, 0], [5500, 10_000]).at(later), 4000)
  })

  it("alike is within a fifth", () => {
    assert.strictEqual(taught([5000, 0], [6000, 10_000]).at(later), 4000)
    assert.strictEqual(taught([5000, 0], [6001, 10_000]).at(later), Infinity)
    assert.strictEqual(taught([6001, 0], [5000, 10_000]).at(later), Infinity)
  })

  it("each closing is held against the one before", () => {
    assert.strictEqual(taught([3000, 0], [5000, 10_000], [5500, 20_000]).at(later), 4000)
    assert.strictEqual(taught([3000, 0], [5000, 10_000], [3000, 20_000]).at(later), Infinity)
  })

  it("a burst within 250 ms at unlike ages is a restart: it teaches nothing and takes nothing away", () => {
    const restart = [
      [2000, 10_000],
      [5000, 10_100],
      [30_000, 10_250]
    ] as const
    assert.strictEqual(taught(...restart).at(later), Infinity)
    assert.strictEqual(taught([5000, 0], ...restart).at(later), Infinity)
    assert.strictEqual(taught([5000, 0], ...restart, [5000, 20_000]).at(later), 4000)
  })

  it("two restarts alike teach nothing", () => {
    const restart = (at: number) =>
      [
        [3000, at],
        [9000, at + 1]
      ] as const
    assert.strictEqual(taught(...restart(0), ...restart(10_000), ...restart(20_000)).at(later), Infinity)
  })

  it("a burst at one age is one closing", () => {
    const burst = (at: number) => [0, 50, 100, 250].map((after) => [5000 + after, at + after] as const)
    assert.strictEqual(taught(...burst(0)).at(later), Infinity)
    assert.strictEqual(taught(...burst(0), ...burst(10_000)).at(later), 4000)
    // The first millisecond after the burst is another time.
    assert.strictEqual(taught([5000, 0], [5000, 250]).at(later), Infinity)
    assert.strictEqual(taught([5000, 0], [5000, 251]).at(later), 4000)
  })

  it("what a closing says is known only when the burst it may belong to is over", () => {
    const ceiling = taught([5000, 0], [5000, 10_000])
    assert.strictEqual(ceiling.at(10_250), Infinity)
    assert.strictEqual(ceiling.at(10_251), 4000)
  })

  it("closings before a second of idleness are no limit of idleness", () => {
    assert.strictEqual(taught([999, 0], [999, 10_000], [999, 20_000]).at(later), Infinity)
    assert.strictEqual(taught([1000, 0], [1000, 10_000]).at(later), 1000)
  })

  it("is never below a second", () => {
    assert.strictEqual(taught([1999, 0], [1999, 10_000]).at(later), 1000)
    assert.strictEqual(taught([2001, 0], [2001, 10_000]).at(later), 1001)
  })

  it("closings later than it say nothing against it", () => {
    assert.strictEqual(taught([5000, 0], [5000, 1000], [20_000, 2000], [20_000, 3000]).at(10_000), 4000)
  })

  it("is raised by a quarter when a connection has worked that had idled for more than half of it", () => {
    const ceiling = taught([5000, 0], [5000, 10_000])
    assert.strictEqual(ceiling.at(20_000), 4000)
    ceiling.survived(2000)
    assert.strictEqual(ceiling.at(20_000), 4000)
    ceiling.survived(2001)
    assert.strictEqual(ceiling.at(20_000), 5000)
    ceiling.survived(2500)
    assert.strictEqual(ceiling.at(20_000), 5000)
  })

  it("is not learned when one that had idled for as long has worked in between", () => {
    const ceiling = taught([5000, 0])
    ceiling.at(1000)
    ceiling.survived(4166)
    ceiling.closed(5000, 10_000)
    assert.strictEqual(ceiling.at(11_000), 4000)
    const refuted = taught([5000, 0])
    refuted.at(1000)
    refuted.survived(4167)
    refuted.closed(5000, 10_000)
    assert.strictEqual(refuted.at(11_000), Infinity)
    refuted.closed(5000, 20_000)
    assert.strictEqual(refuted.at(21_000), 4000)
  })

  it("is forgotten when no closing has confirmed it for a minute", () => {
    const ceiling = taught([5000, 0], [5000, 10_000])
    assert.strictEqual(ceiling.at(69_999), 4000)
    assert.strictEqual(ceiling.at(70_000), Infinity)
    assert.strictEqual(ceiling.news(70_000), undefined)
    const confirmed = taught([5000, 0], [5000, 10_000], [5400, 50_000])
    assert.strictEqual(confirmed.at(109_999), 4000)
    assert.strictEqual(confirmed.at(110_000), Infinity)
    // Another, longer limit says nothing for this one.
    assert.strictEqual(taught([5000, 0], [5000, 10_000], [9000, 50_000], [9000, 60_000]).at(70_000), Infinity)
  })

  it("is news once, and again when it falls", () => {
    const ceiling = taught([5000, 0], [5000, 10_000])
    assert.strictEqual(ceiling.news(10_250), undefined)
    assert.strictEqual(ceiling.news(10_251), 4000)
    assert.strictEqual(ceiling.news(10_252), undefined)
    ceiling.closed(3000, 20_000)
    ceiling.closed(3000, 30_000)
    assert.deepStrictEqual([ceiling.news(31_000), ceiling.news(31_000)], [2000, undefined])
  })

  it("whatever is closed whenever, it never comes below a second, and never learns from what was too young", () => {
    const closing = FastCheck.tuple(FastCheck.nat({ max: 20_000 }), FastCheck.nat({ max: 2000 }), FastCheck.boolean())
    FastCheck.assert(
      FastCheck.property(FastCheck.array(closing, { maxLength: 60 }), (steps) => {
        const [all, young] = [new IdleCeiling(), new IdleCeiling()]
        let now = 0
        for (const [idle, passed, works] of steps) {
          now += passed
          if (works) all.survived(idle)
          else all.closed(idle, now)
          young.closed(idle % 1000, now)
          assert.isAtLeast(all.at(now), 1000)
          assert.strictEqual(young.at(now), Infinity)
        }
      })
    )
  })
})

/**
 * A peer that closes one in twenty at random, met by one client. `closesParked`: while the connection idles, so that the
 * end is seen at once; otherwise the next request runs into it. Answers the share of requests on a reused connection.
 */
const hitRate = (seed: number, closesParked: boolean, interval: (random: number) => number): number => {
  const random = randomNumbers(seed)
  const ceiling = new IdleCeiling()
  const requests = 2000
  let [now, hits, open] = [0, 0, false]
  for (let i = 0; i < requests; i++) {
    const idle = interval(random())
    now += idle + 10
    const closes = open && random() < 0.05
    if (closes && closesParked) {
      const at = idle * random()
      ceiling.closed(at, now - idle + at)
      continue
    }
    if (!open || idle >= ceiling.at(now)) {
      open = true
      continue
    }
    hits++
    if (closes) ceiling.closed(idle, now)
    else ceiling.survived(idle)
  }
  return hits / requests
}

/** Marsaglia's xorshift, from 0 to 1. */
const randomNumbers = (seed: number) => {
  let state = (seed ^ 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

describe("A peer that closes one connection in twenty at random", () => {
  const intervals: ReadonlyArray<readonly [string, (random: number) => number]> = [
    ["of up to half a minute", (random) => random * 30_000],
    ["of up to three seconds", (random) => random * 3000],
    ["of one to five seconds", (random) => 1000 + random * 4000],
    ["that are mostly short", (random) => -Math.log(1 - random) * 2000],
    ["that are mostly below half a minute", (random) => -Math.log(1 - random) * 10_000],
    ["from a tenth of a second to a minute", (random) => 100 * 600 ** random],
    ["of three seconds, all alike", () => 3000],
    ["of three seconds and a little", (random) => 3000 + random * 300],
    ["of more than five seconds", (random) => 5000 + random * 55_000]
  ]
  for (const [name, interval] of intervals) {
    it(`keeps nine requests in ten on a reused connection, at intervals ${name}`, () => {
      FastCheck.assert(
        FastCheck.property(FastCheck.integer(), FastCheck.boolean(), (seed, closesParked) => {
          assert.isAbove(hitRate(seed, closesParked, interval), 0.82)
        }),
        { numRuns: 50 }
      )
      const seeds = Array.from({ length: 40 }, (_, seed) => seed)
      for (const closesParked of [true, false]) {
        const mean = seeds.reduce((sum, seed) => sum + hitRate(seed, closesParked, interval), 0) / seeds.length
        assert.isAbove(mean, 0.9)
      }
    })
  }
})

/** The host has a connection that has idled for so long when its peer closes it. */
const closesAfter = (here: Here, millis: number) =>
  Effect.gen(function* () {
    const [socket] = yield* idleConnections(here, a, 1)
    yield* TestClock.adjust(millis)
    socket?.end()
    yield* here.story.settle
  })

describe("The ceiling of a host's idle connections", () => {
  it.effect("is learned from connections that end while they are parked, told, and obeyed", () =>
    onOpenNetwork({ cleanupInterval: "1 hour" }, function* (here) {
      const { network, pool } = here
      const events = yield* pool.subscribe
      // Somebody is on a connection all the while, so that the host stays.
      yield* pool.lease(a)
      yield* closesAfter(here, 5000)
      yield* closesAfter(here, 5100)
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, undefined)
      yield* TestClock.adjust(251)
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, 4000)
      const [socket] = yield* idleConnections(here, a, 1)
      yield* TestClock.adjust(3999)
      const lease = ask(pool, a).held
      assert.strictEqual(socketOf(lease, network), socket)
      // 3.999 s of idleness is above half: a quarter more.
      answered(lease, network)
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, 5000)
      yield* TestClock.adjust(5000)
      const next = yield* pool.lease(a)
      assert.isFalse(next.reused)
      assert.deepStrictEqual(fates(network), [undefined, "PeerClosed", "PeerClosed", "IdleTimeout", undefined])
      assert.deepStrictEqual(yield* toldOf(events, "IdleCeilingLearned"), [
        PoolEvent.IdleCeilingLearned({ at: 10_100 + 251 + 3999, key: a, ceiling: 5000 })
      ])
    })
  )

  it.effect("is told once, at the first occasion after it is known", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool } = here
      const events = yield* pool.subscribe
      yield* pool.lease(a)
      yield* closesAfter(here, 5000)
      yield* closesAfter(here, 5000)
      yield* idleConnections(here, a, 1)
      assert.deepStrictEqual(yield* toldOf(events, "IdleCeilingLearned"), [])
      yield* TestClock.adjust(1000)
      const lease = ask(pool, a).held
      answered(lease, network)
      assert.deepStrictEqual(yield* toldOf(events, "IdleCeilingLearned"), [
        PoolEvent.IdleCeilingLearned({ at: 11_000, key: a, ceiling: 4000 })
      ])
      yield* closesAfter(here, 1000)
      assert.deepStrictEqual(yield* toldOf(events, "IdleCeilingLearned"), [])
    })
  )

  /** A connection that had idled for ten seconds dies without an answer, so long after it was granted. */
  const diesAfter = ({ network, pool, ...here }: Here, millis: number) =>
    Effect.gen(function* () {
      const [socket] = yield* idleConnections({ network, pool, ...here }, a, 1)
      yield* TestClock.adjust(10_000)
      const lease = ask(pool, a).held
      assert.strictEqual(socketOf(lease, network), socket)
      lease.connection.write("ping")
      yield* TestClock.adjust(millis)
      socket?.reset()
      lease.settle(Lease.Broken("PeerReset"))
      yield* TestClock.adjust(251)
      return Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling
    })

  it.effect("is learned as well from requests whose reused connection dies before a byte of an answer", () =>
    onOpenNetwork({}, function* (here) {
      yield* here.pool.lease(a)
      assert.deepStrictEqual([yield* diesAfter(here, 999), yield* diesAfter(here, 0)], [undefined, 9000])
    })
  )

  it.effect("is not learned from one that lived on for a second after the grant: it did not die of having idled", () =>
    onOpenNetwork({}, function* (here) {
      yield* here.pool.lease(a)
      assert.deepStrictEqual([yield* diesAfter(here, 1000), yield* diesAfter(here, 1000)], [undefined, undefined])
    })
  )

  it.effect("is not learned from what we gave up ourselves, nor from an answer that broke off", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool } = here
      yield* pool.lease(a)
      for (const hasAnswered of [false, true, false, true]) {
        const [socket] = yield* idleConnections(here, a, 1)
        yield* TestClock.adjust(10_000)
        const lease = ask(pool, a).held
        lease.connection.write("ping")
        if (hasAnswered) {
          socket?.send("HTTP/1.1 200")
          socket?.reset()
        }
        assert.strictEqual(socketOf(lease, network), socket)
        lease.settle(Lease.Broken("given up"))
        yield* TestClock.adjust(251)
      }
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, undefined)
    })
  )

  it.effect("sweeps away what has idled for longer at the next cleanup", () =>
    onOpenNetwork({ cleanupInterval: "1 second" }, function* (here) {
      const { network, pool } = here
      yield* pool.lease(a)
      yield* closesAfter(here, 5000)
      yield* closesAfter(here, 5000)
      yield* TestClock.adjust(251)
      yield* idleConnections(here, a, 3)
      yield* TestClock.adjust(3999)
      assert.strictEqual((yield* pool.stats).pooledConnections, 3)
      yield* TestClock.adjust(1001)
      assert.strictEqual((yield* pool.stats).pooledConnections, 0)
      assert.deepStrictEqual(fates(network).slice(3), ["IdleTimeout", "IdleTimeout", "IdleTimeout"])
    })
  )

  it.effect("is remembered when the host is forgotten and comes back", () =>
    onOpenNetwork({}, function* (here) {
      const { pool } = here
      yield* closesAfter(here, 5000)
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* closesAfter(here, 5000)
      assert.strictEqual((yield* pool.stats).hosts, 0)
      yield* TestClock.adjust(30_000)
      give(yield* pool.lease(a))
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, 4000)
    })
  )

  it.effect("is not learned from a restart, in which all connections close at once, however often", () =>
    onOpenNetwork({}, function* (here) {
      const { network, pool } = here
      yield* pool.lease(a)
      for (let i = 0; i < 3; i++) {
        const leases = [yield* pool.lease(a), yield* pool.lease(a), yield* pool.lease(a)]
        for (const lease of leases) {
          yield* TestClock.adjust(3000)
          answered(lease, network)
        }
        yield* TestClock.adjust(10_000)
        for (const socket of network.open) if (socket.parked) socket.reset()
        yield* TestClock.adjust(1000)
      }
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(pool, a)).idleCeiling, undefined)
    })
  )

  it.effect("errors on the way are no closings", () =>
    onOpenNetwork({}, function* (here) {
      yield* here.pool.lease(a)
      for (let i = 0; i < 3; i++) {
        const [socket] = yield* idleConnections(here, a, 1)
        yield* TestClock.adjust(5000)
        socket?.fail()
        yield* TestClock.adjust(1000)
      }
      assert.strictEqual(Option.getOrThrow(yield* hostStatsOf(here.pool, a)).idleCeiling, undefined)
    })
  )
})
