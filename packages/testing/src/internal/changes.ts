/**
 * Waiting for something to change. What changes between looking and listening is not missed: a fiber may yield there.
 */
import * as Effect from "effect/Effect"

export class Changes {
  private readonly watchers = new Set<() => void>()
  /** How many there were: taken when one looks, and handed to `after`. */
  count = 0

  tell(): void {
    this.count++
    const watchers = [...this.watchers]
    this.watchers.clear()
    for (const watcher of watchers) watcher()
  }

  /** Ends once there was another change. */
  after(count: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (this.count !== count) return resume(Effect.void)
      const watcher = () => resume(Effect.void)
      this.watchers.add(watcher)
      return Effect.sync(() => this.watchers.delete(watcher))
    })
  }
}
