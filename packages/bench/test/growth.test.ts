import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { inSequence } from "../src/contestants.js"
import { growth } from "../src/growth.js"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

describe("growth", () => {
  let kept: unknown
  const numbers = inSequence(
    "numbers",
    Effect.sync(() => {
      kept = new Array(1000).fill(0.5)
    })
  )

  it.live("is what operations allocate, although nobody keeps it", () =>
    Effect.gen(function* () {
      const { buffers, heap } = yield* growth(numbers, 100)
      assert.lengthOf(kept as Array<number>, 1000)
      // A thousand numbers are 4 or 8 bytes each on the heap, or both on the way to 8.
      assert.isAbove(heap, 4_000)
      assert.isBelow(heap, 20_000)
      assert.strictEqual(buffers, 0)
    })
  )

  it.live("knows bytes on the heap from those of buffers", () =>
    Effect.gen(function* () {
      const piece = Effect.sync(() => {
        kept = new ArrayBuffer(10_000)
      })
      const { buffers, heap } = yield* growth(inSequence("pieces", piece), 100)
      assert.isAtLeast(buffers, 10_000)
      assert.isBelow(buffers, 12_000)
      assert.isBelow(heap, 5_000)
    })
  )

  it.live("is not told where garbage is collected each time", () =>
    Effect.gen(function* () {
      const collecting = inSequence("collecting", Effect.sync(collect))
      const exit = yield* Effect.exit(growth(collecting, 1))
      assert.match(String(exit), /collecting: garbage was collected in each of 10 attempts/)
    })
  )
})
