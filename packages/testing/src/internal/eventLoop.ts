/**
 * The fake event loop: what has arrived at this machine is seen, and turns end, only when it polls.
 */

// Taken once: a test that fakes timers must not stop the fake network.
const soon: (task: () => void) => void = setImmediate

/** Something that may hold input the loop has not seen yet. */
export interface Source {
  /** How many pieces of input wait now. */
  readonly backlog: number
  /** Delivers up to `count` pieces. */
  deliver(count: number): void
}

export class EventLoop {
  /** Polls so far. */
  polls = 0
  private ready = new Set<Source>()
  private turns: Array<() => void> = []
  private scheduled = false

  constructor(readonly manual: boolean) {}

  /** Whether something waits for a poll. */
  get pending(): boolean {
    return this.ready.size > 0 || this.turns.length > 0
  }

  /** Input has arrived: the next poll sees it. */
  arrived(source: Source): void {
    this.ready.add(source)
    this.schedule()
  }

  onTurn(resume: () => void): void {
    this.turns.push(resume)
    this.schedule()
  }

  /** Delivers what had arrived before this call, then ends the turns asked for before it. */
  poll(): void {
    this.polls++
    const turns = this.turns
    const sources = [...this.ready].map((source) => [source, source.backlog] as const)
    this.turns = []
    this.ready.clear()
    try {
      for (const [source, count] of sources) source.deliver(count)
    } finally {
      for (const resume of turns) resume()
    }
  }

  /** A macrotask: every fiber that can run has run before it, whatever it yields in between. */
  private schedule(): void {
    if (this.manual || this.scheduled) return
    this.scheduled = true
    soon(() => {
      this.scheduled = false
      if (this.pending) this.poll()
    })
  }
}
