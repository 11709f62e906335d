/**
 * The events tell everything: books kept from them alone agree with the pool's own.
 */

import { assert, describe, it } from "@effect/vitest"
import { Lease, type PoolError, PoolEvent } from "@hotaru/pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { give, idleConnections, told, toldOf } from "./support/peers.js"
import { type Asked, a, ask, b, c, exchange, onOpenNetwork, onPool, socketOf } from "./support/stories.js"

const stale = new Set([
  "IdleTimeout",
  "MaxLifetime",
  "PeerClosed",
  "PeerReset",
  "SocketError",
  "UnexpectedBytes",
  "Distrusted"
])

/** What a listener can know. */
class Books {
  private readonly open = new Map<number, { leased: boolean; used: boolean }>()
  hits = 0
  misses = 0
  evictions = 0
  opening = 0
  created = 0
  connectFailures = 0
  egressDenied = 0
  readonly closed: Record<string, number> = {}
  acquireTimeouts = 0
  pendingLimitReached = 0
  staleRetries = 0
  retriesRefused = 0
  distrusted = 0
  reclaimed = 0
  suspended = false

  note(event: PoolEvent.PoolEvent): void {
    PoolEvent.$match(event, {
      Acquired: ({ connectionId }) => {
        const known = this.known(connectionId)
        if (known.used) this.hits++
        else this.misses++
        assert.isFalse(known.leased, "a connection is acquired by one at a time")
        known.leased = known.used = true
      },
      Returned: ({ connectionId }) => {
        const known = this.known(connectionId)
        assert.isTrue(known.leased, "what comes back was on lease")
        known.leased = false
      },
      Retired: ({ connectionId, reason, requests, unused }) => {
        const { leased, used } = this.known(connectionId)
        this.open.delete(connectionId)
        this.closed[reason] = (this.closed[reason] ?? 0) + 1
        assert.strictEqual(requests > 0, used)
        if (!leased && stale.has(reason)) this.evictions++
        if (unused) this.connectFailures++
      },
      OpenStarted: () => this.opening++,
      OpenAbandoned: () => this.opening--,
      Opened: ({ connectionId }) => {
        this.opening--
        this.created++
        assert.isFalse(this.open.has(connectionId))
        this.open.set(connectionId, { leased: false, used: false })
      },
      OpenFailed: () => {
        this.opening--
        this.connectFailures++
      },
      EgressDenied: () => this.egressDenied++,
      WaiterTimedOut: () => this.acquireTimeouts++,
      Refused: ({ error }) => {
        if (error._tag === "PendingLimitReached") this.pendingLimitReached++
      },
      Retried: () => this.staleRetries++,
      RetryRefused: () => this.retriesRefused++,
      Distrusted: ({ count }) => (this.distrusted += count),
      Reclaimed: () => this.reclaimed++,
      Suspended: () => (this.suspended = true),
      Resumed: () => (this.suspended = false),
      DrainStarted: () => (this.suspended = false),
      Missed: () => assert.fail("nothing may be missed"),
      Queued: () => {},
      WaiterLeft: () => {},
      Leaked: () => {},
      LeakReturned: () => {},
      IdleCeilingLearned: () => {},
      HostDrained: () => {},
      Drained: () => {}
    })
  }

  private known(id: number) {
    const known = this.open.get(id)
    assert.isDefined(known, "only open connections are spoken of")
    return known as { leased: boolean; used: boolean }
  }

  get numbers() {
    const all = [...this.open.values()]
    const leased = all.filter((one) => one.leased).length
    const { hits, misses, evictions, created, connectFailures, closed, acquireTimeouts, pendingLimitReached } = this
    const { egressDenied, staleRetries, retriesRefused, distrusted, reclaimed, suspended } = this
    return {
      hits,
      misses,
      evictions,
      pooledConnections: all.length - leased,
      activeConnections: leased,
      openingConnections: this.opening,
      created,
      connectFailures,
      egressDenied,
      closed: { ...closed },
      acquireTimeouts,
      pendingLimitReached,
      staleRetries,
      retriesRefused,
      distrusted,
      reclaimed,
      suspended
    }
  }
}

const randomNumbers = (seed: number) => {
  let state = (seed * 2654435761) | 1
  return (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

describe("Books kept from the events alone", () => {
  const seeds = Array.from({ length: 25 }, (_, i) => i + 1)
  it.effect.each(seeds)("agree with the pool's numbers after every step, seed %i", (seed) => {
    const random = randomNumbers(seed)
    const pick = <A>(from: ReadonlyArray<A>): A | undefined => from[random(from.length)]
    const config = {
      maxConnectionsPerHost: 3,
      maxConnections: 6,
      maxIdlePerHost: 1,
      maxPendingPerHost: 3,
      acquireTimeout: "8 seconds",
      idleTimeout: "20 seconds",
      maxLifetime: "1 minute",
      cleanupInterval: "5 seconds",
      connectionTimeout: "6 seconds",
      retryBudgetPerHost: 1,
      drainTimeout: "5 seconds",
      minIdlePerHost: seed % 3 === 0 ? 1 : 0
    } as const
    return onPool(config, function* ({ network, pool, story }) {
      const events = yield* pool.subscribe
      const books = new Books()
      const asked: Array<Asked> = []
      const open = () => asked.filter((one) => one.lease?.settled === false && one.lease.connection.isOpen)
      const retry = (lease: Lease.Lease) => {
        lease.connection.write("ping")
        socketOf(lease, network).reset()
        const allowed = lease.allowRetry()
        lease.settle(Lease.Broken("stale"))
        if (allowed) asked.push(ask(pool, lease.key, { replaces: lease, fresh: true }))
      }
      const step: ReadonlyArray<() => Effect.Effect<unknown> | undefined | void> = [
        () => void asked.push(ask(pool, pick([a, b, c]) ?? a)),
        () => void asked.push(ask(pool, pick([a, b, c]) ?? a)),
        () => void network.dials.find((dial) => dial.state === "pending")?.succeed(),
        () => void network.dials.find((dial) => dial.state === "pending")?.succeed(),
        () => void pick(network.dials.filter((dial) => dial.state === "pending"))?.fail({ local: random(2) === 0 }),
        () => {
          const lease = pick(open())?.lease
          if (lease === undefined) return
          exchange(lease, network)
          lease.heard()
          give(lease)
        },
        () => {
          // More than may idle.
          for (const { held } of open()) {
            if (held.key === a || held.key === b) give(held)
          }
        },
        () => pick(open())?.lease?.settle(Lease.Spent("Close")),
        () => {
          const lease = pick(open())?.lease
          lease?.connection.write("ping")
          lease?.settle(Lease.Broken("timed out", { silent: true }))
        },
        () => {
          const lease = pick(open().filter((one) => one.lease?.reused === true))?.lease
          if (lease !== undefined) retry(lease)
        },
        () => {
          const lease = pick(open())?.lease
          lease?.offer(() => lease.settle(Lease.Broken("BodyAbandoned")))
        },
        () => void pick(asked.filter((one) => one.waiting))?.cancel(),
        () => pick(network.open.filter((socket) => socket.parked))?.end(),
        () => pick(network.open.filter((socket) => socket.parked))?.send("?"),
        () => TestClock.adjust(random(4000)),
        () => TestClock.adjust(random(4000)),
        () => (random(4) === 0 ? pool.clear : undefined),
        () => (random(4) === 0 ? pool.evict(pick([a, b, c]) ?? a) : undefined),
        () => (random(4) === 0 ? pool.suspend : pool.resume),
        () => pool.resume,
        () => (random(3) === 0 ? story.start(`drain ${asked.length} ${random(1e9)}`, pool.drainHost(a)) : undefined),
        () => (random(3) === 0 ? story.start(`warm ${asked.length} ${random(1e9)}`, pool.warm(b, 3)) : undefined)
      ]
      const compare = function* () {
        yield* story.settle
        for (const event of yield* told(events)) books.note(event)
        const stats = yield* pool.stats
        const { failedRetries: _f, hitRate: _r, hosts: _h, pendingAcquires: _p, ...numbers } = stats
        assert.deepStrictEqual(books.numbers, numbers)
      }
      for (let i = 0; i < 150; i++) {
        const effect = pick(step)?.()
        if (Effect.isEffect(effect)) yield* effect as Effect.Effect<unknown>
        yield* compare()
      }
      yield* story.start("drain", pool.drain)
      yield* TestClock.adjust("6 seconds")
      yield* story.expectDone("drain")
      yield* compare()
      assert.deepStrictEqual([books.numbers.pooledConnections, books.numbers.activeConnections], [0, 0])
    })
  })
})

describe("Events that other stories do not look at closely", () => {
  it.effect("of requests that leave, time out or are refused", () =>
    onPool({ maxPendingPerHost: 1, maxConnectionsPerHost: 1, acquireTimeout: "3 seconds" }, function* (here) {
      const { pool, story } = here
      const holder = ask(pool, a)
      yield* story.dialSucceeds(yield* story.expectDial(a))
      const events = yield* pool.subscribe
      const leaver = ask(pool, a)
      yield* TestClock.adjust(500)
      leaver.cancel()
      const waiter = ask(pool, a)
      const refused = ask(pool, a)
      yield* TestClock.adjust("3 seconds")
      const [timedOut, full] = [waiter.error, refused.error]
      assert.isTrue(timedOut?._tag === "AcquireTimeout" && full?._tag === "PendingLimitReached")
      assert.deepStrictEqual(yield* told(events), [
        PoolEvent.Queued({ at: 0, key: a, waiting: 1 }),
        PoolEvent.WaiterLeft({ at: 500, key: a, waited: 500 }),
        PoolEvent.Queued({ at: 500, key: a, waiting: 1 }),
        PoolEvent.Refused({ at: 500, key: a, waited: 0, error: full as PoolError.PendingLimitReached }),
        PoolEvent.WaiterTimedOut({ at: 3500, key: a, waited: 3000, error: timedOut as PoolError.AcquireTimeout })
      ])
      give(holder.held)
    })
  )

  it.effect("of dials that fail, are given up, or open, and of a pool that drains", () =>
    onPool({ maxIdlePerHost: 0, connectionTimeout: "2 seconds" }, function* ({ pool, story }) {
      const events = yield* pool.subscribe
      const one = ask(pool, a)
      const dial = yield* story.expectDial(a)
      yield* TestClock.adjust(100)
      yield* story.dialFails(dial)
      const two = ask(pool, a)
      yield* story.expectDial(a)
      yield* TestClock.adjust("2 seconds")
      const three = ask(pool, a)
      yield* story.expectDial(a)
      yield* TestClock.adjust(50)
      three.cancel()
      yield* pool.drain
      const [first, second] = [one.error, two.error]
      assert.isTrue(first?._tag === "ConnectError" && second?._tag === "ConnectTimeout")
      assert.deepStrictEqual(yield* told(events), [
        PoolEvent.OpenStarted({ at: 0, key: a }),
        PoolEvent.Queued({ at: 0, key: a, waiting: 1 }),
        PoolEvent.OpenFailed({ at: 100, key: a, took: 100, error: first as PoolError.ConnectError }),
        PoolEvent.Refused({ at: 100, key: a, waited: 100, error: first as PoolError.ConnectError }),
        PoolEvent.OpenStarted({ at: 100, key: a }),
        PoolEvent.Queued({ at: 100, key: a, waiting: 1 }),
        PoolEvent.OpenFailed({ at: 2100, key: a, took: 2000, error: second as PoolError.ConnectTimeout }),
        PoolEvent.Refused({ at: 2100, key: a, waited: 2000, error: second as PoolError.ConnectTimeout }),
        PoolEvent.OpenStarted({ at: 2100, key: a }),
        PoolEvent.Queued({ at: 2100, key: a, waiting: 1 }),
        PoolEvent.WaiterLeft({ at: 2150, key: a, waited: 50 }),
        PoolEvent.OpenAbandoned({ at: 2150, key: a, took: 50 }),
        PoolEvent.DrainStarted({ at: 2150 }),
        PoolEvent.Drained({ at: 2150, took: 0, aborted: 0 })
      ])
    })
  )

  it.effect("of a lease that is held too long: the span of the fiber that took it, where, and that it came back", () =>
    onOpenNetwork({ leakThreshold: "5 seconds" }, function* (here) {
      const { pool } = here
      yield* idleConnections(here, a, 1)
      const events = yield* pool.subscribe
      const span = yield* Effect.withSpan(Effect.orDie(Effect.currentSpan), "unused")
      const taken = yield* Effect.flatMap(Effect.orDie(Effect.currentSpan), (current) =>
        Effect.map(pool.lease(a), (lease) => ({ current, lease }))
      ).pipe(Effect.withSpan("the handler that forgets"))
      yield* TestClock.adjust("5 seconds")
      const [leaked] = yield* toldOf(events, "Leaked")
      assert.isDefined(leaked)
      const { connection } = taken.lease
      assert.deepStrictEqual(
        { ...leaked, span: undefined, stack: undefined },
        {
          ...PoolEvent.Leaked({
            at: 5000,
            key: a,
            connectionId: connection.id,
            held: 5000,
            span: undefined,
            stack: undefined
          })
        }
      )
      assert.strictEqual(leaked?.span, taken.current)
      assert.notStrictEqual(leaked?.span, span)
      assert.match(String(leaked?.stack), /acquired here/)
      yield* TestClock.adjust(250)
      give(taken.lease)
      assert.deepStrictEqual(yield* told(events), [
        PoolEvent.LeakReturned({ at: 5250, key: a, connectionId: connection.id, held: 5250 }),
        PoolEvent.Returned({ at: 5250, key: a, connectionId: connection.id, held: 5250 })
      ])
      assert.strictEqual(Duration.toMillis(taken.lease.waited), 0)
    })
  )
})
