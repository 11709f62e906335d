/** Counts fibers, so that none is left behind unseen. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Supervisor from "effect/Supervisor"

export class Census extends Supervisor.AbstractSupervisor<number> {
  readonly alive = new Set<Fiber.RuntimeFiber<unknown, unknown>>()

  override get value(): Effect.Effect<number> {
    return Effect.sync(() => this.alive.size)
  }

  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: Fiber.RuntimeFiber<any, any>): void {
    this.alive.add(fiber)
  }

  override onEnd(_value: unknown, fiber: Fiber.RuntimeFiber<any, any>): void {
    this.alive.delete(fiber)
  }
}
