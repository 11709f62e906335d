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
  private readonly sleepers = new Set<Sleeper>()

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
      this.sleepers.add(sleeper)
      return Effect.sync(() => this.sleepers.delete(sleeper))
    })
  }

  /** When the next sleeper wakes. */
  get next(): number {
    let next = Infinity
    for (const { at } of this.sleepers) if (at < next) next = at
    return next
  }

  /** Moves time, and wakes whoever has slept long enough: first who was to wake first. */
  moveTo(time: number): void {
    this.now = Math.max(this.now, time)
    const due = [...this.sleepers].filter(({ at }) => at <= this.now).sort((left, right) => left.at - right.at)
    for (const sleeper of due) {
      this.sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
