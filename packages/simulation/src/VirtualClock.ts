/**
 * A test clock that costs no real time and stops at every moment at which somebody wakes, so that nobody sees a time
 * later than the one that was waited for.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  /** Who wakes first stands first; who fell asleep first, among those that wake together. */
  private readonly sleepers: Array<Sleeper> = []

  constructor(private now: number) {}

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.now * 1e6))
  }

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.now)
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = { at: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      const later = this.sleepers.findIndex(({ at }) => at > sleeper.at)
      this.sleepers.splice(later === -1 ? this.sleepers.length : later, 0, sleeper)
      return Effect.sync(() => {
        const place = this.sleepers.indexOf(sleeper)
        if (place !== -1) this.sleepers.splice(place, 1)
      })
    })
  }

  /** When the next sleeper wakes. */
  get next(): number {
    return this.sleepers[0]?.at ?? Infinity
  }

  /** Moves time, and wakes whoever has slept long enough. */
  moveTo(time: number): void {
    this.now = Math.max(this.now, time)
    while (this.next <= this.now) this.sleepers.shift()?.wake()
  }
}
