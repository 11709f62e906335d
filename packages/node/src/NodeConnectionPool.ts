/**
 * The connection pool on the sockets of Node.
 *
 * @since 0.1.0
 */
import * as ConnectionPool from "@hotaru/pool/ConnectionPool"
import type { ShouldEvict } from "@hotaru/pool/Eviction"
import * as Options from "@hotaru/pool/Options"
import * as PoolConfig from "@hotaru/pool/PoolConfig"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as SharedLayer from "@hotaru/pool/SharedLayer"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { departedAddresses } from "./AddressEviction.js"
import { EgressPolicy } from "./EgressPolicy.js"
import { unwrap } from "./internal/wrapped.js"
import * as NodeConnector from "./NodeConnector.js"
import { Resolver } from "./Resolver.js"

/**
 * The pool's options, and beside them the connector's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeConnectionPoolOptions extends Partial<PoolConfig.PoolConfig> {
  /**
   * Ends connections to addresses that their host's name has left, by `AddressEviction.departedAddresses()`, beside
   * `shouldEvict`. False.
   */
  readonly evictDepartedAddresses?: boolean | undefined
  readonly connector?: NodeConnector.NodeConnectorOptions | undefined
}

/**
 * A pool on Node sockets. With options each call makes a pool of its own: bind the layer to a constant to share it.
 *
 * @example
 * ```ts
 * import { NodeConnectionPool } from "@hotaru/node"
 *
 * const PoolForPartner = NodeConnectionPool.layer({
 *   maxConnectionsPerHost: 8,
 *   acquireTimeout: "2 seconds",
 *   connector: { tls: { minVersion: "TLSv1.3" } }
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: NodeConnectionPoolOptions): Layer.Layer<ConnectionPool.ConnectionPool> =>
  options === undefined ? usual : withOptions(options)

// Options that make no sense fail the layer's build, not the call that makes the layer.
const withOptions = (options: NodeConnectionPoolOptions): Layer.Layer<ConnectionPool.ConnectionPool> =>
  SharedLayer.by(dependencies, () => {
    Options.check(options, known)
    const { connector, evictDepartedAddresses, ...pool } = options
    return Layer.provide(
      ConnectionPool.layer({ ...pool, ...departures(evictDepartedAddresses, pool.shouldEvict) }),
      NodeConnector.layer(connector)
    )
  })

/** A connector that did not arrive would open what its policy and its roots keep closed. */
const known: Options.Known = {
  at: "",
  names: [...Object.keys(PoolConfig.defaults), "evictDepartedAddresses", "connector"],
  guards: ["connector"]
}

/** What a pool on Node's sockets takes from where it is built. */
const dependencies = [EgressPolicy, Resolver, Clock.Clock, Random.Random]

const departures = (
  wanted: boolean | undefined = false,
  own: ShouldEvict | undefined
): { readonly shouldEvict?: ShouldEvict } => {
  if (typeof wanted !== "boolean")
    throw new InvalidPoolConfig({ field: "evictDepartedAddresses", value: wanted, expected: "true or false" })
  // What is no function is left to the pool to refuse.
  if (!wanted || (own !== undefined && typeof own !== "function")) return {}
  const departed = departedAddresses()
  if (own === undefined) return { shouldEvict: departed }
  return {
    shouldEvict: (connection) =>
      Effect.flatMap(own(connection), (evict) => (evict ? Effect.succeed(true) : departed(connection)))
  }
}

const usual = withOptions({})

/**
 * {@link layer}, with each option wrapped in a `Config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  wrapped: Config.Config.Wrap<NodeConnectionPoolOptions>
): Layer.Layer<ConnectionPool.ConnectionPool, ConfigError.ConfigError> =>
  SharedLayer.by([...dependencies, ConfigProvider.ConfigProvider], () =>
    Layer.unwrapEffect(Effect.map(unwrap(wrapped, known), layer))
  )

/**
 * The pool with its options read from `HOTARU_POOL_*`; see `PoolConfig.config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFromEnv: Layer.Layer<ConnectionPool.ConnectionPool, ConfigError.ConfigError> = SharedLayer.by(
  [...dependencies, ConfigProvider.ConfigProvider],
  () => Layer.provide(ConnectionPool.layerFromEnv, NodeConnector.layer())
)
