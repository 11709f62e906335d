/**
 * A `PoolConfig` as numbers (milliseconds, counts), checked once.
 */
import * as Duration from "effect/Duration"
import type { ConnectionKey } from "../ConnectionKey.js"
import type { ShouldEvict } from "../Eviction.js"
import * as Options from "../Options.js"
import { defaults, type HostOverrides, type PoolConfig } from "../PoolConfig.js"
import { InvalidPoolConfig } from "../PoolError.js"

/** What holds for one host. Durations are milliseconds. */
export interface HostSettings {
  readonly maxIdle: number
  readonly maxLifetime: number
  readonly lifetimeJitter: number
  readonly idleTimeout: number
  readonly connectionTimeout: number
  readonly pooling: boolean
  readonly idleOrder: "fifo" | "lifo"
  readonly maxConnections: number
  readonly maxPending: number
  readonly acquireTimeout: number
  readonly maxRequests: number
  readonly maxConnecting: number
  readonly retryBudget: number
  readonly minIdle: number
  readonly leakThreshold: number
}

/** What holds for the whole pool. */
export interface PoolSettings {
  readonly maxConnections: number
  readonly maxConnecting: number
  readonly cleanupInterval: number
  readonly drainTimeout: number
  readonly shouldEvict: ShouldEvict | undefined
  readonly host: (key: ConnectionKey) => HostSettings
}

/** Fills in the defaults; an explicit `undefined` is a field not given. */
export const complete = (options: Partial<PoolConfig> | undefined): PoolConfig => {
  if (options === undefined) return defaults
  Options.check(options, { at: "", names: optionNames })
  const complete = { ...defaults, ...dropUndefined(options) }
  const { perHost } = complete
  return perHost === defaults.perHost || typeof perHost !== "function"
    ? complete
    : { ...complete, perHost: (key) => checked(perHost(key)) }
}

export const optionNames: ReadonlyArray<string> = Object.keys(defaults)

/** What may differ from host to host. */
const overridable = [
  "maxIdlePerHost",
  "maxLifetime",
  "lifetimeJitter",
  "idleTimeout",
  "connectionTimeout",
  "enablePooling",
  "idleOrder",
  "maxConnectionsPerHost",
  "maxPendingPerHost",
  "acquireTimeout",
  "maxRequestsPerConnection",
  "maxConnectingPerHost",
  "retryBudgetPerHost",
  "minIdlePerHost",
  "leakThreshold"
] as const satisfies ReadonlyArray<keyof HostOverrides>

const checked = (overrides: HostOverrides | undefined): HostOverrides | undefined => {
  if (overrides !== undefined) Options.check(overrides, { at: "perHost", names: overridable })
  return overrides
}

/** Throws `InvalidPoolConfig` naming the first field that makes no sense. */
export const resolve = (config: PoolConfig): PoolSettings => {
  const base = hostSettings(config)
  const { perHost } = config
  if (typeof perHost !== "function")
    throw new InvalidPoolConfig({ field: "perHost", value: perHost, expected: "a function of the key" })
  return {
    maxConnections: count("maxConnections", config.maxConnections, 1),
    maxConnecting: count("maxConnecting", config.maxConnecting, 1),
    cleanupInterval: positive("cleanupInterval", config.cleanupInterval),
    drainTimeout: duration("drainTimeout", config.drainTimeout),
    shouldEvict: hook(config.shouldEvict),
    host: (key) => {
      const overrides = definedOnly(perHost(key))
      return overrides === undefined ? base : hostSettings({ ...config, ...overrides })
    }
  }
}

/** Without the fields that are explicitly undefined. */
export const dropUndefined = <A extends object>(options: A): A =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

const definedOnly = (overrides: HostOverrides | undefined): HostOverrides | undefined =>
  overrides === undefined ? undefined : dropUndefined(overrides)

const hostSettings = (config: PoolConfig): HostSettings => ({
  maxIdle: count("maxIdlePerHost", config.maxIdlePerHost, 0),
  maxLifetime: positive("maxLifetime", config.maxLifetime),
  lifetimeJitter: share("lifetimeJitter", config.lifetimeJitter),
  idleTimeout: positive("idleTimeout", config.idleTimeout),
  connectionTimeout: positive("connectionTimeout", config.connectionTimeout),
  pooling: boolean("enablePooling", config.enablePooling),
  idleOrder: oneOf("idleOrder", config.idleOrder),
  maxConnections: count("maxConnectionsPerHost", config.maxConnectionsPerHost, 1),
  maxPending: count("maxPendingPerHost", config.maxPendingPerHost, 0),
  acquireTimeout: positive("acquireTimeout", config.acquireTimeout),
  maxRequests: count("maxRequestsPerConnection", config.maxRequestsPerConnection, 1),
  maxConnecting: count("maxConnectingPerHost", config.maxConnectingPerHost, 1),
  retryBudget: count("retryBudgetPerHost", config.retryBudgetPerHost, 0),
  minIdle: count("minIdlePerHost", config.minIdlePerHost, 0),
  leakThreshold: positive("leakThreshold", config.leakThreshold)
})

const count = (field: keyof PoolConfig, value: number, least: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= least)) return value
  throw new InvalidPoolConfig({ field, value, expected: `a whole number of at least ${least}, or Infinity` })
}

const share = (field: keyof PoolConfig, value: number): number => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  throw new InvalidPoolConfig({ field, value, expected: "a number from 0 to 1" })
}

const boolean = (field: keyof PoolConfig, value: boolean): boolean => {
  if (typeof value === "boolean") return value
  throw new InvalidPoolConfig({ field, value, expected: "true or false" })
}

const hook = (value: ShouldEvict | undefined): ShouldEvict | undefined => {
  if (value === undefined || typeof value === "function") return value
  throw new InvalidPoolConfig({ field: "shouldEvict", value, expected: "a function of the connection's facts" })
}

const oneOf = (field: keyof PoolConfig, value: "fifo" | "lifo"): "fifo" | "lifo" => {
  if (value === "fifo" || value === "lifo") return value
  throw new InvalidPoolConfig({ field, value, expected: '"fifo" or "lifo"' })
}

const duration = (field: keyof PoolConfig, value: Duration.DurationInput): number => {
  // Effect takes a number that is no duration, and whatever is negative, for zero.
  if (typeof value === "number" ? !(value >= 0) : typeof value === "string" && value.startsWith("-"))
    throw new InvalidPoolConfig({ field, value, expected: "a duration" })
  const decoded = Duration.decodeUnknown(value)
  if (decoded._tag === "Some") return Duration.toMillis(decoded.value)
  throw new InvalidPoolConfig({ field, value, expected: 'a duration such as "90 seconds" or a number of milliseconds' })
}

const positive = (field: keyof PoolConfig, value: Duration.DurationInput): number => {
  const millis = duration(field, value)
  if (millis > 0) return millis
  throw new InvalidPoolConfig({ field, value, expected: "a duration above zero" })
}
