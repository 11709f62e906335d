import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { inFibers, inPromises, inSequence } from "../src/contestants.js"
import * as Fakes from "../src/fakes.js"
import { Stopwatch } from "../src/latencies.js"
import { measure, measureAll, median, named, order, quantile, ratio } from "../src/rounds.js"
import { inCallbacks } from "../src/workers.js"

describe("rounds", () => {
  it("the median of an even number of figures lies between the two in the middle", () => {
    assert.strictEqual(median([9, 1, 3]), 3)
    assert.strictEqual(median([4, 1, 3, 100]), 3.5)
    assert.isNaN(median([]))
  })

  it("a quantile is a value that was there", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    assert.deepStrictEqual(
      [0, 0.5, 0.99, 1].map((share) => quantile(values, share)),
      [1, 50, 99, 100]
    )
    assert.strictEqual(quantile([7], 0.99), 7)
    assert.isNaN(quantile([], 0.5))
  })

  it("a ratio is taken within each round: what slows a whole round down does not count", () => {
    const ours = { name: "ours", perRound: [1, 10, 100] }
    const theirs = { name: "theirs", perRound: [2, 20, 50] }
    assert.strictEqual(ratio(ours, theirs), 0.5)
  })

  it("nobody is compared with somebody who is not there", () => {
    assert.throws(() => named([{ name: "ours", perRound: [1] }], "theirs"), /theirs/)
  })

  it.effect("everybody warms up, then has one turn a round, and not always after the same neighbour", () =>
    Effect.gen(function* () {
      const turns: Array<string> = []
      const contestant = (name: string) => ({
        name,
        prepare: Effect.sync(() => turns.push(`(${name})`)),
        run: (operations: number) => Effect.sync(() => turns.push(`${name}${operations}`))
      })
      const contestants = ["a", "b"]
        .map(contestant)
        .map((one) => ({ ...one, run: (n: number) => Effect.asVoid(one.run(n)) }))
      const figures = yield* measure(
        contestants.map((one) => ({ ...one, prepare: Effect.asVoid(one.prepare) })),
        { warmUp: 7, operations: 5, rounds: 2 }
      )
      assert.strictEqual(turns.join(" "), "(a) a7 (b) b7 (a) a5 (b) b5 (b) b5 (a) a5")
      assert.deepStrictEqual(
        figures.map(({ name, perRound }) => [name, perRound.length]),
        [
          ["a", 2],
          ["b", 2]
        ]
      )
    })
  )

  it("everybody follows everybody else once before anybody does again", () => {
    const contestants = 8
    const followed = new Set<string>()
    for (let round = 0; round < contestants; round++) {
      const turns = order(contestants, round)
      assert.strictEqual(new Set(turns).size, contestants)
      for (let place = 1; place < contestants; place++) followed.add(`${turns[place]} after ${turns[place - 1]}`)
    }
    assert.strictEqual(followed.size, contestants * (contestants - 1))
    assert.deepStrictEqual([...order(3, 0), ...order(3, 1)], [0, 2, 1, 1, 0, 2])
  })

  it.effect("a turn's latency knows nothing of what was before", () =>
    Effect.gen(function* () {
      let since: Array<number> = []
      const contestant = {
        name: "a",
        run: (operations: number) => Effect.sync(() => void since.push(operations)),
        latency: () => {
          const taken = since
          since = []
          return { p50: median(taken), p99: quantile(taken, 0.99) }
        }
      }
      const { p50, p99 } = yield* measureAll([contestant], { warmUp: 7, operations: 5, rounds: 2 })
      assert.deepStrictEqual(named(p50, "a").perRound, [5, 5])
      assert.deepStrictEqual(named(p99, "a").perRound, [5, 5])
    })
  )

  it("a stopwatch forgets what it has told", () => {
    const watch = new Stopwatch()
    const now = performance.now()
    for (let ago = 0; ago <= 100; ago++) watch.note(now - ago * 1000)
    const { p50, p99 } = watch.take()
    assert.approximately(p50, 50_000_000, 500_000)
    assert.approximately(p99, 99_000_000, 500_000)
    assert.isNaN(watch.take().p50)
  })

  it.effect("a contestant who tells no latency is not in that table", () =>
    Effect.map(
      measureAll([inSequence("a", Effect.void)], { warmUp: 1, operations: 1, rounds: 1 }),
      ({ cpu, p50, perSecond }) => assert.deepStrictEqual([cpu.length, perSecond.length, p50.length], [1, 1, 0])
    )
  )
})

describe("contestants", () => {
  const counted = (contestantOf: (count: () => void) => ReturnType<typeof inSequence>, operations: number) =>
    Effect.suspend(() => {
      let count = 0
      return Effect.map(contestantOf(() => count++).run(operations), () => count)
    })

  it.effect("run as many operations as they are told", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* counted((count) => inSequence("a", Effect.sync(count)), 100), 100)
      assert.strictEqual(yield* counted((count) => inFibers(50)("a", Effect.sync(count)), 100), 100)
      assert.strictEqual(yield* counted((count) => inPromises(50)("a", async () => count()), 100), 100)
    })
  )

  it.scoped("without fibers each operation is one lease, and no more connections are open than may be", () =>
    Effect.gen(function* () {
      const pool = yield* Fakes.pool({ maxConnectionsPerHost: 3 })
      yield* inCallbacks("a", pool, Fakes.key("a.test"), 10).run(200)
      const { created, hits, misses, pooledConnections } = yield* pool.stats
      assert.strictEqual(hits + misses, 200)
      assert.deepStrictEqual([created, pooledConnections], [3, 3])
    })
  )

  it.scoped("a pool that cannot be filled is no pool to measure", () =>
    Effect.gen(function* () {
      const pool = yield* Fakes.pool({ maxIdlePerHost: 2 })
      const exit = yield* Effect.exit(Fakes.fill(pool, [Fakes.key("a.test")], 3))
      assert.isTrue(exit._tag === "Failure")
    })
  )
})
