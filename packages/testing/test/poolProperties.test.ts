import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, PoolOperations } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestContext from "effect/TestContext"

const hosts = 3

const limits = FastCheck.record({
  maxConnectionsPerHost: FastCheck.integer({ min: 1, max: 3 }),
  maxConnections: FastCheck.integer({ min: 1, max: 6 }),
  maxIdlePerHost: FastCheck.integer({ min: 0, max: 3 }),
  maxPendingPerHost: FastCheck.constantFrom(2, 1024),
  idleOrder: FastCheck.constantFrom("fifo" as const, "lifo" as const)
})

describe("a pool, whatever happens to it", () => {
  it(
    "keeps its promises, and leaves nothing open",
    () =>
      FastCheck.assert(
        FastCheck.asyncProperty(limits, PoolOperations.sequence({ hosts }), (config, operations) =>
          Effect.gen(function* () {
            const network = yield* Effect.provide(
              Effect.gen(function* () {
                assert.strictEqual((yield* PoolOperations.run(operations, { hosts })).join("\n"), "")
                return yield* FakeNetwork.FakeNetwork
              }),
              FakeNetwork.poolLayer(config)
            )
            assert.deepStrictEqual(network.open, [])
            assert.isTrue(network.dials.every((dial) => dial.state !== "pending"))
          }).pipe(Effect.provide(TestContext.TestContext), Effect.runPromise)
        ),
        { numRuns: 200 }
      ),
    60_000
  )
})
