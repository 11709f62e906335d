/**
 * The few who wait for a state of the pool rather than for a lease; they look after every round of commands.
 */
export class Watchers {
  private readonly all = new Set<() => void>()

  /** Answers how to stop watching. */
  add(watcher: () => void): () => void {
    this.all.add(watcher)
    return () => {
      this.all.delete(watcher)
    }
  }

  /** All look again. */
  wake(): void {
    // Asked after every lease, of hardly ever anybody.
    if (this.all.size > 0) for (const watcher of this.all) watcher()
  }
}
