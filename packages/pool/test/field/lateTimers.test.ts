/**
 * Time limits in a process whose event loop was blocked.
 */

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { live } from "../../src/internal/timeKeeper.js"

/** Ends with a timer of its own; timers of the same duration go off in the order in which they were set. */
const afterTimer = (millis: number): Effect.Effect<void> =>
  Effect.async((resume) => void setTimeout(() => resume(Effect.void), millis))

describe("An alarm on the live clock", () => {
  it.live("that rings late gives back the time by which it is late, once (nodejs/undici#3410)", () =>
    Effect.gen(function* () {
      // Monotonic time is the test's: as if the loop had been blocked.
      let monotonic = 0
      const time = live(yield* Effect.clock, () => monotonic)
      let rung = 0
      time.arm(5, () => rung++)
      monotonic = 50
      yield* afterTimer(5)
      assert.strictEqual(rung, 0, "it rang although it was 45 ms late and nobody has looked at the sockets yet")
      yield* afterTimer(45)
      // The loop polls once more.
      yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      assert.strictEqual(rung, 1)
      time.disarm()
    })
  )
})
