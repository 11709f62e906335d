import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Reporting from "../src/reporting.js"
import type { Sabotage } from "../src/Sabotage.js"
import * as Simulation from "../src/Simulation.js"

/** Enough to meet each kind of fault many times, and few enough for a busy machine with two cores. */
const seeds = 200
const together = 40

describe("client and pool over a network that fails", () => {
  const tally = new Reporting.Tally()

  for (let first = 1; first <= seeds; first += together) {
    it.live(`keep every promise, seeds ${first} to ${first + together - 1}`, () =>
      Effect.gen(function* () {
        for (let seed = first; seed < first + together; seed++) {
          const report = Simulation.run(seed)
          tally.add(report)
          assert.isUndefined(report.failure, Reporting.failed(report, Simulation.defaultSteps))
          yield* Simulation.breath
        }
      })
    )
  }

  it("were put to every kind of trouble", () => {
    const { counters, done, outcomes } = tally
    assert.isAbove(outcomes.get("ok") ?? 0, 15 * done)
    assert.isAbove(counters.hits, 4 * done)
    // A peer that says nothing for two seconds on a connection that had worked is too rare for so few seeds.
    const { distrusted: _, ...common } = counters
    for (const [name, count] of Object.entries(common)) assert.isAbove(count, 0, name)
    for (const name of ["interrupted", "ConnectionBroken", "ConnectTimeout", "MalformedResponse", "PoolClosed"])
      assert.isAbove(outcomes.get(name) ?? 0, 0, name)
  })
})

describe("a seed", () => {
  it("plays the same run each time, whatever was played before it", () => {
    const seeds = [3, 14, 15, 92, 65]
    const hashes = (order: ReadonlyArray<number>) =>
      new Map(order.map((seed) => [seed, Simulation.run(seed, { kept: Infinity }).hash]))
    const there = hashes(seeds)
    const back = hashes([...seeds].reverse())
    for (const seed of seeds) assert.strictEqual(back.get(seed), there.get(seed), `seed ${seed}`)
    assert.strictEqual(new Set(there.values()).size, seeds.length)
  })

  it("makes another run with other steps", () => {
    assert.notStrictEqual(Simulation.run(8, { steps: 30 }).hash, Simulation.run(8, { steps: 31 }).hash)
  })
})

describe("a failure", () => {
  /** A pool that keeps one idle connection more than the invariants know of. */
  const sabotage: Sabotage = { config: (config) => ({ ...config, maxIdlePerHost: (config.maxIdlePerHost ?? 0) + 1 }) }
  const seeds = Array.from({ length: 60 }, (_, index) => index + 1)
  const seed = seeds.find((one) => Simulation.run(one, { sabotage }).failure !== undefined) ?? 0

  it("is reported with its seed, options, trace, invariant and the command that plays it again", () => {
    const report = Simulation.run(seed, { sabotage, steps: 79 })
    const text = Reporting.failed(report, 79)
    assert.match(text, new RegExp(`^Seed ${seed} failed: limits: \\d+ idle connections`))
    assert.match(text, /Options: \{.*"maxIdlePerHost": \d/)
    assert.match(text, new RegExp(`npm run simulate -- --seed ${seed} --steps 79\n`))
    assert.isAtMost(report.trace.length, 60)
    assert.match(report.trace.at(-1) ?? "", /BROKEN limits/)
  })

  it("ends the run where it happened: the whole trace ends with the same lines", () => {
    const short = Simulation.run(seed, { sabotage })
    const long = Simulation.run(seed, { sabotage, kept: Infinity })
    assert.strictEqual(long.hash, short.hash)
    assert.deepStrictEqual(long.trace.slice(-short.trace.length), short.trace)
  })
})
