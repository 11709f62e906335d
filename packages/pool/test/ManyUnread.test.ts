/**
 * What a dial's end costs while unread answers are on offer, beside very many hosts: in looks at hosts, as they are
 * counted.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { HostRecord } from "../src/internal/model.js"
import { a, ask, b, keyOf, onOpenNetwork } from "./support/stories.js"

const HOSTS = 10_000

/** Counts how often anybody asks how many wait for a host. */
const looks = (act: Effect.Effect<void>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const waiting = Object.getOwnPropertyDescriptor(HostRecord.prototype, "waiting") as PropertyDescriptor
    let count = 0
    Object.defineProperty(HostRecord.prototype, "waiting", {
      ...waiting,
      get(this: HostRecord) {
        count++
        return waiting.get?.call(this) as number
      }
    })
    const restored = Effect.sync(() => void Object.defineProperty(HostRecord.prototype, "waiting", waiting))
    return Effect.map(Effect.ensuring(act, restored), () => count)
  })

describe("Ten thousand hosts, answers that nobody reads, and a request that waits", () => {
  it.effect(
    "cost a dial that fails no look at hosts for which nobody waits, before the answers are due and after",
    () =>
      onOpenNetwork(
        { maxConnections: Infinity, maxConnectionsPerHost: 1, drainTimeout: 0 },
        function* ({ network, pool }) {
          const unread = yield* pool.lease(a)
          // Its own limit binds: its own connection alone could help it, and that is not on offer.
          yield* pool.lease(b)
          const waiter = ask(pool, b)
          // Whoever holds them reads.
          for (let i = 0; i < HOSTS; i++) ask(pool, keyOf(`host-${i}.test`))
          yield* network.settle
          assert.deepInclude(yield* pool.stats, { hosts: HOSTS + 2, activeConnections: HOSTS + 2, pendingAcquires: 1 })
          unread.offer(() => {})
          network.park()
          for (const host of ["before.test", "after.test"]) {
            const late = ask(pool, keyOf(host))
            yield* network.settle
            const dial = network.dials.at(-1)
            const count = yield* looks(
              Effect.suspend(() => {
                dial?.fail()
                return network.settle
              })
            )
            assert.isDefined(late.error)
            assert.isBelow(count, 50, host)
            yield* TestClock.adjust("2 seconds")
          }
          assert.isTrue(waiter.waiting)
        }
      ),
    60_000
  )
})
