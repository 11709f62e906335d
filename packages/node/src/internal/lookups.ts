/**
 * Name look-ups, shared and bounded. They run on four threads that files and crypto use too and cannot be cancelled: a
 * look-up that nobody waits for any more still occupies its place until it ends.
 *
 * @internal
 */
import type * as Exit from "effect/Exit"
import type { ResolveError } from "../Resolver.js"
import { type Address, isLiteral } from "./addresses.js"

/** A result serves further dials for this long. Milliseconds. */
const fresh = 1000

/** Look-ups under way for one name: one that hangs, and one that gets a second chance. */
const perName = 2

/** Look-ups under way in all: one thread is left to everybody else. */
const inAll = 3

export type Answer = Exit.Exit<ReadonlyArray<Address>, ResolveError>
type Waiter = (answer: Answer) => void

class Name {
  readonly waiters = new Set<Waiter>()
  /** Look-ups under way. */
  running = 0
  /** Which was started last; an older one's failure says nothing while a newer one runs. */
  newest = 0
  /** Whether the newest was given up by everybody who waited for it. */
  abandoned = false
  queued = false
  answer: Answer | undefined
  answeredAt = 0
  /** How many dials have asked. */
  asked = 0

  constructor(readonly host: string) {}
}

export class Lookups {
  private readonly names = new Map<string, Name>()
  private readonly queue: Array<Name> = []
  private running = 0
  private sweepAt = 256

  constructor(
    /** Starts a look-up; the callback is called once. */
    private readonly start: (host: string, done: (answer: Answer) => void) => void,
    private readonly now: () => number
  ) {}

  /** Asks for a name's addresses; answers how to stop waiting. `rotation` counts the dials that asked before. */
  get(host: string, waiter: (answer: Answer, rotation: number) => void): () => void {
    if (isLiteral(host)) {
      // Asked for, because a resolver may refuse it; but it takes no thread, so it waits for nobody.
      this.start(host, (answer) => waiter(answer, 0))
      return () => {}
    }
    const name = this.named(host)
    const rotation = name.asked++
    const wait: Waiter = (answer) => waiter(answer, rotation)
    if (name.answer !== undefined && this.now() - name.answeredAt < fresh) {
      wait(name.answer)
      return () => {}
    }
    return this.join(name, wait)
  }

  /**
   * Asks on nobody's behalf: joins a look-up that somebody waits for, or begins one if that leaves a place to dials.
   * What was found before is no answer here. Answers how to stop waiting, or undefined: not now.
   */
  probe(host: string, waiter: (answer: Answer) => void): (() => void) | undefined {
    const known = this.names.get(host)
    if ((known === undefined || known.waiters.size === 0) && this.running >= inAll - 1) return undefined
    // A waiter of its own, so that leaving twice takes nobody else along.
    return this.join(known ?? this.named(host), (answer) => waiter(answer))
  }

  private join(name: Name, wait: Waiter): () => void {
    name.waiters.add(wait)
    this.ensure(name)
    return () => {
      if (!name.waiters.delete(wait) || name.waiters.size > 0) return
      name.abandoned = true
    }
  }

  private named(host: string): Name {
    const known = this.names.get(host)
    if (known !== undefined) return known
    this.forgetStale()
    const name = new Name(host)
    this.names.set(host, name)
    return name
  }

  /** Somebody waits: is a look-up under way that will answer? */
  private ensure(name: Name): void {
    if (name.queued || (name.running > 0 && !name.abandoned) || name.running >= perName) return
    if (this.running >= inAll) {
      name.queued = true
      this.queue.push(name)
      return
    }
    this.run(name)
  }

  private run(name: Name): void {
    const serial = ++name.newest
    name.abandoned = false
    name.running++
    this.running++
    this.start(name.host, (answer) => {
      name.running--
      this.running--
      this.settle(name, serial, answer)
      this.next()
    })
  }

  private settle(name: Name, serial: number, answer: Answer): void {
    if (answer._tag === "Failure" && name.running > 0 && serial !== name.newest) return
    // A failure is shared by those who wait for it, and not kept.
    if (answer._tag === "Success") {
      name.answer = answer
      name.answeredAt = this.now()
    }
    const waiters = [...name.waiters]
    name.waiters.clear()
    for (const waiter of waiters) waiter(answer)
  }

  private next(): void {
    while (this.running < inAll) {
      const name = this.queue.shift()
      if (name === undefined) return
      name.queued = false
      if (name.waiters.size > 0) this.run(name)
    }
  }

  /** Sweeps each time the number of names has doubled, so that a name costs its share of one sweep. */
  private forgetStale(): void {
    if (this.names.size < this.sweepAt) return
    for (const [host, name] of this.names) {
      if (name.running === 0 && name.waiters.size === 0 && this.now() - name.answeredAt >= fresh)
        this.names.delete(host)
    }
    this.sweepAt = Math.max(256, this.names.size * 2)
  }
}
