import { assert, describe, it } from "@effect/vitest"
import { AddressEviction, NodeConnectionPool, NodePooledHttpClient, Resolver } from "@hotaru/node"
import { ConnectionKey, ConnectionPool, type Eviction, PoolConfig, PoolError } from "@hotaru/pool"
import { Cause, Config, ConfigProvider, Effect, Exit, Layer, TestClock } from "effect"
import { turnUntil } from "./support/dialling.js"
import { listen } from "./support/servers.js"

const envOf = (variables: ReadonlyArray<readonly [string, string]>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(variables)))

/** A rule that keeps every connection, and remembers for which address it was asked. */
const watching = () => {
  const asked: Array<string | undefined> = []
  const shouldEvict: Eviction.ShouldEvict = ({ facts }) =>
    Effect.sync(() => {
      asked.push(facts.remoteAddress)
      return false
    })
  return { asked, shouldEvict }
}

/** Opens an idle connection in the pool, and lets a minute and a half pass. */
const aWhile = Effect.gen(function* () {
  const { port } = yield* listen()
  const pool = yield* ConnectionPool.ConnectionPool
  const key = ConnectionKey.make({ host: "127.0.0.1", port, useTls: false })
  yield* Effect.scoped(pool.acquire(key))
  yield* TestClock.adjust("80 seconds")
  return yield* pool.stats
})

const layers: ReadonlyArray<
  readonly [
    string,
    (options: NodeConnectionPool.NodeConnectionPoolOptions) => Layer.Layer<ConnectionPool.ConnectionPool, unknown>
  ]
> = [
  ["NodeConnectionPool.layer", (options) => NodeConnectionPool.layer(options)],
  ["NodePooledHttpClient.layer", (options) => NodePooledHttpClient.layer(options)],
  [
    "NodeConnectionPool.layerConfig",
    ({ shouldEvict }) => NodeConnectionPool.layerConfig({ shouldEvict: Config.succeed(shouldEvict) })
  ],
  [
    "NodePooledHttpClient.layerConfig",
    ({ shouldEvict }) => NodePooledHttpClient.layerConfig({ shouldEvict: Config.succeed(shouldEvict) })
  ],
  [
    "a layer of the environment's options",
    (options) =>
      Layer.unwrapEffect(
        Effect.map(PoolConfig.config, (fromEnv) => NodePooledHttpClient.layer({ ...fromEnv, ...options }))
      )
  ]
]

describe("shouldEvict", () => {
  it.scoped.each(layers)("is taken by %s", ([, layer]) => {
    const { asked, shouldEvict } = watching()
    return Effect.gen(function* () {
      const stats = yield* aWhile
      assert.strictEqual(stats.pooledConnections, 1)
      assert.isAtLeast(asked.length, 2)
      assert.deepStrictEqual([...new Set(asked)], ["127.0.0.1"])
    }).pipe(Effect.provide(layer({ shouldEvict })))
  })

  it.scoped("and evictDepartedAddresses may each end a connection", () => {
    const addresses: Record<string, ReadonlyArray<string>> = {
      "moves.test": ["127.0.0.1"],
      "stays.test": ["127.0.0.1"]
    }
    const resolver: Resolver.ResolverShape = { lookup: (host) => Effect.succeed(addresses[host] ?? ["127.0.0.1"]) }
    const layer = NodeConnectionPool.layer({
      idleTimeout: "1 hour",
      evictDepartedAddresses: true,
      shouldEvict: ({ key }) => Effect.succeed(key.host === "disliked.test"),
      connector: { resolver }
    })
    return Effect.gen(function* () {
      const { port } = yield* listen()
      const pool = yield* ConnectionPool.ConnectionPool
      for (const host of ["moves.test", "stays.test", "disliked.test"])
        yield* Effect.scoped(pool.acquire(ConnectionKey.make({ host, port, useTls: false })))
      addresses["moves.test"] = ["127.0.0.2"]
      yield* TestClock.adjust("2 minutes")
      const hosts = [...(yield* pool.hostStats)].map(([{ host }]) => host)
      assert.deepStrictEqual(hosts, ["stays.test"])
      assert.strictEqual((yield* pool.stats).closed.Evicted, 2)
    }).pipe(Effect.provide(layer))
  })

  const senseless: ReadonlyArray<readonly [string, object]> = [
    ["shouldEvict", { shouldEvict: true }],
    ["shouldEvict", { shouldEvict: true, evictDepartedAddresses: true }],
    ["evictDepartedAddresses", { evictDepartedAddresses: "30 seconds" }],
    ["evictDeparted", { evictDeparted: true }]
  ]
  it.effect.each(senseless)("that makes no sense fails the layer's build, naming %s: case %#", ([field, options]) =>
    Effect.gen(function* () {
      for (const layer of [NodeConnectionPool.layer(options), NodePooledHttpClient.layer(options)]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer)))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.strictEqual((defect as PoolError.InvalidPoolConfig).field, field)
      }
    })
  )

  it("does not hide a misspelt option from the types", () => {
    // @ts-expect-error
    const misspelt: NodePooledHttpClient.NodePooledHttpClientOptions = { evictDepartedAdresses: true }
    assert.isDefined(misspelt)
  })
})

describe("evictDepartedAddresses", () => {
  const on = (layer: Layer.Layer<ConnectionPool.ConnectionPool, unknown>) =>
    Effect.provide(
      Effect.map(ConnectionPool.ConnectionPool, ({ config }) => config.shouldEvict !== undefined),
      layer
    )

  it.effect("is off unless asked for, and can be read from a Config", () =>
    Effect.gen(function* () {
      const wanted = Config.boolean("FOLLOW_DNS")
      assert.isFalse(yield* on(NodePooledHttpClient.layer()))
      assert.isFalse(yield* on(NodePooledHttpClient.layer({ evictDepartedAddresses: false })))
      assert.isTrue(yield* on(NodePooledHttpClient.layer({ evictDepartedAddresses: true })))
      assert.isTrue(yield* on(NodeConnectionPool.layerConfig({ evictDepartedAddresses: wanted })))
      assert.isTrue(yield* on(NodePooledHttpClient.layerConfig({ evictDepartedAddresses: wanted })))
    }).pipe(Effect.provide(envOf([["FOLLOW_DNS", "true"]])))
  )

  it.scoped("asks the Resolver in the context, with the look-ups of the dials", () => {
    let asked = 0
    const resolver: Resolver.ResolverShape = {
      lookup: () => {
        asked++
        return Effect.succeed(asked === 1 ? ["127.0.0.1"] : ["127.0.0.2"])
      }
    }
    const layer = NodeConnectionPool.layer({ shouldEvict: AddressEviction.departedAddresses({ absences: 1 }) })
    return Effect.gen(function* () {
      const { openCount, port } = yield* listen()
      const pool = yield* ConnectionPool.ConnectionPool
      const key = ConnectionKey.make({ host: "moves.test", port, useTls: false })
      yield* Effect.scoped(pool.acquire(key))
      yield* TestClock.adjust("30 seconds")
      yield* turnUntil(() => openCount() === 0)
      assert.strictEqual(asked, 2)
      // What the rule has found out serves the dials of the next second.
      yield* listen({ host: "127.0.0.2", port })
      yield* Effect.scoped(
        Effect.map(pool.acquire(key), ({ facts }) => assert.strictEqual(facts.remoteAddress, "127.0.0.2"))
      )
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(layer.pipe(Layer.provide(Layer.succeed(Resolver.Resolver, resolver)))))
  })
})
