/** The whole stack, client on pool on fake network, and the hands that move it: fibers, polls of the loop, time. */

import type * as HttpClient from "@effect/platform/HttpClient"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import * as ConnectionPool from "@hotaru/pool/ConnectionPool"
import * as Connector from "@hotaru/pool/Connector"
import type { PoolEvent } from "@hotaru/pool/PoolEvent"
import * as FakeNetwork from "@hotaru/testing/FakeNetwork"
import { FiberCensus } from "@hotaru/testing/FiberCensus"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import { Draw } from "./Draw.js"
import * as Plan from "./Plan.js"
import type { Sabotage } from "./Sabotage.js"
import { StepScheduler } from "./StepScheduler.js"
import { Trace } from "./Trace.js"
import { VirtualClock } from "./VirtualClock.js"
import { Watch } from "./Watch.js"

/** 2001-09-09T01:46:40Z. */
const epoch = 1_000_000_000_000

export class Stack {
  readonly clock = new VirtualClock(epoch)
  readonly trace: Trace
  readonly watch: Watch
  readonly network: FakeNetwork.FakeNetworkShape
  readonly pool: ConnectionPool.ConnectionPoolShape
  readonly client: HttpClient.HttpClient
  readonly census = new FiberCensus()
  /** Called when every fiber waits: whoever sees to new dials. Answers whether it did something. */
  onQuiet: () => boolean = () => false
  private polls = 0
  private readonly scheduler: StepScheduler
  private readonly runtime: Runtime.Runtime<never>
  private readonly scope = Effect.runSync(Scope.make())
  private readonly events: Queue.Dequeue<PoolEvent> | undefined

  constructor(seed: number, plan: Plan.Plan, kept: number, sabotage: Sabotage) {
    const order = new Draw(seed, 5)
    this.scheduler = new StepScheduler(plan.shuffled ? (count) => order.int(0, count - 1) : () => 0)
    this.trace = new Trace(() => this.now, kept)
    this.watch = new Watch(
      plan,
      this.trace,
      () => this.now,
      () => this.polls
    )
    this.runtime = this.makeRuntime(seed, plan)
    const services = this.run(Layer.buildWithScope(FakeNetwork.layerWith({ manualTurns: true }), this.scope))
    this.network = Context.get(services, FakeNetwork.FakeNetwork)
    const connector = this.watch.connector(
      Context.get(services, Connector.Connector),
      (connection) => 1 + this.network.sockets.findIndex((socket) => socket.connection === connection)
    )
    const config = Plan.poolConfig(plan)
    const pool = this.run(
      ConnectionPool.make(sabotage.config?.(config) ?? config).pipe(
        Effect.provideService(Connector.Connector, sabotage.connector?.(connector) ?? connector),
        Effect.provideService(Scope.Scope, this.scope)
      )
    )
    this.pool = this.watch.pool(sabotage.pool?.(pool) ?? pool)
    const client = this.run(
      Effect.provideService(
        PooledHttpClient.makeWith({ safety: Plan.safety(plan) }),
        ConnectionPool.ConnectionPool,
        this.pool
      )
    )
    this.client = sabotage.client?.(client) ?? client
    this.events = plan.observed
      ? this.run(Effect.provideService(this.pool.subscribe, Scope.Scope, this.scope))
      : undefined
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.clock.unsafeCurrentTimeMillis() - epoch
  }

  readonly fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> => Runtime.runFork(this.runtime)(effect)

  /** An effect that ends without time or polls. */
  run<A, E>(effect: Effect.Effect<A, E>): A {
    const fiber = this.fork(effect)
    this.scheduler.drain()
    const exit = fiber.unsafePoll()
    if (exit === null)
      return this.trace.broken("at once", "something that needs neither time nor the network did not end")
    return Exit.isSuccess(exit) ? exit.value : this.trace.broken("at once", Cause.pretty(exit.cause))
  }

  /** Acts when fibers have taken so many more steps, whoever waits for whom then. */
  after(steps: number, act: () => void): void {
    this.scheduler.after(steps, act)
  }

  /** Lets every fiber run until it waits. */
  quiet(): void {
    do this.scheduler.drain()
    while (this.onQuiet())
  }

  /** One turn of the event loop. */
  poll(): void {
    this.polls++
    // All sockets are on one loop.
    this.network.sockets[0]?.poll()
    this.quiet()
  }

  /** Turns of the event loop until nothing comes of one any more. */
  settle(): void {
    this.quiet()
    for (let turns = 0, before = ""; before !== this.activity; turns++) {
      if (turns > 500) this.trace.broken("comes to rest", "something asks for turns of the event loop for ever")
      before = this.activity
      this.poll()
    }
  }

  /** Time passes; the loop polls at each moment at which somebody wakes, unless it is blocked meanwhile. */
  advance(millis: number, blocked: boolean): void {
    const end = this.now + millis
    const rest = blocked ? () => this.quiet() : () => this.settle()
    rest()
    for (let wakes = 0; ; wakes++) {
      const next = this.clock.next - epoch
      if (wakes > 20_000) this.trace.broken("comes to rest", "somebody sleeps and wakes for ever")
      if (next > end && this.now === end) return
      this.clock.moveTo(epoch + (blocked ? end : Math.min(next, end)))
      rest()
    }
  }

  /** What the pool has told since the last call. */
  takeEvents(): ReadonlyArray<PoolEvent> {
    return this.events === undefined ? [] : [...Effect.runSync(this.events.takeAll)]
  }

  /** Closes the layers; answers whether that came to its end. */
  close(): boolean {
    const fiber = this.fork(Scope.close(this.scope, Exit.void))
    this.settle()
    return fiber.unsafePoll() !== null
  }

  /** Whatever may bring the loop new work counts here. */
  private get activity(): string {
    let sum = this.network.sockets.length
    let waiting = 0
    for (const { counts, ended, unread } of this.network.sockets) {
      sum += counts.turns + counts.deliveries + counts.resumes + counts.writes + (ended ? 1 : 0)
      waiting += unread
    }
    return `${sum}:${waiting}`
  }

  private makeRuntime(seed: number, plan: Plan.Plan): Runtime.Runtime<never> {
    const logger = Logger.make(({ logLevel, message }) => {
      const text = [message].flat().map(String).join(" ")
      if (LogLevel.greaterThanEqual(logLevel, LogLevel.Error)) this.trace.broken("no defects", text)
    })
    const fiber = Effect.runFork(
      Effect.runtime<never>().pipe(
        Effect.withClock(this.clock),
        Effect.withRandom(Random.make(seed)),
        Effect.withTracerEnabled(plan.traced),
        Effect.withMaxOpsBeforeYield(plan.maxOpsBeforeYield),
        Effect.locally(FiberRef.currentLoggers, HashSet.make<[Logger.Logger<unknown, unknown>]>(logger)),
        Effect.locally(FiberRef.currentSupervisor, this.census)
      ),
      { scheduler: this.scheduler }
    )
    this.scheduler.drain()
    return Exit.getOrElse(fiber.unsafePoll() ?? Exit.die("no runtime"), (cause) => {
      throw Cause.squash(cause)
    })
  }
}
