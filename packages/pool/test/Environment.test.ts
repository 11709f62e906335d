/**
 * The options from `HOTARU_POOL_*`.
 */

import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, PoolConfig } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"

const read = (variables: Record<string, string>) =>
  Effect.withConfigProvider(PoolConfig.config, ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** Durations as milliseconds, so that what is equal looks equal. */
const plain = ({ perHost: _, ...config }: PoolConfig.PoolConfig) =>
  Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, Duration.isDuration(value) ? Duration.toMillis(value) : value])
  )

const complaint = (variables: Record<string, string>) =>
  Effect.map(Effect.exit(read(variables)), (exit) =>
    Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "no complaint"
  )

describe("HOTARU_POOL_*", () => {
  it.effect("nothing set: the defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(plain(yield* read({})), plain(PoolConfig.defaults))
    })
  )

  it.effect("that are wrong are named once each, with value and form", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* complaint({ HOTARU_POOL_IDLE_TIMEOUT: "soon", HOTARU_POOL_MAX_CONNECTIONS: "-3" }),
        '(Invalid data at HOTARU_POOL_IDLE_TIMEOUT: "expected a duration such as "90 seconds" or "250 millis", or "off", not "soon"") and (Invalid data at HOTARU_POOL_MAX_CONNECTIONS: "expected a whole number of at least 1, or "off", not "-3"")'
      )
    })
  )

  const variables: ReadonlyArray<readonly [string, string, keyof PoolConfig.PoolConfig, unknown]> = [
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "7", "maxIdlePerHost", 7],
    ["HOTARU_POOL_MAX_LIFETIME", "2 minutes", "maxLifetime", 120_000],
    ["HOTARU_POOL_LIFETIME_JITTER", "0.25", "lifetimeJitter", 0.25],
    ["HOTARU_POOL_IDLE_TIMEOUT", "45 seconds", "idleTimeout", 45_000],
    ["HOTARU_POOL_CONNECTION_TIMEOUT", "250 millis", "connectionTimeout", 250],
    ["HOTARU_POOL_ENABLE_POOLING", "false", "enablePooling", false],
    ["HOTARU_POOL_CLEANUP_INTERVAL", "1 second", "cleanupInterval", 1_000],
    ["HOTARU_POOL_IDLE_ORDER", "lifo", "idleOrder", "lifo"],
    ["HOTARU_POOL_MAX_CONNECTIONS_PER_HOST", "8", "maxConnectionsPerHost", 8],
    ["HOTARU_POOL_MAX_CONNECTIONS", "9", "maxConnections", 9],
    ["HOTARU_POOL_MAX_PENDING_PER_HOST", "0", "maxPendingPerHost", 0],
    ["HOTARU_POOL_ACQUIRE_TIMEOUT", "3 seconds", "acquireTimeout", 3_000],
    ["HOTARU_POOL_MAX_REQUESTS_PER_CONNECTION", "100", "maxRequestsPerConnection", 100],
    ["HOTARU_POOL_MAX_CONNECTING_PER_HOST", "2", "maxConnectingPerHost", 2],
    ["HOTARU_POOL_MAX_CONNECTING", "3", "maxConnecting", 3],
    ["HOTARU_POOL_MIN_IDLE_PER_HOST", "4", "minIdlePerHost", 4],
    ["HOTARU_POOL_DRAIN_TIMEOUT", "0 seconds", "drainTimeout", 0],
    ["HOTARU_POOL_RETRY_BUDGET_PER_HOST", "3", "retryBudgetPerHost", 3],
    ["HOTARU_POOL_LEAK_THRESHOLD", "1 minute", "leakThreshold", 60_000]
  ]

  it("there is a variable for every field but the functions", () => {
    assert.deepStrictEqual(
      [...variables.map(([, , field]) => field), "perHost", "shouldEvict"].sort(),
      Object.keys(PoolConfig.defaults).sort()
    )
  })

  for (const [variable, text, field, value] of variables) {
    it.effect(`${variable}="${text}" sets ${field}, and nothing else`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(plain(yield* read({ [variable]: text })), {
          ...plain(PoolConfig.defaults),
          [field]: value
        })
        assert.deepStrictEqual(plain(yield* read({ [variable]: ` ${text} ` })), {
          ...plain(PoolConfig.defaults),
          [field]: value
        })
      })
    )
  }

  const unlimited = [
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "maxIdlePerHost"],
    ["HOTARU_POOL_MAX_LIFETIME", "maxLifetime"],
    ["HOTARU_POOL_IDLE_TIMEOUT", "idleTimeout"],
    ["HOTARU_POOL_CONNECTION_TIMEOUT", "connectionTimeout"],
    ["HOTARU_POOL_MAX_CONNECTIONS_PER_HOST", "maxConnectionsPerHost"],
    ["HOTARU_POOL_MAX_CONNECTIONS", "maxConnections"],
    ["HOTARU_POOL_MAX_PENDING_PER_HOST", "maxPendingPerHost"],
    ["HOTARU_POOL_ACQUIRE_TIMEOUT", "acquireTimeout"],
    ["HOTARU_POOL_MAX_REQUESTS_PER_CONNECTION", "maxRequestsPerConnection"],
    ["HOTARU_POOL_DRAIN_TIMEOUT", "drainTimeout"],
    ["HOTARU_POOL_RETRY_BUDGET_PER_HOST", "retryBudgetPerHost"],
    ["HOTARU_POOL_LEAK_THRESHOLD", "leakThreshold"]
  ] as const
  for (const [variable, field] of unlimited) {
    it.effect(`${variable} may be off`, () =>
      Effect.gen(function* () {
        for (const word of ["off", "OFF", "infinity", "Infinity"]) {
          assert.strictEqual(plain(yield* read({ [variable]: word }))[field], Infinity)
        }
      })
    )
  }

  const bad: ReadonlyArray<readonly [string, string, string]> = [
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "-7", 'a whole number of at least 0, or "off"'],
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "", "a whole number of at least 0"],
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "1.5", "a whole number of at least 0"],
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "1e3", "a whole number of at least 0"],
    ["HOTARU_POOL_MAX_IDLE_PER_HOST", "99999999999999999999", "a whole number of at least 0"],
    ["HOTARU_POOL_MAX_CONNECTIONS", "0", 'a whole number of at least 1, or "off"'],
    ["HOTARU_POOL_MIN_IDLE_PER_HOST", "off", "a whole number of at least 0"],
    ["HOTARU_POOL_IDLE_TIMEOUT", "90s", 'a duration such as "90 seconds" or "250 millis", or "off"'],
    ["HOTARU_POOL_IDLE_TIMEOUT", "90", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_IDLE_TIMEOUT", "", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_IDLE_TIMEOUT", "0 seconds", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_IDLE_TIMEOUT", "-5 seconds", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_DRAIN_TIMEOUT", "-5 seconds", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_CLEANUP_INTERVAL", "off", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_CLEANUP_INTERVAL", "Infinity", 'a duration such as "90 seconds"'],
    ["HOTARU_POOL_LIFETIME_JITTER", "1.5", "a number from 0 to 1"],
    ["HOTARU_POOL_LIFETIME_JITTER", "10%", "a number from 0 to 1"],
    ["HOTARU_POOL_ENABLE_POOLING", "maybe", '"true" or "false"'],
    ["HOTARU_POOL_IDLE_ORDER", "random", '"fifo" or "lifo"']
  ]
  for (const [variable, value, expected] of bad) {
    it.effect(`${variable}=${JSON.stringify(value)} fails, naming variable, value and the form wanted`, () =>
      Effect.gen(function* () {
        const message = yield* complaint({ [variable]: value })
        for (const part of [variable, JSON.stringify(value), expected]) assert.include(message, part)
      })
    )
  }

  for (const word of ["toString", "constructor", "__proto__"]) {
    it.effect(`HOTARU_POOL_ENABLE_POOLING=${word} is no truth value`, () =>
      Effect.gen(function* () {
        assert.include(yield* complaint({ HOTARU_POOL_ENABLE_POOLING: word }), "HOTARU_POOL_ENABLE_POOLING")
      })
    )
  }

  for (const [text, value] of [
    ["true", true],
    ["YES", true],
    ["on", true],
    ["1", true],
    ["no", false],
    ["off", false],
    ["0", false]
  ] as const) {
    it.effect(`HOTARU_POOL_ENABLE_POOLING=${text} is ${value}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* read({ HOTARU_POOL_ENABLE_POOLING: text })).enablePooling, value)
      })
    )
  }

  it.effect("one field that is wrong fails the whole, whatever else is right", () =>
    Effect.gen(function* () {
      const message = yield* complaint({ HOTARU_POOL_MAX_CONNECTIONS: "10", HOTARU_POOL_IDLE_TIMEOUT: "soon" })
      assert.include(message, "HOTARU_POOL_IDLE_TIMEOUT")
    })
  )

  it.effect("a provider with another delimiter reads the same names", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromMap(new Map([["HOTARU_POOL_MAX_CONNECTIONS", "9"]]), { pathDelim: "_" })
      const config = yield* Effect.withConfigProvider(PoolConfig.config, provider)
      assert.strictEqual(config.maxConnections, 9)
    })
  )
})

describe("Layers from configuration", () => {
  const configOf = (layer: Layer.Layer<ConnectionPool.ConnectionPool, unknown, never>) =>
    Effect.map(ConnectionPool.ConnectionPool, (pool) => pool.config).pipe(Effect.provide(layer))

  it.effect("layerFromEnv reads the variables", () =>
    Effect.gen(function* () {
      const config = yield* configOf(
        ConnectionPool.layerFromEnv.pipe(
          Layer.provide(FakeNetwork.layer),
          Layer.provide(
            Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["HOTARU_POOL_MAX_CONNECTIONS_PER_HOST", "5"]])))
          )
        )
      )
      assert.deepStrictEqual([config.maxConnectionsPerHost, config.maxConnections], [5, 1024])
    })
  )

  it.effect("layerConfig takes each field as a Config, and an undefined one as not given", () =>
    Effect.gen(function* () {
      const layer = ConnectionPool.layerConfig({
        maxConnections: Config.integer("LIMIT"),
        idleTimeout: Config.duration("IDLE").pipe(Config.withDefault(Duration.seconds(3))),
        maxIdlePerHost: undefined as never
      }).pipe(
        Layer.provide(FakeNetwork.layer),
        Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["LIMIT", "6"]]))))
      )
      const config = yield* configOf(layer)
      assert.deepStrictEqual(
        [config.maxConnections, Duration.toMillis(config.idleTimeout), config.maxIdlePerHost],
        [6, 3000, 32]
      )
    })
  )
})
