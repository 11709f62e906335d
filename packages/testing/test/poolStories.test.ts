import { assert, describe, it } from "@effect/vitest"
import { Connection, ConnectionKey, ConnectionPool, Lease, type PoolConfig } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Story, Sweep, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const a = ConnectionKey.make({ host: "a.test", port: 80, useTls: false })

interface Cast {
  readonly story: Story.Story
  readonly pool: ConnectionPool.ConnectionPoolShape
  readonly network: FakeNetwork.FakeNetworkShape
}

const tell = <A, E>(
  config: Partial<PoolConfig.PoolConfig>,
  story: (cast: Cast) => Effect.Effect<A, E, Scope.Scope>,
  options?: FakeNetwork.FakeNetworkOptions
) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    yield* story({ story: yield* Story.make, pool: yield* ConnectionPool.ConnectionPool, network })
    assert.deepStrictEqual(network.violations, [])
    return network
  }).pipe(
    Effect.scoped,
    Effect.provide(FakeNetwork.poolLayer(config, options)),
    Effect.tap((network) => assert.deepStrictEqual(network.open, [], "the layer's end leaves nothing open"))
  )

describe("a pool on a fake network", () => {
  it.effect("a returned connection serves the waiter, though its own dial has not ended", () =>
    tell({}, ({ pool, story }) =>
      Effect.gen(function* () {
        const first = yield* story.start("first", pool.lease(a))
        const c1 = yield* story.dialSucceeds(yield* story.expectDial(a))
        const lease = yield* story.expectServes(c1, first)
        const second = yield* story.start("second", pool.lease(a))
        const dial = yield* story.expectDial(a)
        yield* story.expectWaiting(second)
        lease.settle(Lease.Reusable())
        const again = yield* story.expectServes(c1, second)
        assert.isTrue(again.reused)
        const c2 = yield* story.dialSucceeds(dial)
        yield* story.expectOpen(c1, c2)
        const third = yield* story.start("third", pool.lease(a))
        yield* story.expectServes(c2, third)
      })
    )
  )

  it.effect("at the limit, who came first is served first, and one who leaves is passed over", () =>
    tell({ maxConnectionsPerHost: 1 }, ({ network, pool, story }) =>
      Effect.gen(function* () {
        const holder = yield* story.start("holder", pool.lease(a))
        const c1 = yield* story.dialSucceeds(yield* story.expectDial(a))
        const lease = yield* story.expectServes(c1, holder)
        yield* story.start("one", pool.lease(a))
        const two = yield* story.start("two", pool.lease(a))
        yield* story.start("three", pool.lease(a))
        yield* story.expectNoDial
        yield* story.interrupt("one")
        lease.settle(Lease.Reusable())
        yield* story.expectServes(c1, two)
        yield* story.expectWaiting("three")
        assert.strictEqual(network.maxOpen(a), 1)
      })
    )
  )

  it.effect("a connection whose end has arrived unseen is not written on: it rests, and its end is seen", () =>
    tell({}, ({ pool, story }) =>
      Effect.gen(function* () {
        const first = yield* story.start("first", pool.lease(a))
        const c1 = yield* story.dialSucceeds(yield* story.expectDial(a))
        const lease = yield* story.expectServes(c1, first)
        lease.connection.receiver = Connection.silentReceiver
        c1.send("the last byte of an answer")
        c1.endLater()
        lease.settle(Lease.Reusable())
        const second = yield* Effect.orDie(pool.lease(a))
        assert.strictEqual(second.connection, c1.connection)
        assert.deepStrictEqual([second.resting, second.connection.isOpen], [true, true])
        yield* second.connection.turn
        assert.isFalse(second.connection.isOpen)
        second.settle(Lease.Broken("ended while resting"))
        yield* story.expectClosed(c1)
      })
    )
  )

  it.effect("an idle connection that the server ends is closed at once", () =>
    tell({}, ({ pool, story }) =>
      Effect.gen(function* () {
        yield* story.start("first", Effect.scoped(pool.acquire(a)))
        const c1 = yield* story.dialSucceeds(yield* story.expectDial(a))
        yield* story.expectDone("first")
        yield* story.expectOpen(c1)
        assert.isTrue(c1.parked)
        c1.end()
        yield* story.expectClosed(c1)
        const stats = yield* pool.stats
        assert.deepStrictEqual([stats.evictions, stats.pooledConnections], [1, 0])
      })
    )
  )

  it.effect("a refused dial is the error of the one who waits for it", () =>
    tell({}, ({ pool, story }) =>
      Effect.gen(function* () {
        const first = yield* story.start("first", pool.lease(a))
        yield* story.dialFails(yield* story.expectDial(a), { code: "ECONNREFUSED" })
        yield* story.expectFailed(first, "ConnectError")
      })
    )
  )

  it.effect("a dial that hangs ends at the connection timeout, on the test's clock", () =>
    tell({ connectionTimeout: "3 seconds" }, ({ pool, story }) =>
      Effect.gen(function* () {
        const first = yield* story.start("first", pool.lease(a))
        const dial = yield* story.expectDial(a)
        yield* story.advance("2999 millis")
        yield* story.expectWaiting(first)
        yield* story.advance("1 millis")
        yield* story.expectFailed(first, "ConnectTimeout")
        yield* story.expectDialInterrupted(dial)
      })
    )
  )

  it.effect("a scripted server serves what the pool opens", () => {
    const server = ScriptedServer.make((request) => Wire.ok(request.target))
    return tell(
      { maxConnectionsPerHost: 2 },
      ({ network, pool, story }) =>
        Effect.gen(function* () {
          const ask = (target: string) =>
            pool.use(a, (connection, lease) =>
              Effect.async<string>((resume) => {
                connection.receiver = {
                  onBytes: (bytes) => {
                    lease.settle(Lease.Reusable())
                    resume(Effect.succeed(Wire.text(bytes).slice(-2)))
                  },
                  onEnd: () => {},
                  onError: () => {},
                  onDrain: () => {}
                }
                connection.write(`GET ${target} HTTP/1.1\r\nhost: a.test\r\n\r\n`)
              })
            )
          const answers = yield* story.start("all", Effect.forEach(["/1", "/2", "/3", "/4"], ask, { concurrency: 4 }))
          assert.deepStrictEqual(yield* story.expectDone(answers), ["/1", "/2", "/3", "/4"])
          assert.strictEqual(network.maxOpen(), 2)
          assert.strictEqual(server.requests.length, 4)
        }),
      { autoAccept: server }
    )
  })

  it.effect(
    "a lease taken under a mask leaks nothing at any interruption",
    () => {
      const trial = Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const network = yield* FakeNetwork.FakeNetwork
        return {
          operation: pool.use(a, (connection) => Effect.sync(() => connection.write("x"))),
          leaks: Effect.gen(function* () {
            yield* network.settle
            const { activeConnections, openingConnections, pendingAcquires, pooledConnections } = yield* pool.stats
            const found = {
              activeConnections,
              openingConnections,
              pendingAcquires,
              open: network.open.length - pooledConnections
            }
            return Object.entries(found).flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]))
          })
        }
      })
      return Effect.gen(function* () {
        const report = yield* Sweep.check(trial, {
          budgets: Sweep.range(16, 64, 3),
          delays: Sweep.range(0, 20, 2),
          steps: Sweep.range(0, 30, 3)
        })
        assert.isAbove(report.interrupted, 100)
      }).pipe(Effect.provide(FakeNetwork.poolLayer({}, { autoAccept: true })))
    },
    60_000
  )
})
