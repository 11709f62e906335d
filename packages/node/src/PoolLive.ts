/**
 * The pool, ready for `Layer.provide(PoolLive)`.
 *
 * @since 0.1.0
 */
import type { ConnectionPool } from "@hotaru/pool/ConnectionPool"
import type { ConfigError } from "effect/ConfigError"
import type { Layer } from "effect/Layer"
import { layerFromEnv } from "./NodeConnectionPool.js"

/**
 * The pool on Node sockets, with its options from `HOTARU_POOL_*`: the same layer as `NodeConnectionPool.layerFromEnv`,
 * so that all who provide it share one pool.
 *
 * @since 0.1.0
 * @category layers
 */
export const PoolLive: Layer<ConnectionPool, ConfigError> = layerFromEnv
