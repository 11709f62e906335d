/**
 * Puts the pool together: core, interpreter, upkeep fiber, drain.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Ref from "effect/Ref"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { AsyncContexts } from "../AsyncContexts.js"
import type { ConnectionPoolShape } from "../ConnectionPool.js"
import { Connector } from "../Connector.js"
import type { PoolConfig } from "../PoolConfig.js"
import * as Glances from "./glances.js"
import { Interpreter } from "./interpreter.js"
import * as Settings from "./settings.js"
import * as Shutdown from "./shutdown.js"
import * as Snapshot from "./snapshot.js"
import * as Suspension from "./suspension.js"
import * as Taking from "./taking.js"
import * as TimeKeeper from "./timeKeeper.js"
import * as Upkeep from "./upkeep.js"
import * as UpkeepFiber from "./upkeepFiber.js"
import * as Warming from "./warming.js"

export const make = (
  options?: Partial<PoolConfig>
): Effect.Effect<ConnectionPoolShape, never, Connector | Scope.Scope> =>
  Effect.gen(function* () {
    // Options that make no sense are the program's own fault: a defect that fails the build of the layer.
    const config = yield* Effect.sync(() => Settings.complete(options))
    const settings = yield* Effect.sync(() => Settings.resolve(config))
    const connector = yield* Connector
    const clock = yield* Effect.clock
    const random = yield* Effect.random
    const runtime = withoutCaller(yield* Effect.runtime<never>())
    const contexts = yield* AsyncContexts
    const time = TimeKeeper.make(clock, runtime, contexts.root)
    // Not a child of the layer's scope: that would close connections before the drain had begun.
    const connections = yield* Scope.make(ExecutionStrategy.parallel)
    const draw = () => Runtime.runSync(runtime)(random.next)
    const pool = new Interpreter(settings, time, runtime, draw, connector, connections, contexts)

    yield* UpkeepFiber.start(pool)
    yield* Effect.addFinalizer(() =>
      // Nobody advances a test's clock while a layer closes: the deadline of this drain is in real time.
      Shutdown.drain(pool).pipe(
        Effect.withClock(Clock.make()),
        Effect.zipRight(Scope.close(connections, Exit.void)),
        Effect.zipRight(Effect.sync(() => pool.deadlines.close()))
      )
    )

    const service: ConnectionPoolShape = {
      config,
      acquire: (key) => Taking.acquire(pool, key),
      lease: (key) => Taking.lease(pool, key),
      use: (key, f) => Taking.use(pool, key, f),
      settle: (connection, settlement) => Effect.sync(() => pool.leaseOf(connection)?.settle(settlement)),
      stats: Effect.sync(() => Snapshot.stats(pool.state, pool.hosts.size)),
      hostStats: Effect.map(Ref.get(pool.hosts.ref), (hosts) => {
        const now = pool.time.now()
        return HashMap.map(hosts, (host) => Snapshot.hostStats(host, now))
      }),
      events: Stream.unwrapScoped(
        Effect.map(pool.events.subscribe, (queue) =>
          pool.state.phase === "Closed"
            ? Stream.empty
            : Stream.takeUntil(Stream.fromQueue(queue), (event) => event._tag === "Drained")
        )
      ),
      subscribe: pool.events.subscribe,
      cleanup: Effect.sync(() => pool.decide((now, out) => Upkeep.cleanup(pool.state, now, out))),
      clear: Effect.sync(() => pool.decide((now, out) => Upkeep.clear(pool.state, "Cleared", now, out))),
      evict: (key) =>
        Effect.sync(() => {
          const host = pool.hosts.find(key)
          return host === undefined ? 0 : pool.decide((now, out) => Upkeep.evict(pool.state, host, "Evicted", now, out))
        }),
      warm: (key, n) => Warming.warm(pool, key, n),
      drain: Shutdown.drain(pool),
      drainHost: (key) => Shutdown.drainHost(pool, key),
      suspend: Effect.sync(() => pool.decide((now, out) => Suspension.suspend(pool.state, pool.hosts.all(), now, out))),
      resume: Effect.sync(() => pool.resume()),
      unsafe: {
        request: (key, request, options) => pool.request(key, request, options),
        refusal: (key) => Glances.refusal(pool, key),
        deadlines: pool.deadlines,
        contexts,
        waitsInVain: () => pool.waitsInVain,
        takesRequests: () => pool.state.takesRequests,
        isClosed: () => pool.state.phase === "Closed"
      }
    }
    return service
  })

/**
 * The builder's span must not become the parent of everything the pool ever does, and a pool made where nothing may be
 * interrupted must still be able to interrupt its own fibers.
 */
const withoutCaller = (runtime: Runtime.Runtime<never>): Runtime.Runtime<never> =>
  Runtime.make({
    context: Context.omit(Tracer.ParentSpan)(
      runtime.context as Context.Context<Tracer.ParentSpan>
    ) as Context.Context<never>,
    fiberRefs: runtime.fiberRefs,
    runtimeFlags: RuntimeFlags.enable(runtime.runtimeFlags, RuntimeFlags.Interruption)
  })
