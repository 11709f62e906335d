/** Looks at the process: while traffic runs, for the chart, and at rest, where nothing may be left of it. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { ConnectionPoolShape } from "@hotaru/pool/ConnectionPool"
import type { FiberCensus } from "@hotaru/testing/FiberCensus"
import * as Effect from "effect/Effect"
import * as Census from "../Census.js"

/** What is in use at one moment. Memory in MiB. */
export interface Sample {
  readonly seconds: number
  readonly done: number
  readonly heap: number
  readonly fibers: number
  readonly sockets: number
  readonly descriptors: number
}

/** At rest: no request is under way, and everything was collected that can be. */
export interface Rest extends Sample {
  /** Idle connections; there are to be as many descriptors, and no more. */
  readonly idle: number
  /** What should not be there, in words. */
  readonly wrong: ReadonlyArray<string>
}

const MiB = 1024 * 1024

const memory = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / MiB
}

const socketsOf = (handles: Readonly<Record<string, number>>): number =>
  (handles["TCPSocketWrap"] ?? 0) + (handles["TCPConnectWrap"] ?? 0)

/** The garbage collector, whatever the flags that this process was started with. */
const collect: Effect.Effect<void> = Effect.suspend(() => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  // Weak references end with the turn they were looked at in, and finalizers run in turns of their own.
  return Effect.repeatN(Effect.zipRight(Census.turn, Effect.sync(gc)), 2)
})

/** How long things may take to come to rest: descriptors close a turn later, abandoned bodies are drained. Milliseconds. */
const patience = 5000

export class Watch {
  private readonly before = Census.handles()
  private readonly descriptorsBefore = Census.descriptors()

  constructor(private readonly census: FiberCensus) {}

  sample(seconds: number, done: number): Sample {
    return {
      seconds,
      done,
      heap: memory(),
      fibers: this.census.alive,
      sockets: socketsOf(Census.handles()) - socketsOf(this.before),
      descriptors: Census.descriptors() - this.descriptorsBefore
    }
  }

  /** Between two laps, the pool still open. */
  rest(seconds: number, done: number, pool: ConnectionPoolShape): Effect.Effect<Rest> {
    const look = Effect.map(pool.stats, (stats) => {
      const closed = Object.values(stats.closed).reduce((sum, count) => sum + count, 0)
      // Idle sockets do not keep the event loop alive, and are not told among its handles; but they are descriptors.
      const sockets = socketsOf(Census.handles()) - socketsOf(this.before)
      const descriptors = Census.descriptors() - this.descriptorsBefore - stats.pooledConnections
      const wrong = [
        ...(stats.activeConnections === 0 ? [] : [`${stats.activeConnections} connections on lease`]),
        ...(stats.openingConnections === 0 ? [] : [`${stats.openingConnections} dials under way`]),
        ...(stats.pendingAcquires === 0 ? [] : [`${stats.pendingAcquires} requests in line`]),
        ...(stats.created === closed + stats.pooledConnections
          ? []
          : [`${stats.created} connections opened, ${closed} closed, ${stats.pooledConnections} idle`]),
        ...(sockets <= 0 ? [] : [`${sockets} sockets that are not idle`]),
        ...(descriptors <= 0 ? [] : [`${descriptors} descriptors beside those of idle connections`])
      ]
      return { wrong, idle: stats.pooledConnections }
    })
    return Effect.gen(this, function* () {
      const { idle, wrong } = yield* settling(look)
      yield* collect
      return { ...this.sample(seconds, done), idle, wrong }
    })
  }

  /** When the client is closed: what is still there. */
  end(): Effect.Effect<ReadonlyArray<string>> {
    const look = Effect.sync(() => {
      const descriptors = Census.descriptors() - this.descriptorsBefore
      return {
        wrong: [
          ...Census.more(this.before, Census.handles()),
          ...(descriptors > 0 ? [`${descriptors} descriptors`] : []),
          ...(this.census.alive === 0 ? [] : [`${this.census.alive} fibers`])
        ]
      }
    })
    return Effect.map(settling(look), ({ wrong }) => wrong)
  }
}

const settling = <A extends { readonly wrong: ReadonlyArray<string> }>(look: Effect.Effect<A>): Effect.Effect<A> => {
  const until = performance.now() + patience
  const again: Effect.Effect<A> = Effect.flatMap(look, (found) =>
    found.wrong.length === 0 || performance.now() > until
      ? Effect.succeed(found)
      : Effect.zipRight(Effect.sleep("20 millis"), again)
  )
  return again
}
