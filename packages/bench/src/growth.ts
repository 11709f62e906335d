/** What operations allocate: how far the heap grows while no garbage is collected. */
import { GCProfiler } from "node:v8"
import * as Effect from "effect/Effect"
import { type Contestant, tidy } from "./rounds.js"

/** Bytes per operation. */
export interface Growth {
  readonly heap: number
  /** Of buffers, whose bytes are not on the heap. */
  readonly buffers: number
}

/** Undefined if garbage was collected meanwhile. */
const once = (contestant: Contestant, operations: number): Effect.Effect<Growth | undefined> =>
  Effect.gen(function* () {
    yield* tidy
    const profiler = new GCProfiler()
    profiler.start()
    const before = process.memoryUsage()
    yield* contestant.run(operations)
    const after = process.memoryUsage()
    const collected = profiler.stop().statistics.length > 0
    // A watch holds a number for each operation until it is read: next time's would be put beside them.
    contestant.latency?.()
    if (collected) return undefined
    return {
      heap: (after.heapUsed - before.heapUsed) / operations,
      buffers: (after.arrayBuffers - before.arrayBuffers) / operations
    }
  })

const attempts = 10

export const growth = (contestant: Contestant, operations: number): Effect.Effect<Growth> =>
  Effect.gen(function* () {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const grown = yield* once(contestant, operations)
      if (grown !== undefined) return grown
    }
    return yield* Effect.dieMessage(`${contestant.name}: garbage was collected in each of ${attempts} attempts`)
  })
