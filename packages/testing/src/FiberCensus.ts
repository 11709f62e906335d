/**
 * Counts the fibers that an effect and those it starts leave alive.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Supervisor from "effect/Supervisor"

/**
 * A supervisor that knows how many of the fibers started under it are alive.
 *
 * @example
 * ```ts
 * import { FiberCensus } from "@hotaru/testing"
 * import { Effect } from "effect"
 *
 * const leaves = (program: Effect.Effect<void>) =>
 *   Effect.suspend(() => {
 *     const census = new FiberCensus.FiberCensus()
 *     return Effect.as(Effect.supervised(program, census), census).pipe(Effect.map(({ alive }) => alive))
 *   })
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export class FiberCensus extends Supervisor.AbstractSupervisor<number> {
  private readonly fibers = new Set<unknown>()

  /** Fibers that have started and not ended. */
  get alive(): number {
    return this.fibers.size
  }

  override get value(): Effect.Effect<number> {
    return Effect.sync(() => this.alive)
  }

  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: unknown): void {
    this.fibers.add(fiber)
  }

  override onEnd(_value: unknown, fiber: unknown): void {
    this.fibers.delete(fiber)
  }
}
