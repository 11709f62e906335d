/**
 * Time limits in a process whose event loop was blocked.
 */

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { live } from "../../src/internal/timeKeeper.js"

/** Lets immediates and timers of no delay run, until something holds. */
const turnUntil = (holds: () => boolean): Effect.Effect<void> =>
  Effect.async((resume) => {
    const look = (): void => {
      if (holds()) resume(Effect.void)
      else setTimeout(look, 0)
    }
    look()
  })

describe("An alarm on the live clock", () => {
  it.live("that rings late gives back the time by which it is late, once (nodejs/undici#3410)", () =>
    Effect.gen(function* () {
      // Monotonic time is the test's: as if the loop was blocked for ten seconds.
      let monotonic = 0
      const begun = performance.now()
      const time = live(yield* Effect.clock, () => monotonic)
      let rung = 0
      time.arm(5, () => rung++)
      time.hold()
      monotonic = 50
      yield* turnUntil(() => performance.now() - begun > 10)
      assert.strictEqual(rung, 0, "it rang although it was 45 ms late and nobody has looked at the sockets yet")
      yield* turnUntil(() => rung > 0)
      assert.strictEqual(rung, 1)
      time.release()
      time.disarm()
    })
  )
})
