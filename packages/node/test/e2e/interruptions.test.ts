/**
 * Requests of every kind, interrupted at random moments, over real sockets. `HOTARU_TESTS=full` makes it 100,000 of them,
 * and `HOTARU_SEED=<number>` another story; the moments are those of the operating system, too, so a seed tells the same
 * story only by and large.
 */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Supervisor from "effect/Supervisor"
import { descriptors, openSockets, turns, turnUntil } from "../support/dialling.js"
import { assertBalanced, settled } from "./support/balance.js"
import { exchanges } from "./support/exchanges.js"
import { memoryInUse } from "./support/heap.js"
import { type Served, served } from "./support/processes.js"
import { seeded } from "./support/random.js"
import { scaled } from "./support/scale.js"

const BATCH = scaled(10_000, 300)
const BATCHES = 10
const CONNECTIONS = 16
const CONCURRENCY = 32
const SEED = Number(process.env["HOTARU_SEED"] ?? 42)

interface Report {
  readonly requests: number
  readonly connections: number
  readonly open: number
  readonly maxOpen: number
  readonly posts: number
  readonly sentTwice: number
}

/** Microtasks, or turns of the event loop. */
const wait = (random: () => number): Effect.Effect<void> => {
  const count = Math.floor(random() * 30)
  if (random() < 0.75) return turns(count)
  return Effect.promise(async () => {
    for (let i = 0; i < count; i++) await undefined
  })
}

/** A socket is let go by the event loop, not by the call that closed it. */
const assertHeld = (expected: Held): Effect.Effect<void> => {
  let left = 1000
  const isAsExpected = () => {
    const { descriptors, sockets, timers } = held()
    return descriptors === expected.descriptors && sockets === expected.sockets && timers <= expected.timers
  }
  return Effect.map(
    turnUntil(() => isAsExpected() || left-- <= 0),
    () => {
      const now = held()
      // One of the test runner's own may have gone meanwhile.
      assert.deepStrictEqual({ ...now, timers: Math.max(now.timers, expected.timers) }, expected)
    }
  )
}

interface Held {
  readonly sockets: number
  readonly timers: number
  readonly descriptors: number
}

/** What this process has, so far as it keeps it alive; and its descriptors. */
const held = (): Held => ({
  sockets: openSockets(),
  timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length,
  descriptors: descriptors()
})

const outcomes = () => ({ interrupted: 0, finished: 0 })

/** Begins so many exchanges and interrupts each of them, sooner or later. */
const interruptMany = (server: Served, random: () => number, from: number, count: number) => {
  const kinds = exchanges(server.url)
  const seen = outcomes()
  const one = (id: number) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(kinds[Math.floor(random() * kinds.length)]!(id))
      yield* wait(random)
      const exit = yield* Fiber.interrupt(fiber)
      if (Exit.isSuccess(exit)) seen.finished++
      else if (Cause.isInterruptedOnly(exit.cause)) seen.interrupted++
      else yield* Effect.failCause(exit.cause)
    })
  const ids = Array.from({ length: count }, (_, i) => from + i)
  return Effect.as(Effect.forEach(ids, one, { concurrency: CONCURRENCY, discard: true }), seen)
}

/** The pool is at rest, its numbers agree, no limit is running, and every place is free. */
const assertAtRest = (server: Served, before: Held, supervisor: Supervisor.Supervisor<ReadonlyArray<unknown>>) =>
  Effect.gen(function* () {
    const pool = yield* ConnectionPool.ConnectionPool
    const stats = yield* settled(pool)
    assertBalanced(stats)
    assert.isAtMost(stats.pooledConnections, CONNECTIONS)
    // The last to go looks for answers that nobody reads; it was set while there were some, and looks once a second.
    yield* turnUntil(() => Reflect.get(pool.unsafe.deadlines, "size") === 0).pipe(
      Effect.timeoutFail({ duration: "5 seconds", onTimeout: () => new Error("limits are running at rest") })
    )
    // Idle sockets hold nothing up, and no other is open.
    yield* assertHeld({ ...before, descriptors: before.descriptors + stats.pooledConnections })
    const texts = yield* Effect.forEach(
      Array.from({ length: 3 * CONNECTIONS }, (_, i) => `/small/after-${i}`),
      (path) =>
        Effect.flatMap(HttpClient.get(server.url + path), (response) =>
          Effect.map(response.text, (text) => text === path)
        ),
      { concurrency: "unbounded" }
    )
    assert.isTrue(texts.every((right) => right))
    yield* settled(pool)
    const { length } = yield* supervisor.value
    return { stats, fibers: length, memory: yield* memoryInUse }
  })

describe("interruptions at random moments", () => {
  it.scopedLive(
    `leave nothing behind: no lease, waiter, socket, timer, fiber or memory`,
    () =>
      Effect.gen(function* () {
        const random = seeded(SEED)
        const server = yield* served("manySpeeds.mjs")
        const before = held()
        const supervisor = yield* Supervisor.track
        const program = Effect.gen(function* () {
          const total = outcomes()
          let first: Effect.Effect.Success<ReturnType<typeof assertAtRest>> | undefined
          for (let batch = 0; batch < BATCHES; batch++) {
            const { finished, interrupted } = yield* interruptMany(server, random, batch * BATCH, BATCH)
            total.finished += finished
            total.interrupted += interrupted
            const now = yield* assertAtRest(server, before, supervisor)
            first ??= now
            assert.isAtMost(now.fibers, first.fibers, "fibers")
            if (batch + 1 < scaled(0, BATCHES)) continue
            console.log(
              `seed ${SEED}, ${(batch + 1) * BATCH}: ${JSON.stringify({ ...total, ...now.memory, fibers: now.fibers })}`
            )
            if (batch + 1 < BATCHES) continue
            assert.isBelow(now.memory.heap / first.memory.heap, 1.05, "the heap after all, by that after a tenth")
            assert.isBelow(now.memory.buffers, first.memory.buffers + 2_000_000, "bytes in buffers")
          }
          // Both happened often, or the moments were not random.
          assert.isAbove(total.interrupted, (BATCH * BATCHES) / 4)
          assert.isAbove(total.finished, (BATCH * BATCHES) / 20)
        })
        yield* program.pipe(
          Effect.provide(
            NodePooledHttpClient.layer({
              maxConnectionsPerHost: CONNECTIONS,
              safety: { unreadBodyTimeout: "50 millis", bodyDrainTimeout: "50 millis" }
            })
          ),
          Effect.supervised(supervisor)
        )
        yield* assertHeld(before)
        assert.deepStrictEqual(
          (yield* supervisor.value).map((fiber) => fiber.id()),
          []
        )
        const report = (yield* server.report) as Report
        console.log(`the server: ${JSON.stringify(report)}`)
        assert.strictEqual(report.sentTwice, 0)
        assert.isAbove(report.posts, 0)
        assert.isAtMost(report.maxOpen, CONNECTIONS + CONCURRENCY) // It may see a close later than its successor.
      }),
    scaled(1_800_000, 120_000)
  )
})
