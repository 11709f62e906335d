/**
 * The pool: per-host keep-alive connections, bounded, fair and visible.
 *
 * @since 0.1.0
 */

import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import type * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { AsyncContextsShape } from "./AsyncContexts.js"
import type { Connection } from "./Connection.js"
import type { ConnectionKey } from "./ConnectionKey.js"
import { Connector } from "./Connector.js"
import type { Deadlines } from "./Deadlines.js"
import * as internal from "./internal/make.js"
import * as Settings from "./internal/settings.js"
import { warnOfUnknown } from "./internal/unknownVariables.js"
import type { Lease, LeaseRequest, LeaseRequestOptions, PendingLease, Settlement } from "./Lease.js"
import * as Options from "./Options.js"
import * as PoolConfig from "./PoolConfig.js"
import type { AcquireError, PendingLimitReached } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { HostStats, PoolStats } from "./PoolStats.js"
import * as SharedLayer from "./SharedLayer.js"

/**
 * What a pool does.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionPoolShape {
  /** What is in force, defaults filled in. */
  readonly config: PoolConfig.PoolConfig
  /**
   * A connection until the scope closes. It goes back if the scope closes with success and the connection is fit:
   * settled as reusable (see `settle`), or untouched. Otherwise it is closed. Interrupted if the scope closes before
   * there is a connection.
   */
  readonly acquire: (key: ConnectionKey) => Effect.Effect<Connection, AcquireError, Scope.Scope>
  /**
   * A lease without a scope: whoever takes it must settle it, whatever happens. Take it inside
   * `Effect.uninterruptibleMask`, or an interruption right after it leaks it.
   */
  readonly lease: (key: ConnectionKey) => Effect.Effect<Lease, AcquireError>
  /** Uses a connection. It goes back if `f` succeeds and the connection is settled as reusable or untouched. */
  readonly use: <A, E, R>(
    key: ConnectionKey,
    f: (connection: Connection, lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | AcquireError, R>
  /** Settles the lease that a connection from `acquire` is on. Only the first call counts. */
  readonly settle: (connection: Connection, settlement: Settlement) => Effect.Effect<void>
  readonly stats: Effect.Effect<PoolStats>
  readonly hostStats: Effect.Effect<HashMap.HashMap<ConnectionKey, HostStats>>
  /**
   * What happens from the moment the stream is run, until the pool has closed (`Drained` is the last event). Costs
   * nothing while nobody listens.
   */
  readonly events: Stream.Stream<PoolEvent>
  /** Like `events`, and what happens after this effect has ended is seen. */
  readonly subscribe: Effect.Effect<Queue.Dequeue<PoolEvent>, never, Scope.Scope>
  /** Closes what is stale now; answers how many. */
  readonly cleanup: Effect.Effect<number>
  /** Closes all idle connections; answers how many. */
  readonly clear: Effect.Effect<number>
  /** Closes the idle connections of one host now and its busy ones when they are returned; answers how many were closed now. */
  readonly evict: (key: ConnectionKey) => Effect.Effect<number>
  /** Opens connections until the host has `n` open or opening, as far as the limits go, and waits for them. */
  readonly warm: (key: ConnectionKey, n: number) => Effect.Effect<void, AcquireError>
  /**
   * From here on newcomers are refused. Requests in line keep their places and are served, in order, by connections that
   * come back and by new ones; an idle connection that no request waits for is closed now, a busy one when it comes back.
   * At `drainTimeout` requests still in line fail with `PoolClosed`, and what is still on lease is closed. A suspended
   * pool is resumed for it.
   */
  readonly drain: Effect.Effect<void>
  /**
   * Ends the connections that one host has now, as `drain` does, while new ones to it may be opened: for a peer that is
   * being replaced behind its name. Nothing is refused: requests in line keep their places, and new connections serve
   * them and newcomers, as far as the limits leave places for them.
   */
  readonly drainHost: (key: ConnectionKey) => Effect.Effect<void>
  /**
   * From here on nothing is granted and nothing dialled: requests stay in line, within `maxPendingPerHost` and
   * `acquireTimeout`, until `resume`. Leases that are out go on. Doing it twice does nothing.
   */
  readonly suspend: Effect.Effect<void>
  /** Ends `suspend`: whoever is in line is served, oldest first. */
  readonly resume: Effect.Effect<void>
  /** The synchronous side, on which everything else is built. For clients that bring their own state machine. */
  readonly unsafe: UnsafePool
}

/**
 * Leases without effects: calls that answer at once, and callbacks.
 *
 * @since 0.1.0
 * @category models
 */
export interface UnsafePool {
  /**
   * Puts a request in line. If a connection is free the request is granted within this very call, unless the call comes
   * from within a callback of the pool: then as soon as that callback has returned. Answers a handle to
   * cancel it with, while it waits.
   */
  readonly request: (key: ConnectionKey, request: LeaseRequest, options?: LeaseRequestOptions) => PendingLease
  /**
   * Refuses a request before it is made, where it can be seen at a glance that it would be: the cheap way out under
   * overload. Counts and tells as `request` does. `undefined`: it is worth asking.
   */
  readonly refusal: (key: ConnectionKey) => PendingLimitReached | undefined
  /** The one timer of the pool and of everything built on it. */
  readonly deadlines: Deadlines
  /**
   * Looks for requests that wait for something that need not come: neither a dial, nor one whose time is set, nor a
   * connection that must come back, nor a place. Answers in words what it finds, which would be a fault of the pool.
   * For tests and simulations.
   */
  readonly waitsInVain: () => string | undefined
  /** The asynchronous contexts of callers, and the pool's own. */
  readonly contexts: AsyncContextsShape
  /** Whether new requests are taken: false from the moment a drain begins. */
  readonly takesRequests: () => boolean
  /** Whether requests in line are not served any more: true from the moment a drain is over. */
  readonly isClosed: () => boolean
}

/**
 * The service: a pool of connections, on whatever connector it was made with.
 *
 * @since 0.1.0
 * @category tags
 */
export class ConnectionPool extends Context.Tag("@hotaru/pool/ConnectionPool")<ConnectionPool, ConnectionPoolShape>() {}

/**
 * A pool until the scope closes; then it drains. Options that make no sense are a defect, `InvalidPoolConfig`, naming
 * field and value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (
  options?: Partial<PoolConfig.PoolConfig>
) => Effect.Effect<ConnectionPoolShape, never, Connector | Scope.Scope> = internal.make

/**
 * A pool as a layer, on whatever connector it is given. Two calls make two pools: bind the layer to a constant to share
 * it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Partial<PoolConfig.PoolConfig>): Layer.Layer<ConnectionPool, never, Connector> =>
  SharedLayer.by(dependencies, () => Layer.scoped(ConnectionPool, make(options)))

/** A pool dials by its connector, and takes the time and the chance it was built with. */
const dependencies = [Connector, Clock.Clock, Random.Random]

/**
 * The pool's layer with its options read from `HOTARU_POOL_*`; see `PoolConfig.config`. A variable of that prefix which
 * names no option is logged as a warning, with the name that was probably meant.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFromEnv: Layer.Layer<ConnectionPool, ConfigError, Connector> = SharedLayer.by(
  [...dependencies, ConfigProvider.ConfigProvider],
  () => Layer.scoped(ConnectionPool, Effect.flatMap(Effect.zipLeft(PoolConfig.config, warnOfUnknown), make))
)

/**
 * {@link layer}, with each option wrapped in a `Config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  wrapped: Config.Config.Wrap<Partial<PoolConfig.PoolConfig>>
): Layer.Layer<ConnectionPool, ConfigError, Connector> =>
  SharedLayer.by([...dependencies, ConfigProvider.ConfigProvider], () => {
    Options.check(wrapped, { at: "", names: Settings.optionNames })
    const given = Settings.dropUndefined(wrapped)
    // Effect's own way to unwrap stumbles over a record without fields.
    const config = Object.keys(given).length === 0 ? Config.succeed({}) : Config.unwrap(given)
    return Layer.scoped(ConnectionPool, Effect.flatMap(config, make))
  })
