/**
 * Counts the fibers that an effect and those it starts leave alive.
 */
import * as Effect from "effect/Effect"
import * as Supervisor from "effect/Supervisor"

export class FiberCensus extends Supervisor.AbstractSupervisor<number> {
  private readonly fibers = new Set<unknown>()

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
