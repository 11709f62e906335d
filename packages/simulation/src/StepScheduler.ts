/**
 * Runs fibers when it is told to, all within one call: no promise, no timer, so a run cannot depend on the machine.
 * `pick` chooses which of the fibers that can go on does so next.
 */
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type { Scheduler, Task } from "effect/Scheduler"

/** Steps of fibers without a rest between them; nothing real takes so many. */
const endless = 200_000

export class StepScheduler implements Scheduler {
  private readonly tasks: Array<Task> = []
  private readonly interludes: Array<{ left: number; readonly act: Task }> = []

  constructor(private readonly pick: (count: number) => number) {}

  shouldYield(fiber: RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield)
      ? fiber.getFiberRef(FiberRef.currentSchedulingPriority)
      : false
  }

  scheduleTask(task: Task): void {
    this.tasks.push(task)
  }

  /** Acts amid the steps of fibers, when so many have been taken. */
  after(steps: number, act: Task): void {
    this.interludes.push({ left: steps, act })
  }

  private interlude(): void {
    for (const one of this.interludes) one.left--
    while ((this.interludes[0]?.left ?? 0) < 0) this.interludes.shift()?.act()
  }

  /** Runs until every fiber waits for something. */
  drain(): void {
    for (let ran = 0; this.tasks.length > 0; ran++) {
      if (ran > endless) throw new Error(`fibers did not come to rest within ${endless} steps`)
      if (this.interludes.length > 0) this.interlude()
      const [task] = this.tasks.splice(this.pick(this.tasks.length), 1)
      task?.()
    }
  }
}
