/**
 * An `HttpClient` on a pool on the sockets of Node: everything in one layer.
 *
 * @since 0.1.0
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import type { HttpSafety } from "@hotaru/client/HttpSafety"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import type { SecretParams } from "@hotaru/client/SecretParams"
import type { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import * as Options from "@hotaru/pool/Options"
import * as PoolConfig from "@hotaru/pool/PoolConfig"
import * as SharedLayer from "@hotaru/pool/SharedLayer"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { EgressPolicy } from "./EgressPolicy.js"
import { unwrap } from "./internal/wrapped.js"
import * as NodeConnectionPool from "./NodeConnectionPool.js"
import { Resolver } from "./Resolver.js"

/**
 * The pool's options, and beside them the connector's and the client's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodePooledHttpClientOptions extends NodeConnectionPool.NodeConnectionPoolOptions {
  /** Limits of single requests, over the defaults. */
  readonly safety?: Partial<HttpSafety> | undefined
  /** Parameters of URLs whose values are shown nowhere, in place of `SecretParams.defaults`. */
  readonly secretParams?: SecretParams | undefined
}

/**
 * The platform's `HttpClient` and the pool it runs on. Without options it is always the same layer; with options each
 * call makes a pool of its own: bind the layer to a constant to share it.
 *
 * Options that make no sense fail the layer's build with a defect, `InvalidPoolConfig`.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { NodePooledHttpClient } from "@hotaru/node"
 * import { Effect } from "effect"
 *
 * const HttpLive = NodePooledHttpClient.layer({
 *   maxConnectionsPerHost: 16,
 *   acquireTimeout: "2 seconds",
 *   safety: { maxBodySize: 1024 * 1024 }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("https://api.example.com/todos/1")
 *   return yield* response.json
 * })
 *
 * const runnable = Effect.provide(program, HttpLive)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: NodePooledHttpClientOptions): Layer.Layer<HttpClient | ConnectionPool> =>
  options === undefined ? usual : withOptions(options)

const withOptions = (options: NodePooledHttpClientOptions): Layer.Layer<HttpClient | ConnectionPool> =>
  clientOn(() => {
    Options.check(options, known)
    const { safety, secretParams, ...pool } = options
    return Layer.provideMerge(PooledHttpClient.layerWith({ safety, secretParams }), NodeConnectionPool.layer(pool))
  })

const known: Options.Known = {
  at: "",
  names: [...Object.keys(PoolConfig.defaults), "evictDepartedAddresses", "connector", "safety", "secretParams"],
  guards: ["connector"]
}

/** What its pool takes from where it is built is part of what the client is. */
const clientOn = <E>(make: () => Layer.Layer<HttpClient | ConnectionPool, E>) =>
  SharedLayer.by([EgressPolicy, Resolver, Clock.Clock, Random.Random, ConfigProvider.ConfigProvider], make)

const usual: Layer.Layer<HttpClient | ConnectionPool> = clientOn(() =>
  Layer.provideMerge(PooledHttpClient.layer, NodeConnectionPool.layer())
)

/**
 * {@link layer}, with each option wrapped in a `Config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  wrapped: Config.Config.Wrap<NodePooledHttpClientOptions>
): Layer.Layer<HttpClient | ConnectionPool, ConfigError.ConfigError> =>
  clientOn(() => Layer.unwrapEffect(Effect.map(unwrap(wrapped, known), layer)))

/**
 * The client on the pool of `PoolLive`, whose options come from `HOTARU_POOL_*`; see `PoolConfig.config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFromEnv: Layer.Layer<HttpClient | ConnectionPool, ConfigError.ConfigError> = clientOn(() =>
  Layer.provideMerge(PooledHttpClient.layer, NodeConnectionPool.layerFromEnv)
)
