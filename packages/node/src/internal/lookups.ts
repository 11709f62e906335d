/**
 * Name look-ups, shared and bounded. Those of the operating system run on threads that files and crypto use too and cannot
 * be cancelled: one that no dial waits for any more still occupies its place until it ends. Those of any other resolver are
 * interrupted when the last dial that waits for them leaves, or when their time is over.
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

/** What kind of work look-ups are. */
export interface Nature {
  /** How many may be under way in all. */
  readonly inAll: () => number
  /** Whether interrupting one ends it. */
  readonly interruptible: boolean
  /** Why not more, in words; empty: that is our choice. */
  readonly because: string
  /** Calls back after some milliseconds; answers how to have it not do so. */
  readonly after: (millis: number, run: () => void) => () => void
}

/** Of threads: one of the usual four is left to files and crypto. Nothing says when their time is over. */
const usual: Nature = { inAll: () => 3, interruptible: false, because: "", after: () => () => {} }

export type Answer = Exit.Exit<ReadonlyArray<Address>, ResolveError>
type Waiter = (answer: Answer) => void

/** A look-up under way. */
interface Run {
  readonly name: Name
  readonly serial: number
  interrupt: (() => void) | undefined
  interrupted: boolean
  over: boolean
  timer: (() => void) | undefined
  /** Whose time is its own: the first dial with a limit that waits for it. */
  timed: Waiter | undefined
  /** That time has passed. */
  late: boolean
}

class Name {
  /** Each with the time that its dial has. Milliseconds. */
  readonly waiters = new Map<Waiter, number>()
  /** Look-ups under way. */
  readonly runs = new Set<Run>()
  /** Which was started last; an older one's failure says nothing while a newer one runs. */
  newest: Run | undefined
  /** Whether the newest was given up by all that waited for it, or has taken longer than it may. */
  abandoned = false
  answer: Answer | undefined
  answeredAt = 0
  /** How many dials have asked. */
  asked = 0
  /** The last look-up of any name that had begun when the first of those who wait came. */
  since = 0

  constructor(readonly host: string) {}
}

export class Lookups {
  private readonly names = new Map<string, Name>()
  /** In the order of asking. */
  private readonly queue = new Set<Name>()
  private readonly runs = new Set<Run>()
  private serial = 0
  private sweepAt = 256

  constructor(
    /** Starts a look-up; the callback is called once. Answers how to interrupt it, if that is possible. */
    private readonly start: (host: string, done: (answer: Answer) => void) => (() => void) | undefined,
    private readonly now: () => number,
    private readonly nature: Nature = usual
  ) {}

  /**
   * Asks for a name's addresses; answers how to stop waiting. `rotation` counts the dials that asked before.
   * @param limit how long a look-up may take that this dial begins. Milliseconds.
   */
  get(host: string, waiter: (answer: Answer, rotation: number) => void, limit = Infinity): () => void {
    if (isLiteral(host)) return this.literal(host, waiter)
    const name = this.named(host)
    const rotation = name.asked++
    const wait: Waiter = (answer) => waiter(answer, rotation)
    if (name.answer !== undefined && this.now() - name.answeredAt < fresh) {
      wait(name.answer)
      return () => {}
    }
    return this.join(name, wait, limit)
  }

  /**
   * Asks for the sake of no dial: joins a look-up that a dial waits for, or begins one if that leaves a place to dials.
   * What was found before is no answer here. Answers how to stop waiting, or undefined: not now.
   */
  probe(host: string, waiter: (answer: Answer) => void): (() => void) | undefined {
    const known = this.names.get(host)
    // The only place is not kept from it, or it would never be served.
    const places = Math.max(1, this.nature.inAll() - 1)
    if ((known === undefined || known.waiters.size === 0) && this.runs.size >= places) return undefined
    // A waiter of its own, so that leaving twice takes no other along.
    return this.join(known ?? this.named(host), (answer) => waiter(answer), Infinity)
  }

  /** Why a dial to this host still waits, in words. */
  waitingFor(host: string): string {
    const name = this.names.get(host)
    if (name === undefined) return "the resolver has not answered"
    let hanging = 0
    for (const run of this.runs) if (run.name === name || run.serial <= name.since) hanging++
    const hang = hanging === 1 ? "1 look-up hangs" : `${hanging} look-ups hang`
    return this.queue.has(name)
      ? `the look-up of its name has not begun: ${hang}, and at most ${this.nature.inAll()} run at once${this.nature.because}`
      : `the look-up of its name has not ended: ${hang}`
  }

  /** Asked for, because a resolver may refuse it; but it takes no thread, so it stands in no line. */
  private literal(host: string, waiter: (answer: Answer, rotation: number) => void): () => void {
    let left = false
    const interrupt = this.start(host, (answer) => {
      if (!left) waiter(answer, 0)
    })
    return () => {
      left = true
      interrupt?.()
    }
  }

  private join(name: Name, wait: Waiter, limit: number): () => void {
    if (name.waiters.size === 0) name.since = this.serial
    name.waiters.set(wait, limit)
    this.ensure(name)
    if (name.newest !== undefined) this.limit(name.newest, wait, limit)
    return () => {
      if (!name.waiters.delete(wait)) return
      if (name.waiters.size === 0) {
        this.queue.delete(name)
        this.giveUp(name)
      } else if (name.newest?.late === true && name.newest.timed === wait) this.again(name)
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

  /** A dial waits: is a look-up under way that will answer? */
  private ensure(name: Name): void {
    if (this.queue.has(name) || (name.runs.size > 0 && !name.abandoned) || name.runs.size >= perName) return
    if (this.runs.size >= this.nature.inAll()) this.queue.add(name)
    else this.run(name)
  }

  private run(name: Name): void {
    const run: Run = {
      name,
      serial: ++this.serial,
      interrupt: undefined,
      interrupted: false,
      over: false,
      timer: undefined,
      timed: undefined,
      late: false
    }
    name.abandoned = false
    name.newest = run
    name.runs.add(run)
    this.runs.add(run)
    for (const [wait, limit] of name.waiters) this.limit(run, wait, limit)
    run.interrupt = this.start(name.host, (answer) => this.ended(run, answer))
  }

  /** The first dial that waits for it says how long it may take: dials that keep coming do not keep it going. */
  private limit(run: Run, wait: Waiter, millis: number): void {
    if (run.over || run.timer !== undefined || millis === Infinity) return
    run.timed = wait
    run.timer = this.nature.after(millis, () => {
      if (run.over) return
      run.late = true
      // The dial whose time it is leaves in this very moment, and may be the last.
      if (run.name.newest === run && !run.name.waiters.has(wait)) this.again(run.name)
    })
  }

  /** Its time is over, and dials that came later still wait: they get a look-up of their own. */
  private again(name: Name): void {
    this.giveUp(name)
    this.ensure(name)
  }

  /** One that is interrupted keeps its place until it has ended, or a resolver that cannot be interrupted had no bound. */
  private giveUp(name: Name): void {
    name.abandoned = true
    if (!this.nature.interruptible) return
    for (const run of name.runs) {
      if (run.interrupted) continue
      run.interrupted = true
      run.interrupt?.()
    }
  }

  private ended(run: Run, answer: Answer): void {
    const { name } = run
    run.over = true
    run.timer?.()
    name.runs.delete(run)
    this.runs.delete(run)
    if (run.interrupted && answer._tag === "Failure") {
      if (name.waiters.size > 0) this.ensure(name)
    } else this.settle(run, answer)
    this.next()
  }

  private settle({ name, serial }: Run, answer: Answer): void {
    if (answer._tag === "Failure" && name.runs.size > 0 && serial !== name.newest?.serial) return
    // A failure is shared by those who wait for it, and not kept.
    if (answer._tag === "Success") {
      name.answer = answer
      name.answeredAt = this.now()
    }
    const waiters = [...name.waiters.keys()]
    name.waiters.clear()
    for (const waiter of waiters) waiter(answer)
  }

  private next(): void {
    for (const name of this.queue) {
      if (this.runs.size >= this.nature.inAll()) return
      this.queue.delete(name)
      this.run(name)
    }
  }

  /** Sweeps each time the number of names has doubled, so that a name costs its share of one sweep. */
  private forgetStale(): void {
    if (this.names.size < this.sweepAt) return
    for (const [host, name] of this.names) {
      if (name.runs.size === 0 && name.waiters.size === 0 && this.now() - name.answeredAt >= fresh)
        this.names.delete(host)
    }
    this.sweepAt = Math.max(256, this.names.size * 2)
  }
}
