/**
 * Holders of leases who are careless or hostile: the books balance, nothing hangs, and no connection goes back on which
 * something happened that nobody saw.
 */
import { assert, describe, it } from "@effect/vitest"
import { Connection, Lease, PoolError } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { counts, fates } from "./support/peers.js"
import { a, ask, b, exchange, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

const rest = { idle: 0, active: 0, opening: 0, waiting: 0 }

describe("Bytes that come on a lease while its holder has set no receiver", () => {
  it.effect("make its connection unfit, though it is settled as reusable", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      socketOf(lease, network).send("220 hello")
      lease.settle(Lease.Reusable())
      assert.deepStrictEqual(fates(network), ["UnexpectedBytes"])
    })
  )

  it.effect("before it has set one, too", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      socketOf(lease, network).send("220 hello")
      exchange(lease, network)
      lease.settle(Lease.Reusable())
      assert.deepStrictEqual(fates(network), ["UnexpectedBytes"])
    })
  )

  it.effect("are nobody's once the pool's own receiver was put back", () =>
    onOpenNetwork({}, function* ({ network, pool }) {
      const lease = yield* pool.lease(a)
      const pools = lease.connection.receiver
      exchange(lease, network)
      lease.connection.receiver = pools
      socketOf(lease, network).send("more")
      lease.settle(Lease.Reusable())
      assert.deepStrictEqual(fates(network), ["UnexpectedBytes"])
    })
  )

  it.effect("let the other leases of a connection that carries many end in peace, and no new one begin", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const [one, two] = [ask(pool, a), ask(pool, a)]
      const socket = yield* story.dialSucceeds(yield* story.expectDial(), { capacity: 3 })
      assert.strictEqual(one.held.connection, two.held.connection)
      socket.send("?")
      const three = ask(pool, a)
      assert.isTrue(three.waiting)
      one.held.settle(Lease.Reusable())
      assert.isUndefined(socket.destroyed)
      two.held.settle(Lease.Reusable())
      assert.strictEqual(socket.destroyed, "UnexpectedBytes")
      yield* story.dialSucceeds(yield* story.expectDial())
      three.held.settle(Lease.Reusable())
    })
  )
})

describe("A lease settled twice", () => {
  for (const [first, second, fate] of [
    [Lease.Reusable(), Lease.Broken("Late"), undefined],
    [Lease.Broken("First"), Lease.Reusable(), "First"],
    [Lease.Spent("First"), Lease.Broken("Late"), "First"]
  ] as const) {
    it.effect(`${first._tag}, then ${second._tag}: the first counts, though the connection is another's by then`, () =>
      onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
        const one = yield* pool.lease(a)
        const next = ask(pool, a)
        one.settle(first)
        one.settle(second)
        yield* story.settle
        assert.strictEqual(fates(network)[0], fate)
        assert.deepStrictEqual(yield* counts(pool), { ...rest, active: 1 })
        one.settle(second)
        yield* pool.settle(next.held.connection, Lease.Reusable())
        next.held.settle(Lease.Broken("Late"))
        assert.deepStrictEqual(yield* counts(pool), { ...rest, idle: 1 })
      })
    )
  }

  it.effect("from within its own end, its receiver's last call, and the callback of the next: once", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ network, pool, story }) {
      const one = yield* pool.lease(a)
      let granted = 0
      pool.unsafe.request(a, {
        onRefused: () => {},
        onLease: (next) => {
          granted++
          one.settle(Lease.Broken("Late"))
          next.settle(Lease.Spent("Own"))
          next.settle(Lease.Reusable())
        }
      })
      one.connection.receiver = {
        ...Connection.silentReceiver,
        onBytes: () => {
          one.settle(Lease.Reusable())
          one.settle(Lease.Broken("Again"))
        }
      }
      socketOf(one, network).send("done")
      yield* story.settle
      assert.strictEqual(granted, 1)
      assert.deepStrictEqual(fates(network), ["Own"])
      assert.deepStrictEqual(yield* counts(pool), rest)
    })
  )
})

describe("Whoever goes on after the end of the lease", () => {
  it.effect("and writes: what is answered ends the idle connection", () =>
    onOpenNetwork({}, function* ({ network, pool, story }) {
      const lease = yield* pool.lease(a)
      const socket = socketOf(lease, network)
      exchange(lease, network)
      lease.settle(Lease.Reusable())
      assert.isTrue(socket.parked)
      socket.send("answer to what was written late")
      yield* story.settle
      assert.deepStrictEqual(fates(network), ["UnexpectedBytes"])
    })
  )

  it.effect("and takes part with everything else: offers, hears, asks for a retry, and nothing comes of it", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const lease = yield* pool.lease(a)
      lease.settle(Lease.Reusable())
      let reclaimed = 0
      lease.offer(() => reclaimed++)
      lease.heard()
      assert.isTrue(lease.allowRetry())
      const other = yield* pool.lease(a)
      const waiter = ask(pool, a)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([reclaimed, waiter.waiting], [0, true])
      other.settle(Lease.Reusable())
      yield* story.settle
      waiter.held.settle(Lease.Reusable())
      assert.deepStrictEqual(yield* counts(pool), { ...rest, idle: 1 })
    })
  )

  it.effect("and destroys the connection: nobody gets it, and its place is free", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const lease = yield* pool.lease(a)
      lease.settle(Lease.Reusable())
      lease.connection.destroy("not mine")
      const next = ask(pool, a)
      yield* story.settle
      assert.notStrictEqual(next.held.connection, lease.connection)
      next.held.settle(Lease.Reusable())
      assert.deepStrictEqual((yield* pool.stats).closed, { PeerClosed: 1 })
    })
  )
})

describe("A callback of the pool that turns back to it", () => {
  it.effect("onLease, onRefused: requests made in them are answered after they have returned", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1, maxPendingPerHost: 1 }, function* ({ pool, story }) {
      const order: Array<string> = []
      const again = (name: string, depth: number): Lease.LeaseRequest => ({
        onLease: (lease) => {
          order.push(`${name} in`)
          if (depth > 0) pool.unsafe.request(b, again(`${name}'`, depth - 1))
          lease.settle(Lease.Reusable())
          order.push(`${name} out`)
        },
        onRefused: () => {
          order.push(`${name} refused`)
          if (depth > 0) pool.unsafe.request(a, again(`${name}'`, depth - 1))
        }
      })
      const held = yield* pool.lease(a)
      pool.unsafe.request(a, again("one", 3))
      pool.unsafe.request(a, again("two", 1))
      held.settle(Lease.Reusable())
      yield* story.settle
      assert.deepStrictEqual(
        order.filter((line) => line.startsWith("two")),
        ["two refused", "two' refused"]
      )
      assert.deepStrictEqual(
        order.filter((line) => line.startsWith("one")),
        ["one", "one'", "one''", "one'''"].flatMap((name) => [`${name} in`, `${name} out`])
      )
      assert.deepStrictEqual(yield* counts(pool), { ...rest, idle: 2 })
    })
  )

  it.effect("cancels itself within its own grant: too late, and the lease is still its to settle", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      const answers: Array<boolean> = []
      const pending = pool.unsafe.request(a, {
        onRefused: () => {},
        onLease: (lease) => {
          answers.push(pending.cancel(), pending.cancel())
          lease.settle(Lease.Reusable())
        }
      })
      yield* story.settle
      answers.push(pending.cancel())
      assert.deepStrictEqual(answers, [false, false, false])
      assert.deepStrictEqual(yield* counts(pool), { ...rest, idle: 1 })
    })
  )

  it.effect("drains the pool from within a grant: what stands in line is served, and it ends", () =>
    onOpenNetwork({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const one = yield* pool.lease(a)
      let drain: Fiber.RuntimeFiber<void> | undefined
      pool.unsafe.request(a, {
        onRefused: () => {},
        onLease: (lease) => {
          drain = Effect.runFork(pool.drain)
          lease.settle(Lease.Reusable())
        }
      })
      const last = ask(pool, a)
      one.settle(Lease.Reusable())
      yield* story.settle
      last.held.settle(Lease.Reusable())
      yield* Fiber.join(drain as Fiber.RuntimeFiber<void>)
      assert.deepStrictEqual([yield* counts(pool), (yield* pool.stats).hosts], [rest, 0])
    })
  )
})

describe("A request that comes back for a fresh connection when the pool has closed", () => {
  it.effect("is refused, and was no retry", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      const lease = yield* pool.lease(a)
      yield* Effect.fork(pool.drain)
      yield* story.settle
      lease.settle(Lease.Broken("Stale"))
      yield* story.settle
      const again = ask(pool, a, { replaces: lease, fresh: true })
      assert.instanceOf(again.error, PoolError.PoolClosed)
      assert.strictEqual((yield* pool.stats).staleRetries, 0)
    })
  )
})
