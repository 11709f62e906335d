/** One run: what a seed makes of it, step by step, and how it ends. */
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { type Call, judge } from "./Call.js"
import { describe } from "./Describe.js"
import { Dials } from "./Dials.js"
import * as Direct from "./Direct.js"
import { Draw } from "./Draw.js"
import { Invariants } from "./Invariants.js"
import { Ledger } from "./Ledger.js"
import * as Plan from "./Plan.js"
import * as Requests from "./Requests.js"
import type { Sabotage } from "./Sabotage.js"
import type { World } from "./Server.js"
import { Stack } from "./Stack.js"
import type { Trace } from "./Trace.js"
import { Troubles } from "./Troubles.js"

/** The longest time for which the event loop is blocked. Milliseconds. */
const longestBlock = 800

export class Run {
  readonly stack: Stack
  readonly trace: Trace
  /** How calls ended, and how often. */
  readonly outcomes = new Map<string, number>()
  private readonly draw: Draw
  private readonly ledger: Ledger
  private readonly troubles: Troubles
  private readonly invariants: Invariants
  private readonly calls = new Set<Call>()
  private readonly ended: Array<readonly [Call, Exit.Exit<unknown, unknown>]> = []
  private made = 0
  private drainBegan = false
  private hostDrainBegan = false

  constructor(
    seed: number,
    private readonly plan: Plan.Plan,
    kept: number,
    sabotage: Sabotage
  ) {
    this.draw = new Draw(seed, 2)
    this.stack = new Stack(seed, plan, kept, sabotage)
    this.trace = this.stack.trace
    this.ledger = new Ledger(this.trace)
    this.troubles = new Troubles(new Draw(seed, 7), plan, this.trace)
    const world: World = {
      plan,
      draw: new Draw(seed, 3),
      ledger: this.ledger,
      trace: this.trace,
      troubles: this.troubles,
      slack: this.slack,
      onOpen: this.onOpen,
      isDirect: (connection) => this.stack.watch.direct.has(connection)
    }
    const dials = new Dials(this.stack, world)
    this.stack.onQuiet = dials.takeUp
    this.invariants = new Invariants(this.stack, plan, dials, this.troubles)
  }

  get stats() {
    return this.invariants.stats
  }

  /** Everything from the first step to the last; throws what breaks. */
  play(steps: number): void {
    const drainAt = this.plan.drainsEarly ? this.draw.int(Math.floor(steps * 0.6), steps) : Infinity
    for (this.trace.step = 1; this.trace.step <= steps; this.trace.step++) {
      if (this.trace.step === drainAt) this.drain()
      const shakes = this.act()
      this.check(shakes || this.draw.chance(0.35))
    }
    this.finish()
  }

  /** Looks at everything; `rests`: lets everything come to rest first. */
  private check(rests: boolean): void {
    this.stack.quiet()
    if (rests) this.stack.settle()
    for (const event of this.stack.takeEvents()) {
      if (event._tag === "Acquired") this.invariants.countAcquired()
      const line = describe(event)
      if (line !== undefined) this.trace.note(line)
    }
    this.judgeEnded()
    this.rethrow()
    const direct = [...this.calls].filter((call) => call.isDirect).length
    this.invariants.afterStep(direct, this.calls.size - direct)
    const warming = [...this.calls].some((call) => call.kind.startsWith("warm"))
    if (rests) this.invariants.atRest(this.slack, this.drainBegan, warming)
    for (const call of this.calls) {
      // It ends when its stream does.
      if (this.troubles.endless.has(call.id)) continue
      const took = this.stack.now - call.since
      if (took > call.within + this.slack)
        this.trace.broken("everything ends", `${call.kind} ${call.id} has taken ${took} ms, ${call.within} allowed`)
    }
    this.rethrow()
  }

  /** What broke inside a callback or a fiber may have been caught on its way. */
  private rethrow(): void {
    if (this.trace.failure !== undefined) throw this.trace.failure
  }

  private get slack(): number {
    return this.plan.blocked ? longestBlock : 0
  }

  /** Answers whether it is worth a look at what comes of it by itself. */
  private act(): boolean {
    const { draw, plan, stack } = this
    const { pool } = stack
    const key = draw.pick(Plan.keys(plan)) as ConnectionKey
    const quietly = (act: () => void) => () => {
      act()
      return false
    }
    const act = draw.weighted<() => boolean>([
      [10, quietly(() => this.requests())],
      [3, quietly(() => this.call((id) => Direct.make(pool, stack.watch.taken, key, id, draw, plan)))],
      [0.5, quietly(() => this.call(() => Direct.upkeep(pool, key, draw, plan)))],
      [4, quietly(() => this.poll())],
      [13, quietly(() => this.advance())],
      [10 * plan.impatience, () => this.interrupt()],
      [0.5, () => this.evict(key)],
      [0.4, () => this.restart(key)],
      [
        plan.theme === "streaming" ? 2 : plan.trouble > 0 ? 0.5 : 0,
        () => this.noted(`trouble at ${key}`, this.troubles.begin(key))
      ],
      [plan.trouble > 0 ? 0.4 : 0, () => this.noted("running out", this.troubles.runOut(stack.network.open.length))],
      [0.2, () => this.noted("clear", stack.run(pool.clear))],
      [0.3, () => this.noted("cleanup", stack.run(pool.cleanup))],
      [0.3, () => this.noted("suspend", stack.run(pool.suspend))],
      [2, () => this.noted("resume", stack.run(pool.resume))]
    ])
    return act()
  }

  /** The host's server starts anew: it has ended its idle connections, and nobody here has seen it when the next calls come. */
  private restart(key: ConnectionKey): boolean {
    const { network } = this.stack
    const idle = network.open.filter(
      (socket) => socket.parked && !socket.ended && Equal.equals(network.keyOf(socket), key)
    )
    this.trace.note(`restart of ${key}: ${idle.length} idle connections`)
    for (const socket of idle) socket.endLater()
    for (let left = idle.length; left > 0; left--) this.requests()
    return true
  }

  private evict(key: ConnectionKey): boolean {
    this.noted(`evict ${key}`, this.stack.run(this.stack.pool.evict(key)))
    this.stack.watch.evicted(key)
    return true
  }

  private noted(what: string, answer: unknown): boolean {
    this.trace.note(answer === undefined ? what : `${what}: ${String(answer)}`)
    return true
  }

  private requests(): void {
    for (let left = this.draw.pick([1, 1, 2, 5]); left > 0; left--) {
      this.call((id) => Requests.make(this.stack.client, id, this.draw, this.plan, this.trace))
    }
  }

  private call(make: (id: string) => Requests.Made): void {
    if (this.calls.size < this.plan.crowd) this.begin(make)
  }

  private begin(make: (id: string) => Requests.Made): void {
    const id = `c${++this.made}`
    const { effect, ...wish } = make(id)
    this.trace.note(`call ${id}: ${wish.kind}`)
    if (wish.kind.startsWith("drain of")) this.hostDrainBegan = true
    const fiber = this.stack.fork(effect)
    const call: Call = { ...wish, id, since: this.stack.now, fiber, interrupted: false }
    this.calls.add(call)
    fiber.addObserver((exit) => this.ended.push([call, exit]))
  }

  private judgeEnded(): void {
    for (const [call, exit] of this.ended.splice(0)) {
      this.calls.delete(call)
      const { ledger, plan, trace } = this
      const outcome = judge(call, exit, {
        ledger,
        plan,
        trace,
        draining: this.drainBegan,
        aborting: this.drainBegan || this.hostDrainBegan
      })
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      trace.note(`call ${call.id} ended: ${outcome}`)
    }
  }

  private poll(): void {
    const turns = this.draw.int(1, 3)
    this.trace.note(`${turns} turns`)
    for (let left = turns; left > 0; left--) this.stack.poll()
  }

  private advance(): void {
    const blocked = this.plan.blocked && this.draw.chance(0.3)
    const millis = blocked
      ? this.draw.int(1, longestBlock)
      : this.draw.weighted([
          [4, this.draw.int(1, 30)],
          [4, this.draw.int(30, 500)],
          [1, this.draw.int(500, 4000)]
        ])
    // It polls at least between two blocks, or what is late could be late without end.
    if (blocked) this.stack.settle()
    this.trace.note(`${millis} ms pass${blocked ? " while the event loop is blocked" : ""}`)
    this.stack.advance(millis, blocked)
  }

  private interrupt(): boolean {
    const call = this.draw.pick([...this.calls].filter((one) => !one.interrupted && !one.kind.startsWith("drain")))
    if (call === undefined) return false
    // At rest, or amid what others do.
    this.interruptAfter(call, this.draw.chance(0.4) ? undefined : this.draw.int(0, 25))
    return true
  }

  private interruptAfter(call: Call, steps: number | undefined): void {
    call.interrupted = true
    const now = () => {
      this.trace.note(`call ${call.id} is interrupted`)
      call.fiber.unsafeInterruptAsFork(FiberId.none)
    }
    if (steps === undefined) now()
    else this.stack.after(steps, now)
  }

  /** Somebody who waits for the connection leaves in the very turn in which it is granted. */
  private readonly onOpen = (key: ConnectionKey): void => {
    if (!this.draw.chance(this.plan.impatience)) return
    const waiting = [...this.calls].find(
      (call) => !call.interrupted && call.key !== undefined && Equal.equals(call.key, key)
    )
    if (waiting !== undefined) this.interruptAfter(waiting, this.draw.int(0, 6))
  }

  private drain(): void {
    this.drainBegan = true
    const { drainTimeout } = this.plan.pool
    this.begin(() => ({
      kind: "drain",
      repeatable: false,
      spoiled: false,
      isDirect: true,
      within: drainTimeout + 1,
      effect: this.stack.pool.drain
    }))
  }

  /** No more calls: time passes until every one has ended, then the pool goes. */
  private finish(): void {
    const { invariants, stack } = this
    this.trace.note("no more calls")
    this.troubles.isOver = true
    stack.run(stack.pool.resume)
    this.passUntil(() => this.calls.size === 0)
    // Answers that nobody read are still about.
    this.passUntil(() => this.stats.activeConnections === 0 && stack.watch.deadlines.size === 0)
    invariants.allDone()
    this.drainBegan = true
    stack.run(stack.pool.drain)
    this.check(true)
    invariants.drained()
    if (!stack.close()) this.trace.broken("nothing is left", "the pool's scope does not close")
    // Whoever sleeps still wakes now; who goes back to sleep was left behind.
    stack.advance(Plan.bound(this.plan), false)
    this.rethrow()
    if (stack.census.alive > 0)
      this.trace.broken("nothing is left", `${stack.census.alive} fibers live on after the end`)
  }

  private passUntil(isReached: () => boolean): void {
    for (let left = Plan.bound(this.plan); left > 0 && !isReached(); left -= 250) {
      this.stack.advance(250, false)
      this.check(true)
    }
  }
}
