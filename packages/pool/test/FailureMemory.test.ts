/**
 * A host that fails is dialled once at a time, also after it was forgotten with its last request.
 */

import { assert, describe, it } from "@effect/vitest"
import { type ConnectionKey, Lease, PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { Health } from "../src/internal/health.js"
import { HealthMemory, mostRemembered, rememberedFor } from "../src/internal/healthMemory.js"
import { answered, give, idleConnections, pendingDials, toldOf } from "./support/peers.js"
import { a, ask, type Here, hostStatsOf, keyOf, onOpenNetwork, onPool } from "./support/stories.js"

describe("HealthMemory", () => {
  it("is a map of the latest 256, each for five minutes, and answers each once", () => {
    assert.deepStrictEqual([mostRemembered, rememberedFor], [256, 300_000])
    const host = FastCheck.nat({ max: 400 })
    const step = FastCheck.record({
      what: FastCheck.constantFrom("keep", "keepMany", "take", "wait"),
      host,
      millis: FastCheck.nat({ max: 200_000 })
    })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 40 }), (steps) => {
        const memory = new HealthMemory()
        let model: Array<{ readonly host: number; readonly health: Health; readonly since: number }> = []
        let now = 0
        const keep = (n: number) => {
          const health = new Health()
          memory.keep(keyOf(`h${n}.test`), health, now)
          model = model.filter((one) => one.host !== n && now - one.since < rememberedFor)
          model.push({ host: n, health, since: now })
          model = model.slice(-mostRemembered)
        }
        for (const { host, millis, what } of steps) {
          if (what === "wait") now += millis
          else if (what === "keep") keep(host)
          else if (what === "keepMany") for (let i = 0; i < 100; i++) keep((host + i) % 401)
          else {
            const expected = model.find((one) => one.host === host && now - one.since < rememberedFor)
            assert.strictEqual(memory.take(keyOf(`h${host}.test`), now), expected?.health)
            model = model.filter((one) => one !== expected && now - one.since < rememberedFor)
            assert.strictEqual(memory.size, model.length)
          }
          assert.isAtMost(memory.size, mostRemembered)
        }
      }),
      { numRuns: 50 }
    )
  })
})

describe("Health", () => {
  const error = (local: boolean) =>
    new PoolError.ConnectError({ key: keyOf("any.test"), phase: "tcp", detail: "refused", local })

  it("waits from one second to thirty between dials that nobody waits for, doubling, until an answer comes", () => {
    const health = new Health()
    const waits = () => {
      health.failed(error(false), 1000)
      return health.unwaitedDialAt - 1000
    }
    assert.deepStrictEqual(
      [waits(), waits(), waits(), waits(), waits(), waits(), waits()],
      [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    )
    // A connection that opens may be as useless as the one before.
    health.opened()
    assert.strictEqual(waits(), 30_000)
    health.proved()
    assert.strictEqual(waits(), 1000)
  })

  it("fails by the peer's fault, not by our own", () => {
    const health = new Health()
    health.failed(error(true), 0)
    assert.isFalse(health.failing)
    health.failed(error(false), 0)
    assert.isTrue(health.failing)
    health.opened()
    assert.isFalse(health.failing)
    health.failed(new PoolError.ConnectTimeout({ key: keyOf("any.test"), timeout: 1 }), 0)
    assert.isTrue(health.failing)
  })
})

const fails = ({ pool, story }: Here, key: ConnectionKey.ConnectionKey = a, local = false) =>
  Effect.gen(function* () {
    const one = ask(pool, key)
    yield* story.dialFails(yield* story.expectDial(key), { local })
    assert.strictEqual(one.error?._tag, "ConnectError")
  })

/** How many dials five requests at once begin; they then leave. */
const dialsOfFive = ({ network, pool, story }: Here, key: ConnectionKey.ConnectionKey = a) =>
  Effect.gen(function* () {
    const asked = Array.from({ length: 5 }, () => ask(pool, key))
    yield* story.settle
    const dials = pendingDials(network)
    for (const one of asked) one.cancel()
    yield* story.settle
    return dials
  })

describe("A host whose last dial failed", () => {
  it.effect("is forgotten with its last request, and all the same dialled once when five come at once", () =>
    onPool({ maxIdlePerHost: 0 }, function* (here) {
      yield* fails(here)
      assert.strictEqual((yield* here.pool.stats).hosts, 0)
      assert.strictEqual(yield* dialsOfFive(here), 1)
      assert.strictEqual((yield* here.pool.stats).hosts, 0)
      // Asking renews the memory, an unequal key finds nothing in it.
      yield* TestClock.adjust(rememberedFor - 1)
      assert.strictEqual(yield* dialsOfFive(here, keyOf("b.test")), 5)
      assert.strictEqual(yield* dialsOfFive(here, keyOf("a.test")), 1)
      yield* TestClock.adjust(rememberedFor)
      assert.strictEqual(yield* dialsOfFive(here), 5)
    })
  )

  it.effect("tells its requests that wait at last why, though it was forgotten meanwhile", () =>
    onPool({ acquireTimeout: "1 second" }, function* (here) {
      yield* fails(here)
      const waiter = ask(here.pool, a)
      assert.isTrue(Option.getOrThrow(yield* hostStatsOf(here.pool, a)).failing)
      yield* TestClock.adjust(1000)
      assert.strictEqual(waiter.error?._tag, "AcquireTimeout")
      assert.match(String(waiter.error?.message), /the last dial failed: .*ECONNREFUSED/)
    })
  )

  it.effect("works again as soon as a dial has succeeded", () =>
    onPool({ maxIdlePerHost: 0 }, function* (here) {
      const { pool, story } = here
      yield* fails(here)
      const [one, two, three] = [ask(pool, a), ask(pool, a), ask(pool, a)]
      const dial = yield* story.expectDial(a)
      yield* story.expectNoDial
      yield* story.dialSucceeds(dial)
      assert.isDefined(one.lease)
      assert.isFalse(Option.getOrThrow(yield* hostStatsOf(pool, a)).failing)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.isDefined(two.lease)
      assert.isDefined(three.lease)
    })
  )

  it.effect("by our own fault is not dialled the less", () =>
    onPool({ maxIdlePerHost: 0 }, function* (here) {
      yield* fails(here, a, true)
      assert.strictEqual(yield* dialsOfFive(here), 5)
    })
  )

  it.effect("is remembered among the latest 256 that failed and are gone", () =>
    onPool({ maxIdlePerHost: 0 }, function* (here) {
      const nth = (n: number) => keyOf(`h${n}.test`)
      for (let n = 0; n < 300; n++) yield* fails(here, nth(n))
      const dials: Array<number> = []
      for (const n of [44, 299, 43, 0]) dials.push(yield* dialsOfFive(here, nth(n)))
      assert.deepStrictEqual(dials, [1, 1, 5, 5])
      assert.strictEqual((yield* here.pool.stats).hosts, 0)
    })
  )
})

describe("A connection that dies before it has carried an answer", () => {
  it.effect("on lease: counts as a failed dial, and fails nobody else in line", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* (here) {
      const { pool, story } = here
      const first = ask(pool, a)
      const [second, third] = [ask(pool, a), ask(pool, a)]
      const socket = yield* story.dialSucceeds(yield* story.expectDial(a))
      first.held.connection.write("ping")
      socket.reset()
      first.held.settle(Lease.Broken("PeerReset"))
      yield* story.settle
      assert.deepStrictEqual([second.waiting, third.waiting], [true, true])
      assert.strictEqual((yield* pool.stats).connectFailures, 1)
      assert.isTrue(Option.getOrThrow(yield* hostStatsOf(pool, a)).failing)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      give(second.held)
      assert.isDefined(third.lease)
    })
  )

  it.effect("on lease, with more in line: one dial at a time until one opens", () =>
    onPool({ maxConnectionsPerHost: 5 }, function* (here) {
      const { network, pool, story } = here
      const first = ask(pool, a)
      const socket = yield* story.dialSucceeds(yield* story.expectDial(a))
      first.held.connection.write("ping")
      socket.end()
      first.held.settle(Lease.Broken("PeerClosed"))
      for (let i = 0; i < 5; i++) ask(pool, a)
      yield* story.settle
      assert.strictEqual(pendingDials(network), 1)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      assert.strictEqual(pendingDials(network), 4)
      yield* pool.drain
    })
  )

  it.effect("parked: counts as a failed dial", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      yield* pool.warm(a, 2)
      network.sockets[0]?.end()
      yield* story.settle
      assert.strictEqual((yield* pool.stats).connectFailures, 1)
      assert.isTrue(Option.getOrThrow(yield* hostStatsOf(pool, a)).failing)
    })
  )

  const good: ReadonlyArray<readonly [string, (here: Here) => Effect.Effect<void>]> = [
    [
      "on its second request",
      (here) =>
        Effect.gen(function* () {
          const [socket] = yield* idleConnections(here, a, 1)
          const lease = ask(here.pool, a).held
          lease.connection.write("ping")
          socket?.reset()
          lease.settle(Lease.Broken("PeerReset"))
        })
    ],
    [
      "in the middle of its first answer",
      ({ network, pool }) =>
        Effect.gen(function* () {
          const lease = yield* Effect.orDie(pool.lease(a))
          lease.connection.write("ping")
          network.sockets[0]?.send("HTTP/1.1 2")
          network.sockets[0]?.reset()
          lease.settle(Lease.Broken("PeerReset"))
        })
    ],
    [
      "because its caller gave up",
      ({ pool }) =>
        Effect.gen(function* () {
          const lease = yield* Effect.orDie(pool.lease(a))
          lease.connection.write("ping")
          lease.settle(Lease.Broken("Interrupted"))
        })
    ],
    [
      "parked, after it had carried one",
      (here) =>
        Effect.gen(function* () {
          const [socket] = yield* idleConnections(here, a, 1)
          socket?.reset()
        })
    ]
  ]
  for (const [name, act] of good) {
    it.effect(`but one that ends ${name} says nothing against the host`, () =>
      onOpenNetwork({}, function* (here) {
        yield* act(here)
        const keeper = ask(here.pool, a)
        yield* here.story.settle
        assert.strictEqual((yield* here.pool.stats).connectFailures, 0)
        assert.isFalse(Option.getOrThrow(yield* hostStatsOf(here.pool, a)).failing)
        give(keeper.held)
      })
    )
  }

  it.effect("is no event of a dial: its end is told as any other's", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const events = yield* pool.subscribe
      const lease = yield* pool.lease(a)
      answered(lease, network)
      yield* pool.warm(a, 2)
      network.sockets[1]?.end()
      assert.deepStrictEqual(yield* toldOf(events, "OpenFailed"), [])
      assert.strictEqual((yield* pool.stats).connectFailures, 1)
    })
  )
})
