import { assert, describe, it } from "@effect/vitest"
import { Lease, PoolEvent } from "@hotaru/pool"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { ringSize } from "../src/internal/eventHub.js"
import { a, ask, onOpenNetwork, onPool } from "./support/stories.js"

const ping = (lease: Lease.Lease) => lease.settle(Lease.Reusable())
const drained = (events: Queue.Dequeue<PoolEvent.PoolEvent>) =>
  Effect.map(events.takeAll, (chunk) => Chunk.toReadonlyArray(chunk))

describe("Events", () => {
  it.effect("tell a whole story, in order, each with its moment and its numbers", () =>
    onPool(
      { maxConnectionsPerHost: 1, maxPendingPerHost: 1, acquireTimeout: "10 seconds" },
      function* ({ pool, story }) {
        const events = yield* pool.subscribe
        ask(pool, a)
        yield* TestClock.adjust("1 second")
        yield* story.dialFails(yield* story.expectDial())
        const first = ask(pool, a)
        yield* TestClock.adjust("2 seconds")
        const socket = yield* story.dialSucceeds(yield* story.expectDial(), { remoteAddress: "192.0.2.7" })
        const second = ask(pool, a)
        ask(pool, a)
        yield* TestClock.adjust("3 seconds")
        ping(first.held)
        const third = ask(pool, a)
        yield* TestClock.adjust("10 seconds")
        second.held.settle(Lease.Broken("ReadFailed"))
        assert.strictEqual(third.error?._tag, "AcquireTimeout")
        const [connectError, pendingLimit, acquireTimeout] = (yield* drained(events)).flatMap((event) =>
          event._tag === "Refused" || event._tag === "WaiterTimedOut" ? [event] : []
        )
        assert.deepStrictEqual(
          [connectError, pendingLimit, acquireTimeout].map((event) => [event?.at, event?.error._tag, event?.waited]),
          [
            [1000, "ConnectError", 1000],
            [3000, "PendingLimitReached", 0],
            [16_000, "AcquireTimeout", 10_000]
          ]
        )
        assert.strictEqual(socket.destroyed, "ReadFailed")
      }
    )
  )

  it.effect("the stream ends with the pool, and is empty once it has closed", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      const heard = yield* Effect.fork(Stream.runCollect(pool.events))
      yield* story.settle
      ping(yield* pool.lease(a))
      yield* pool.drain
      const tags = Chunk.toReadonlyArray(yield* Fiber.join(heard)).map((event) => event._tag)
      assert.deepStrictEqual(tags, [
        "OpenStarted",
        "Queued",
        "Opened",
        "Acquired",
        "Returned",
        "DrainStarted",
        "Retired",
        "Drained"
      ])
      assert.strictEqual((yield* Stream.runCollect(pool.events)).length, 0)
    })
  )

  it.effect("the sequence of the same story, complete", () =>
    onPool({ maxConnectionsPerHost: 1 }, function* ({ pool, story }) {
      const events = yield* pool.subscribe
      const first = ask(pool, a)
      yield* TestClock.adjust("2 seconds")
      const socket = yield* story.dialSucceeds(yield* story.expectDial(), { remoteAddress: "192.0.2.7" })
      const second = ask(pool, a)
      yield* TestClock.adjust("3 seconds")
      ping(first.held)
      ping(second.held)
      yield* TestClock.adjust("4 seconds")
      const third = ask(pool, a)
      third.held.settle(Lease.Spent("CloseToken"))
      const connectionId = socket.id
      const common = { key: a, connectionId }
      assert.deepStrictEqual(yield* drained(events), [
        PoolEvent.OpenStarted({ at: 0, key: a }),
        PoolEvent.Queued({ at: 0, key: a, waiting: 1 }),
        PoolEvent.Opened({ at: 2000, ...common, took: 2000, remoteAddress: "192.0.2.7" }),
        PoolEvent.Acquired({ at: 2000, ...common, reused: false, waited: 2000, idle: 0 }),
        PoolEvent.Queued({ at: 2000, key: a, waiting: 1 }),
        PoolEvent.Returned({ at: 5000, ...common, held: 3000 }),
        PoolEvent.Acquired({ at: 5000, ...common, reused: true, waited: 3000, idle: 0 }),
        PoolEvent.Returned({ at: 5000, ...common, held: 0 }),
        PoolEvent.Acquired({ at: 9000, ...common, reused: true, waited: 0, idle: 4000 }),
        PoolEvent.Retired({ at: 9000, ...common, reason: "CloseToken", age: 7000, requests: 3, unused: false })
      ])
    })
  )

  it.effect("whoever subscribes sees all that happens after, and nothing from before", () =>
    onOpenNetwork({}, function* ({ pool }) {
      ping(yield* pool.lease(a))
      const events = yield* pool.subscribe
      ping(yield* pool.lease(a))
      assert.deepStrictEqual(
        (yield* drained(events)).map((event) => event._tag),
        ["Acquired", "Returned"]
      )
    })
  )

  it.effect("as a stream", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      const listening = yield* Effect.fork(Stream.runCollect(Stream.take(pool.events, 5)))
      yield* story.settle
      ping(yield* pool.lease(a))
      const events = yield* Fiber.join(listening)
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(events).map((event) => event._tag),
        ["OpenStarted", "Queued", "Opened", "Acquired", "Returned"]
      )
    })
  )

  it.effect("each listener has all of them", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const [one, two] = [yield* pool.subscribe, yield* pool.subscribe]
      ping(yield* pool.lease(a))
      assert.deepStrictEqual(yield* drained(one), yield* drained(two))
    })
  )

  it.effect("a slow listener loses the oldest and is told how many, in their place; others lose nothing", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const [slow, quick] = [yield* pool.subscribe, yield* pool.subscribe]
      ping(yield* pool.lease(a))
      yield* drained(quick)
      let seen = 0
      const exchanges = ringSize / 2 + 10
      for (let i = 0; i < exchanges; i++) {
        ping(ask(pool, a).held)
        seen += (yield* drained(quick)).length
      }
      assert.strictEqual(seen, 2 * exchanges)
      const told = yield* drained(slow)
      assert.strictEqual(told.length, ringSize + 1)
      assert.deepStrictEqual(told[0], PoolEvent.Missed({ count: 5 + 2 * exchanges - ringSize }))
      assert.isTrue(told.slice(1).every((event) => event._tag !== "Missed"))
      ping(ask(pool, a).held)
      assert.deepStrictEqual(
        (yield* drained(slow)).map((event) => event._tag),
        ["Acquired", "Returned"]
      )
    })
  )

  it.effect("a listener that waits is woken by the next one", () =>
    onOpenNetwork({}, function* ({ pool, story }) {
      const events = yield* pool.subscribe
      const next = yield* Effect.fork(events.take)
      yield* story.settle
      yield* pool.lease(a)
      assert.strictEqual((yield* Fiber.join(next))._tag, "OpenStarted")
    })
  )

  it.effect("none is made while nobody listens, and again none when the last listener has gone", () =>
    onOpenNetwork({}, function* ({ pool }) {
      const made = yield* countingEvents
      ping(yield* pool.lease(a))
      assert.strictEqual(made(), 0)
      yield* Effect.scoped(
        Effect.zipRight(
          pool.subscribe,
          Effect.sync(() => ping(ask(pool, a).held))
        )
      )
      assert.strictEqual(made(), 2)
      ping(ask(pool, a).held)
      yield* pool.clear
      yield* pool.drain
      assert.strictEqual(made(), 2)
    })
  )
})

/** Counts the events made from here on, whoever makes them: they share a prototype. */
const countingEvents = Effect.acquireRelease(
  Effect.sync(() => {
    let made = 0
    const prototype = Object.getPrototypeOf(PoolEvent.Missed({ count: 0 })) as object
    // `Data` copies the fields it is given; `at` is the first of every event but `Missed`.
    Object.defineProperty(prototype, "at", {
      configurable: true,
      set(this: object, value: number) {
        made++
        Object.defineProperty(this, "at", { value, enumerable: true, configurable: true, writable: true })
      }
    })
    return { prototype, made: () => made }
  }),
  ({ prototype }) => Effect.sync(() => Reflect.deleteProperty(prototype, "at"))
).pipe(Effect.map(({ made }) => made))
