import * as Http from "node:http"
import type * as Net from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodeConnectionPool, NodePooledHttpClient, PoolLive } from "@hotaru/node"
import { ConnectionPool, PoolError } from "@hotaru/pool"
import { Cause, Config, ConfigProvider, Context, Effect, Exit, Layer } from "effect"

const served = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly connections: () => number }>((resume) => {
    let connections = 0
    const server = Http.createServer((request, response) => void response.end(`you asked for ${request.url}`))
    server.on("connection", () => connections++)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, connections: () => connections, server }))
    })
  }) as Effect.Effect<{ readonly url: string; readonly connections: () => number; readonly server: Http.Server }>,
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)

const get = (url: string) => Effect.flatMap(HttpClient.get(url), ({ text }) => text)

const envOf = (variables: ReadonlyArray<readonly [string, string]>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(variables)))

const limits = Effect.map(ConnectionPool.ConnectionPool, ({ config }) => config)

describe("NodePooledHttpClient.layer", () => {
  it.scoped("gives a client and the pool that it runs on", () =>
    Effect.gen(function* () {
      const { connections, url } = yield* served
      const stats = yield* Effect.gen(function* () {
        assert.strictEqual(yield* get(`${url}/a`), "you asked for /a")
        assert.strictEqual(yield* get(`${url}/b`), "you asked for /b")
        return yield* Effect.flatMap(ConnectionPool.ConnectionPool, ({ stats }) => stats)
      }).pipe(Effect.provide(NodePooledHttpClient.layer()))
      assert.strictEqual(connections(), 1)
      assert.deepInclude({ ...stats }, { hits: 1, misses: 1, pooledConnections: 1, activeConnections: 0 })
    })
  )

  it("is the same layer whenever it is asked for without options", () => {
    assert.strictEqual(NodePooledHttpClient.layer(), NodePooledHttpClient.layer())
    assert.strictEqual(NodeConnectionPool.layer(), NodeConnectionPool.layer())
    assert.strictEqual(PoolLive, NodeConnectionPool.layerFromEnv)
  })

  it.effect("takes the pool's options flat, the connector's and the client's beside them", () =>
    Effect.gen(function* () {
      const config = yield* limits
      assert.strictEqual(config.maxConnectionsPerHost, 1)
      assert.strictEqual(config.maxIdlePerHost, 32)
    }).pipe(
      Effect.provide(
        NodePooledHttpClient.layer({
          maxConnectionsPerHost: 1,
          acquireTimeout: "100 millis",
          connector: { localAddress: "127.0.0.1" },
          safety: { maxBodySize: 10 }
        })
      )
    )
  )

  it.scoped("hands the connector and the safety what is theirs", () =>
    Effect.gen(function* () {
      const { url } = yield* served
      const small = NodePooledHttpClient.layer({ safety: { maxBodySize: 3 } })
      const error = yield* Effect.flip(Effect.provide(get(url), small))
      assert.strictEqual(error._tag, "ResponseError")
      const unreachable = NodePooledHttpClient.layer({ connector: { family: "ipv6" } })
      const failure = yield* Effect.flip(Effect.provide(get(url), unreachable))
      assert.strictEqual(failure._tag, "RequestError")
      assert.include(String((failure.cause as Error | undefined)?.message), "ipv6")
    })
  )

  it.effect("fails its build on options that make no sense, naming field and value", () =>
    Effect.gen(function* () {
      for (const [options, field] of [
        [{ connector: { localAddress: "here" } }, "connector.localAddress"],
        [{ maxConnections: 0 }, "maxConnections"]
      ] as const) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(NodePooledHttpClient.layer(options))))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, PoolError.InvalidPoolConfig)
        assert.strictEqual((defect as PoolError.InvalidPoolConfig).field, field)
      }
    })
  )
})

describe("layerConfig", () => {
  it.effect("reads each option from its Config; undefined ones are left out", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* limits).maxConnectionsPerHost, 7)
    }).pipe(
      Effect.provide(
        NodePooledHttpClient.layerConfig({
          maxConnectionsPerHost: Config.integer("LIMIT"),
          maxIdlePerHost: undefined as never,
          connector: { localAddress: Config.string("FROM"), tls: undefined as never },
          safety: { maxBodySize: Config.succeed(10) }
        })
      ),
      Effect.provide(
        envOf([
          ["LIMIT", "7"],
          ["FROM", "127.0.0.1"]
        ])
      )
    )
  )

  it.effect("fails as a Config does", () =>
    Effect.gen(function* () {
      const layer = NodeConnectionPool.layerConfig({ maxConnections: Config.integer("LIMIT") })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(String(error), "LIMIT")
    }).pipe(Effect.provide(envOf([])))
  )
})

describe("PoolLive", () => {
  it.effect("reads HOTARU_POOL_*", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* limits).maxIdlePerHost, 5)
    }).pipe(Effect.provide(PoolLive), Effect.provide(envOf([["HOTARU_POOL_MAX_IDLE_PER_HOST", "5"]])))
  )

  it.effect("fails on a bad value, naming the variable", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(PoolLive)))
      assert.include(String(error), "HOTARU_POOL_MAX_IDLE_PER_HOST")
    }).pipe(Effect.provide(envOf([["HOTARU_POOL_MAX_IDLE_PER_HOST", "many"]])))
  )

  it.effect("is one pool for all who provide it, the client's included", () =>
    Effect.gen(function* () {
      class Mine extends Context.Tag("test/Mine")<Mine, ConnectionPool.ConnectionPoolShape>() {}
      const mine = Layer.effect(Mine, ConnectionPool.ConnectionPool).pipe(Layer.provide(PoolLive))
      const [client, other] = yield* Effect.all([ConnectionPool.ConnectionPool, Mine]).pipe(
        Effect.provide(Layer.merge(NodePooledHttpClient.layerFromEnv, mine))
      )
      assert.strictEqual(client, other)
    }).pipe(Effect.provide(envOf([])))
  )
})
