/** Counts fibers, so that none is left behind unseen. */
import * as Effect from "effect/Effect"
import * as Supervisor from "effect/Supervisor"

export class Census extends Supervisor.AbstractSupervisor<number> {
  readonly alive = new Set<unknown>()

  override get value(): Effect.Effect<number> {
    return Effect.sync(() => this.alive.size)
  }

  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: unknown): void {
    this.alive.add(fiber)
  }

  override onEnd(_value: unknown, fiber: unknown): void {
    this.alive.delete(fiber)
  }
}
