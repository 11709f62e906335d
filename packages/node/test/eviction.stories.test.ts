import { assert, describe, it } from "@effect/vitest"
import { AddressEviction, Resolver } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, type Eviction, Lease, PoolError } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, Story } from "@hotaru/testing"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, type Scope, TestClock } from "effect"

const api = ConnectionKey.make({ host: "api.test", port: 443, useTls: true })
const half = "30 seconds"

/** A resolver whose answers the test changes, and which counts. */
const changing = (known: Record<string, ReadonlyArray<string> | "fails" | "hangs">) => {
  const asked: Array<string> = []
  const shape: Resolver.ResolverShape = {
    lookup: (host) => {
      asked.push(host)
      const found = known[host] ?? "fails"
      if (found === "hangs") return Effect.never
      return found === "fails"
        ? Effect.fail(new Resolver.ResolveError({ host, code: "EAI_AGAIN" }))
        : Effect.succeed(found)
    }
  }
  return { known, asked, shape }
}

type Changing = ReturnType<typeof changing>

interface Cast {
  readonly story: Story.Story
  readonly pool: ConnectionPool.ConnectionPoolShape
  /** Leases a connection that is dialled for it, to this address. */
  readonly open: (
    address: string | undefined,
    key?: ConnectionKey.ConnectionKey
  ) => Effect.Effect<Open, never, Scope.Scope>
}

interface Open {
  readonly lease: Lease.Lease
  readonly socket: FakeSocket.FakeSocket
}

const tell = <A, E>(
  resolver: Changing,
  options: AddressEviction.DepartedAddressesOptions,
  story: (cast: Cast) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const pool = yield* ConnectionPool.ConnectionPool
    const teller = yield* Story.make
    let parts = 0
    const open: Cast["open"] = (remoteAddress, key = api) =>
      Effect.gen(function* () {
        const part = yield* teller.start(`request ${++parts}`, Effect.orDie(pool.lease(key)))
        const socket = yield* teller.dialSucceeds(yield* teller.expectDial(key), { remoteAddress })
        return { socket, lease: yield* teller.expectServes(socket, part) }
      })
    yield* story({ story: teller, pool, open })
    assert.deepStrictEqual(network.violations, [])
  }).pipe(
    Effect.scoped,
    Effect.provide(
      FakeNetwork.poolLayer({
        idleTimeout: "1 hour",
        maxLifetime: "1 hour",
        shouldEvict: AddressEviction.departedAddresses(options)
      }).pipe(Layer.provide(Layer.succeed(Resolver.Resolver, resolver.shape)))
    )
  )

const giveBack = (...open: ReadonlyArray<Open>) =>
  Effect.sync(() => {
    for (const { lease } of open) lease.settle(Lease.Reusable())
  })

describe("when a name leaves an address", () => {
  it.effect("idle connections to it end in the third round that misses it; those to other addresses stay", () => {
    const resolver = changing({ "api.test": ["192.0.2.1", "192.0.2.2"] })
    return tell(resolver, {}, ({ open, pool, story }) =>
      Effect.gen(function* () {
        const [gone, also, stays] = [yield* open("192.0.2.1"), yield* open("192.0.2.1"), yield* open("192.0.2.2")]
        yield* giveBack(gone, also, stays)
        yield* story.advance(half)
        resolver.known["api.test"] = ["192.0.2.2", "192.0.2.3"]
        yield* story.advance(half)
        yield* story.advance(half)
        yield* story.expectOpen(gone.socket, also.socket, stays.socket)
        yield* story.advance(half)
        yield* story.expectClosed(gone.socket)
        yield* story.expectClosed(also.socket)
        yield* story.expectOpen(stays.socket)
        const { closed, pooledConnections } = yield* pool.stats
        assert.strictEqual(closed.Evicted, 2)
        assert.strictEqual(pooledConnections, 1)
        // One look-up a round, not one for each connection.
        assert.lengthOf(resolver.asked, 4)
      })
    )
  })

  it.effect("a busy connection to it goes on, and ends when it is returned", () => {
    const resolver = changing({ "api.test": ["192.0.2.1"] })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const busy = yield* open("192.0.2.1")
        resolver.known["api.test"] = ["192.0.2.2"]
        yield* story.advance(half)
        yield* story.expectOpen(busy.socket)
        yield* giveBack(busy)
        yield* story.expectClosed(busy.socket)
      })
    )
  })

  it.effect("whoever comes next is served by a connection to an address that it still has", () => {
    const resolver = changing({ "api.test": ["192.0.2.1"] })
    return tell(resolver, { absences: 1 }, ({ open, pool, story }) =>
      Effect.gen(function* () {
        const old = yield* open("192.0.2.1")
        yield* giveBack(old)
        resolver.known["api.test"] = ["192.0.2.2"]
        yield* story.advance(half)
        yield* story.expectClosed(old.socket)
        const next = yield* open("192.0.2.2")
        yield* giveBack(next)
        yield* story.advance(half)
        yield* story.expectOpen(next.socket)
        assert.strictEqual((yield* pool.stats).pooledConnections, 1)
      })
    )
  })

  it.effect("a connection that was dialled this very moment is no reason for another look-up", () => {
    const resolver = changing({ "api.test": ["192.0.2.1"] })
    return tell(resolver, {}, ({ open, story }) =>
      Effect.gen(function* () {
        yield* story.advance("999 millis")
        yield* open("192.0.2.1")
        yield* story.settle
        assert.lengthOf(resolver.asked, 0)
        yield* story.advance(half)
        assert.lengthOf(resolver.asked, 1)
      })
    )
  })

  it.effect("a connection opened after the last look-up is not judged by it", () => {
    const resolver = changing({ "api.test": ["192.0.2.1"] })
    // The pool asks twice as often as names are looked up.
    return tell(resolver, { absences: 1, refresh: "1 minute" }, ({ open, story }) =>
      Effect.gen(function* () {
        const first = yield* open("192.0.2.1")
        yield* story.advance(half)
        resolver.known["api.test"] = ["192.0.2.2"]
        const second = yield* open("192.0.2.2")
        yield* giveBack(first, second)
        yield* story.advance(half)
        assert.lengthOf(resolver.asked, 1)
        yield* story.expectOpen(first.socket, second.socket)
        yield* story.advance(half)
        assert.lengthOf(resolver.asked, 2)
        yield* story.expectClosed(first.socket)
        yield* story.expectOpen(second.socket)
      })
    )
  })

  it.effect("connections to every port of the host are judged by the same look-up", () => {
    const resolver = changing({ "api.test": ["192.0.2.2"] })
    const other = ConnectionKey.make({ host: "api.test", port: 8443, useTls: true })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const [one, two] = [yield* open("192.0.2.1"), yield* open("192.0.2.1", other)]
        yield* giveBack(one, two)
        yield* story.advance(half)
        yield* story.expectClosed(one.socket)
        yield* story.expectClosed(two.socket)
        assert.deepStrictEqual(resolver.asked, ["api.test"])
      })
    )
  })
})

describe("no connection ends", () => {
  const rounds = (story: Story.Story, count: number) => Effect.replicateEffect(story.advance(half), count)

  it.effect("because a resolver answers with another sample each time", () => {
    const resolver = changing({ "api.test": [] })
    return tell(resolver, {}, ({ open, story }) =>
      Effect.gen(function* () {
        const sampled = yield* open("192.0.2.1")
        yield* giveBack(sampled)
        for (let i = 0; i < 20; i++) {
          resolver.known["api.test"] = Array.from({ length: 8 }, (_, each) => `192.0.2.${10 + ((i * 8 + each) % 30)}`)
          yield* story.advance(half)
        }
        assert.lengthOf(resolver.asked, 20)
        yield* story.expectOpen(sampled.socket)
      })
    )
  })

  const silent = [
    ["fails", "fails"],
    ["hangs", "hangs"],
    ["finds nothing", []]
  ] as const
  it.effect.each(silent)("because a look-up %s", ([, outcome]) => {
    const resolver = changing({ "api.test": ["192.0.2.1"] })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const kept = yield* open("192.0.2.1")
        yield* giveBack(kept)
        yield* story.advance(half)
        resolver.known["api.test"] = outcome
        yield* rounds(story, 6)
        assert.isAbove(resolver.asked.length, 2)
        yield* story.expectOpen(kept.socket)
      })
    )
  })

  const mapped: ReadonlyArray<readonly [string, string]> = [
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "::ffff:c000:201"],
    ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
    ["2001:0db8:0::0001", "2001:db8::1"]
  ]
  it.effect.each(mapped)("because its address %s is written as %s", ([dialled, answered]) => {
    const resolver = changing({ "api.test": [answered, "192.0.2.9"] })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const kept = yield* open(dialled)
        yield* giveBack(kept)
        yield* rounds(story, 3)
        assert.lengthOf(resolver.asked, 3)
        yield* story.expectOpen(kept.socket)
      })
    )
  })

  const elsewhere = (parts: Partial<ConnectionKey.ConnectionKeyParts>) =>
    ConnectionKey.make({ host: "api.test", port: 443, useTls: false, ...parts })
  const unwatched: ReadonlyArray<readonly [string, string | undefined, ConnectionKey.ConnectionKey]> = [
    ["to an IP literal", "192.0.2.1", elsewhere({ host: "192.0.2.1" })],
    ["to an IPv6 literal", "2001:db8::1", elsewhere({ host: "[2001:db8::1]" })],
    ["to a unix socket", "/run/api.sock", elsewhere({ socketPath: "/run/api.sock" })],
    ["to a unix socket that is spelt like an address", "192.0.2.1", elsewhere({ socketPath: "192.0.2.1" })],
    ["through a proxy", "192.0.2.1", elsewhere({ proxy: { label: "proxy.test" } })],
    ["to an unknown address", undefined, elsewhere({})],
    ["to something that is no address", "somewhere", elsewhere({})]
  ]
  it.effect.each(unwatched)("%s", ([, address, key]) => {
    const resolver = changing({ "api.test": ["192.0.2.9"], "192.0.2.1": ["192.0.2.9"] })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const kept = yield* open(address, key)
        yield* giveBack(kept)
        yield* rounds(story, 3)
        assert.deepStrictEqual(resolver.asked, [])
        yield* story.expectOpen(kept.socket)
      })
    )
  })
})

describe("a look-up that hangs", () => {
  it.effect("keeps the round for 5 seconds, after which the other hosts' turn comes", () => {
    const resolver = changing({ "api.test": "hangs", "other.test": ["192.0.2.2"] })
    const other = ConnectionKey.make({ host: "other.test", port: 80, useTls: false })
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const [stuck, gone] = [yield* open("192.0.2.1"), yield* open("192.0.2.1", other)]
        yield* giveBack(stuck, gone)
        yield* story.advance("34999 millis")
        assert.deepStrictEqual(resolver.asked, ["api.test"])
        yield* story.expectOpen(gone.socket)
        yield* story.advance(1)
        assert.deepStrictEqual(resolver.asked, ["api.test", "other.test"])
        yield* story.expectClosed(gone.socket)
        yield* story.expectOpen(stuck.socket)
      })
    )
  })

  it.effect("does not keep the pool from closing", () => {
    const resolver = changing({ "api.test": "hangs" })
    return tell(resolver, {}, ({ open, story }) =>
      Effect.gen(function* () {
        yield* giveBack(yield* open("192.0.2.1"))
        yield* story.advance(half)
        assert.lengthOf(resolver.asked, 1)
      })
    )
  })

  it.effect("is interrupted after 5 seconds, so that every host is looked up in every round", () => {
    const hosts = ["a.test", "b.test", "c.test", "d.test"]
    const resolver = changing(Object.fromEntries(hosts.map((host) => [host, "hangs" as const])))
    return tell(resolver, { absences: 1 }, ({ open, story }) =>
      Effect.gen(function* () {
        const connections = yield* Effect.forEach(hosts, (host) =>
          open("192.0.2.1", ConnectionKey.make({ host, port: 80, useTls: false }))
        )
        yield* giveBack(...connections)
        yield* Effect.replicateEffect(story.advance(half), 4)
        assert.deepStrictEqual([...new Set(resolver.asked)], hosts)
        assert.isAbove(resolver.asked.length, hosts.length)
        yield* story.expectOpen(...connections.map(({ socket }) => socket))
      })
    )
  })
})

describe("the rule", () => {
  const factsOf = (remoteAddress: string, age: Duration.DurationInput): Eviction.ConnectionInfo => ({
    key: api,
    connectionId: 1,
    facts: { remoteAddress },
    age: Duration.decode(age),
    idle: Duration.zero,
    requests: 1,
    leased: false
  })

  it.effect("keeps apart what different resolvers say", () =>
    Effect.gen(function* () {
      const shouldEvict = AddressEviction.departedAddresses({ absences: 1 })
      const ask = (addresses: ReadonlyArray<string>) => {
        const { shape } = changing({ "api.test": addresses })
        return Effect.provideService(shouldEvict(factsOf("192.0.2.1", "1 second")), Resolver.Resolver, shape)
      }
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* ask(["192.0.2.2"]))
      assert.isFalse(yield* ask(["192.0.2.1"]))
    })
  )

  it.effect("judges connections that are asked about at the same time by one look-up, counted once", () =>
    Effect.gen(function* () {
      const shouldEvict = AddressEviction.departedAddresses({ absences: 2 })
      let asked = 0
      const answer = yield* Deferred.make<ReadonlyArray<string>>()
      const resolver: Resolver.ResolverShape = {
        lookup: () => {
          asked++
          return Deferred.await(answer)
        }
      }
      yield* TestClock.adjust("1 minute")
      const verdicts = yield* Effect.all(
        [1, 2, 3]
          .map(() => shouldEvict(factsOf("192.0.2.1", "1 second")))
          .concat(Effect.as(Deferred.succeed(answer, ["192.0.2.2"]), false)),
        { concurrency: "unbounded" }
      ).pipe(Effect.provideService(Resolver.Resolver, resolver))
      assert.deepStrictEqual(verdicts, [false, false, false, false])
      assert.strictEqual(asked, 1)
    })
  )

  it.effect("that is left while a look-up hangs leaves it, and goes on where it was", () =>
    Effect.gen(function* () {
      const shouldEvict = AddressEviction.departedAddresses({ absences: 1 })
      const { asked, known, shape } = changing({ "api.test": "hangs" })
      const ask = Effect.provideService(shouldEvict(factsOf("192.0.2.1", "1 minute")), Resolver.Resolver, shape)
      yield* TestClock.adjust("1 minute")
      const left = yield* Effect.fork(ask)
      yield* Effect.yieldNow()
      yield* TestClock.adjust("1 second")
      assert.lengthOf(asked, 1)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(left)))
      known["api.test"] = ["192.0.2.2"]
      assert.isFalse(yield* ask)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(yield* ask)
      assert.lengthOf(asked, 2)
    })
  )

  it.effect("survives a resolver with a defect", () =>
    Effect.gen(function* () {
      const resolver: Resolver.ResolverShape = {
        lookup: () => {
          throw new Error("broken resolver")
        }
      }
      const shouldEvict = AddressEviction.departedAddresses({ absences: 1 })
      assert.isFalse(
        yield* Effect.provideService(shouldEvict(factsOf("192.0.2.1", "1 second")), Resolver.Resolver, resolver)
      )
    })
  )

  const senseless: ReadonlyArray<readonly [string, AddressEviction.DepartedAddressesOptions]> = [
    ["refresh", { refresh: 0 }],
    ["refresh", { refresh: -1 }],
    ["refresh", { refresh: Number.NaN }],
    ["refresh", { refresh: Duration.infinity }],
    ["refresh", { refresh: "soon" as never }],
    ["absences", { absences: 0 }],
    ["absences", { absences: 1.5 }],
    ["absences", { absences: "3" as never }]
  ]
  it.each(senseless)("refuses %s where it makes no sense", (field, options) => {
    try {
      AddressEviction.departedAddresses(options)
      assert.fail("accepted")
    } catch (error) {
      assert.instanceOf(error, PoolError.InvalidPoolConfig)
      assert.strictEqual((error as PoolError.InvalidPoolConfig).field, field)
    }
  })
})
