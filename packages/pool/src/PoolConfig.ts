/**
 * The pool's bounds. Every one has a name, a default and a unit.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import type { ConnectionKey } from "./ConnectionKey.js"
import type { ShouldEvict } from "./Eviction.js"
import * as environment from "./internal/environment.js"

/**
 * The options of a pool. Durations are `DurationInput`s; a number is milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolConfig {
  /** Idle connections kept per host. 32. */
  readonly maxIdlePerHost: number
  /** How long a connection lives, counted from its opening. 5 minutes. */
  readonly maxLifetime: Duration.DurationInput
  /** Each connection's lifetime is shortened by a random share of up to this, so that they do not all end together. 0.1. */
  readonly lifetimeJitter: number
  /** How long a connection may be idle, unless the server said less. 90 seconds. */
  readonly idleTimeout: Duration.DurationInput
  /** Name look-up, TCP and TLS together. 30 seconds. */
  readonly connectionTimeout: Duration.DurationInput
  /** False opens a fresh connection for each request. True. */
  readonly enablePooling: boolean
  /** How often stale idle connections are looked for. 30 seconds. */
  readonly cleanupInterval: Duration.DurationInput
  /** Which idle connection is used first: the one idle longest (`fifo`) or shortest (`lifo`). `fifo`. */
  readonly idleOrder: "fifo" | "lifo"
  /** Connections per host, idle, on lease and opening. 128. */
  readonly maxConnectionsPerHost: number
  /** Connections to all hosts together. 1024. */
  readonly maxConnections: number
  /** Requests in line per host for which no place is free or being opened; the next fails at once. 65,536. */
  readonly maxPendingPerHost: number
  /** How long a request waits for a connection. 30 seconds. */
  readonly acquireTimeout: Duration.DurationInput
  /** Requests a connection carries before it is closed. Unlimited (`Infinity`). */
  readonly maxRequestsPerConnection: number
  /** Dials under way per host. 16. */
  readonly maxConnectingPerHost: number
  /** Dials under way in all. 64. */
  readonly maxConnecting: number
  /**
   * Retries tolerated per host and 10 seconds whose fresh connection died as well; beyond that a request on a dead
   * connection fails instead of being sent again. A retry that works costs nothing. 10.
   */
  readonly retryBudgetPerHost: number
  /** Connections kept open per known host even when idle. 0. */
  readonly minIdlePerHost: number
  /** How long a drain serves requests in line and waits for busy connections. 10 seconds. */
  readonly drainTimeout: Duration.DurationInput
  /** A lease held longer is reported. Off (`Infinity`). */
  readonly leakThreshold: Duration.DurationInput
  /** Asked about every open connection, in rounds with `cleanupInterval` between them: whether it is to end. None (`undefined`). */
  readonly shouldEvict: ShouldEvict | undefined
  /** Overrides for single hosts. */
  readonly perHost: (key: ConnectionKey) => HostOverrides | undefined
}

/**
 * What `perHost` may override.
 *
 * @since 0.1.0
 * @category models
 */
export type HostOverrides = Partial<
  Pick<
    PoolConfig,
    | "maxIdlePerHost"
    | "maxLifetime"
    | "lifetimeJitter"
    | "idleTimeout"
    | "connectionTimeout"
    | "enablePooling"
    | "idleOrder"
    | "maxConnectionsPerHost"
    | "maxPendingPerHost"
    | "acquireTimeout"
    | "maxRequestsPerConnection"
    | "maxConnectingPerHost"
    | "retryBudgetPerHost"
    | "minIdlePerHost"
    | "leakThreshold"
  >
>

/**
 * What holds where nothing else is said.
 *
 * @since 0.1.0
 * @category constructors
 */
export const defaults: PoolConfig = {
  maxIdlePerHost: 32,
  maxLifetime: Duration.minutes(5),
  lifetimeJitter: 0.1,
  idleTimeout: Duration.seconds(90),
  connectionTimeout: Duration.seconds(30),
  enablePooling: true,
  cleanupInterval: Duration.seconds(30),
  idleOrder: "fifo",
  maxConnectionsPerHost: 128,
  maxConnections: 1024,
  maxPendingPerHost: 65_536,
  acquireTimeout: Duration.seconds(30),
  maxRequestsPerConnection: Infinity,
  maxConnectingPerHost: 16,
  maxConnecting: 64,
  retryBudgetPerHost: 10,
  minIdlePerHost: 0,
  drainTimeout: Duration.seconds(10),
  leakThreshold: Duration.infinity,
  shouldEvict: undefined,
  perHost: () => undefined
}

/**
 * The options from `HOTARU_POOL_*`: `HOTARU_POOL_MAX_IDLE_PER_HOST=32`, `HOTARU_POOL_IDLE_TIMEOUT="90 seconds"`,
 * `HOTARU_POOL_LEAK_THRESHOLD=off`. What is not set keeps its default; what is set and wrong fails, naming the variable.
 * `perHost` and `shouldEvict` are functions and cannot be set this way.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<PoolConfig> = Config.all({
  maxIdlePerHost: environment.count("maxIdlePerHost", defaults.maxIdlePerHost, 0, true),
  maxLifetime: environment.duration("maxLifetime", defaults.maxLifetime, { mayBeOff: true }),
  lifetimeJitter: environment.share("lifetimeJitter", defaults.lifetimeJitter),
  idleTimeout: environment.duration("idleTimeout", defaults.idleTimeout, { mayBeOff: true }),
  connectionTimeout: environment.duration("connectionTimeout", defaults.connectionTimeout, { mayBeOff: true }),
  enablePooling: environment.boolean("enablePooling", defaults.enablePooling),
  cleanupInterval: environment.duration("cleanupInterval", defaults.cleanupInterval, { mayBeOff: false }),
  idleOrder: environment.idleOrder("idleOrder", defaults.idleOrder),
  maxConnectionsPerHost: environment.count("maxConnectionsPerHost", defaults.maxConnectionsPerHost, 1, true),
  maxConnections: environment.count("maxConnections", defaults.maxConnections, 1, true),
  maxPendingPerHost: environment.count("maxPendingPerHost", defaults.maxPendingPerHost, 0, true),
  acquireTimeout: environment.duration("acquireTimeout", defaults.acquireTimeout, { mayBeOff: true }),
  maxRequestsPerConnection: environment.count("maxRequestsPerConnection", defaults.maxRequestsPerConnection, 1, true),
  maxConnectingPerHost: environment.count("maxConnectingPerHost", defaults.maxConnectingPerHost, 1, true),
  maxConnecting: environment.count("maxConnecting", defaults.maxConnecting, 1, true),
  retryBudgetPerHost: environment.count("retryBudgetPerHost", defaults.retryBudgetPerHost, 0, true),
  minIdlePerHost: environment.count("minIdlePerHost", defaults.minIdlePerHost, 0, false),
  drainTimeout: environment.duration("drainTimeout", defaults.drainTimeout, { mayBeOff: true, mayBeZero: true }),
  leakThreshold: environment.duration("leakThreshold", defaults.leakThreshold, { mayBeOff: true }),
  shouldEvict: Config.succeed(defaults.shouldEvict),
  perHost: Config.succeed(defaults.perHost)
})
