import { assert, describe, it } from "@effect/vitest"
import { ConnectionKey, ConnectionPool, Connector, SharedLayer } from "@hotaru/pool"
import { FakeNetwork } from "@hotaru/testing"
import { Clock, Config, ConfigProvider, Context, Effect, Layer, ManagedRuntime } from "effect"

class First extends Context.Tag("test/First")<First, ConnectionPool.ConnectionPoolShape>() {}
class Second extends Context.Tag("test/Second")<Second, ConnectionPool.ConnectionPoolShape>() {}

type PoolLayer<E = never> = Layer.Layer<ConnectionPool.ConnectionPool, E>

const as = <I, E>(tag: Context.Tag<I, ConnectionPool.ConnectionPoolShape>, pool: PoolLayer<E>): Layer.Layer<I, E> =>
  Layer.effect(tag, ConnectionPool.ConnectionPool).pipe(Layer.provide(pool))

/** A network of its own, told apart by the connections that are asked of it. */
const network = () => {
  const asked: Array<string> = []
  const layer = Layer.succeed(Connector.Connector, {
    connect: (key) => {
      asked.push(key.host)
      return Effect.never
    }
  })
  return { asked, layer }
}

const dials = (pool: ConnectionPool.ConnectionPoolShape, host: string) => {
  const key = ConnectionKey.make({ host, port: 80, useTls: false })
  return Effect.zipRight(
    Effect.forkScoped(pool.lease(key)),
    Effect.repeat(pool.stats, { until: ({ openingConnections }) => openingConnections > 0 })
  )
}

describe("a constant layer of a pool", () => {
  const config = { cleanupInterval: "30 seconds" } as const
  const constants: ReadonlyArray<
    readonly [string, Layer.Layer<ConnectionPool.ConnectionPool, unknown, Connector.Connector>]
  > = [
    ["ConnectionPool.layer(options)", ConnectionPool.layer(config)],
    ["ConnectionPool.layerFromEnv", ConnectionPool.layerFromEnv],
    ["ConnectionPool.layerConfig(options)", ConnectionPool.layerConfig({ maxConnections: Config.succeed(9) })]
  ]

  for (const [name, constant] of constants) {
    it.scoped(`${name} dials by the connector that each of its users provides it with`, () =>
      Effect.gen(function* () {
        const one = network()
        const other = network()
        const pools = yield* Layer.build(
          Layer.mergeAll(
            as(First, constant.pipe(Layer.provide(one.layer))),
            as(Second, constant.pipe(Layer.provide(other.layer)))
          )
        )
        yield* dials(Context.get(pools, First), "a.test")
        yield* dials(Context.get(pools, Second), "b.test")
        assert.deepStrictEqual([one.asked, other.asked], [["a.test"], ["b.test"]])
      })
    )

    it.scoped(`${name} is one pool for all who provide it with the same connector`, () =>
      Effect.gen(function* () {
        const { layer } = network()
        const pools = yield* Layer.build(
          Layer.mergeAll(
            as(First, constant.pipe(Layer.provide(layer))),
            Layer.provideMerge(as(Second, constant.pipe(Layer.provide(layer))), Layer.succeedContext(Context.empty()))
          )
        )
        assert.strictEqual(Context.get(pools, First), Context.get(pools, Second))
      })
    )
  }

  it.scoped("takes its options from the config provider that each of its users provides it with", () =>
    Effect.gen(function* () {
      const { layer } = network()
      const under = (max: string) =>
        ConnectionPool.layerFromEnv.pipe(
          Layer.provide(layer),
          Layer.provide(
            Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["HOTARU_POOL_MAX_CONNECTIONS_PER_HOST", max]])))
          )
        )
      const pools = yield* Layer.build(Layer.mergeAll(as(First, under("3")), as(Second, under("5"))))
      const limit = (pool: ConnectionPool.ConnectionPoolShape) => pool.config.maxConnectionsPerHost
      assert.deepStrictEqual([limit(Context.get(pools, First)), limit(Context.get(pools, Second))], [3, 5])
    })
  )

  it.scoped("of the network of fakes stays one for its users, with whatever is built on it", () =>
    Effect.gen(function* () {
      const pool = ConnectionPool.layer(config).pipe(Layer.provideMerge(FakeNetwork.layer))
      const pools = yield* Layer.build(Layer.mergeAll(as(First, pool), as(Second, pool)))
      assert.strictEqual(Context.get(pools, First), Context.get(pools, Second))
    })
  )
})

describe("SharedLayer.by", () => {
  interface Made {
    readonly id: number
  }
  class Made_ extends Context.Tag("test/Made")<Made_, Made>() {}
  class Base extends Context.Tag("test/Base")<Base, object | string>() {}
  class FirstMade extends Context.Tag("test/FirstMade")<FirstMade, Made>() {}
  class SecondMade extends Context.Tag("test/SecondMade")<SecondMade, Made>() {}

  const counted = (dependencies: ReadonlyArray<SharedLayer.Dependency>) => {
    const counts = { built: 0, released: 0 }
    const layer = SharedLayer.by(dependencies, () =>
      Layer.scoped(
        Made_,
        Effect.acquireRelease(
          Effect.map(Base, () => ({ id: ++counts.built })),
          () => Effect.sync(() => counts.released++)
        )
      )
    )
    return { counts, layer }
  }
  const both = <E, R>(first: Layer.Layer<Made_, E, R>, second: Layer.Layer<Made_, E, R>) =>
    Layer.mergeAll(
      Layer.effect(FirstMade, Made_).pipe(Layer.provide(first)),
      Layer.effect(SecondMade, Made_).pipe(Layer.provide(second))
    )

  for (const [what, one, other] of [
    ["objects", {}, {}],
    ["values that are no objects", "one", "other"]
  ] as const) {
    it.scoped(`builds once for each of two ${what}, in any order`, () =>
      Effect.gen(function* () {
        const { counts, layer } = counted([Base])
        const under = (base: object | string) => layer.pipe(Layer.provide(Layer.succeed(Base, base)))
        const built = yield* Layer.build(Layer.mergeAll(both(under(one), under(other)), both(under(other), under(one))))
        assert.strictEqual(counts.built, 2)
        assert.notStrictEqual(Context.get(built, FirstMade), Context.get(built, SecondMade))
      })
    )
  }

  it.effect("releases what it built when the last of its users has gone", () =>
    Effect.gen(function* () {
      const { counts, layer } = counted([Base])
      const based = layer.pipe(Layer.provide(Layer.succeed(Base, {})))
      const memoMap = yield* Layer.makeMemoMap
      const first = ManagedRuntime.make(based, memoMap)
      const second = ManagedRuntime.make(based, memoMap)
      const one = yield* Effect.promise(() => first.runPromise(Made_))
      const two = yield* Effect.promise(() => second.runPromise(Made_))
      assert.strictEqual(one, two)
      yield* first.disposeEffect
      assert.strictEqual(counts.released, 0)
      yield* second.disposeEffect
      assert.deepStrictEqual(counts, { built: 1, released: 1 })
    })
  )

  it.effect("builds anew for each program, as any layer", () =>
    Effect.gen(function* () {
      const { counts, layer } = counted([Base])
      const based = layer.pipe(Layer.provide(Layer.succeed(Base, {})))
      yield* Effect.provide(Made_, based)
      yield* Effect.provide(Made_, based)
      assert.deepStrictEqual(counts, { built: 2, released: 2 })
    })
  )

  it.scoped("tells apart what is built under two clocks", () =>
    Effect.gen(function* () {
      const { counts, layer } = counted([Base, Clock.Clock])
      const base = Layer.succeed(Base, {})
      const under = (clock: Clock.Clock) => layer.pipe(Layer.provide(base), Layer.provide(Layer.setClock(clock)))
      yield* Layer.build(both(under(Clock.make()), under(Clock.make())))
      assert.strictEqual(counts.built, 2)
    })
  )

  it.scoped("shares what it depends on with the rest of the program", () =>
    Effect.gen(function* () {
      const base = counted([])
      const inner = base.layer.pipe(Layer.provide(Layer.succeed(Base, {})))
      class Outer extends Context.Tag("test/Outer")<Outer, Made>() {}
      const outer = SharedLayer.by([], () => Layer.effect(Outer, Made_).pipe(Layer.provide(inner)))
      const built = yield* Layer.build(Layer.mergeAll(outer, inner))
      assert.strictEqual(base.counts.built, 1)
      assert.strictEqual(Context.get(built, Outer), Context.get(built, Made_))
    })
  )
})
