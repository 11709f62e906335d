/**
 * @since 0.1.0
 */
export * as AddressEviction from "./AddressEviction.js"
export * as EgressPolicy from "./EgressPolicy.js"
export * as NodeConnectionPool from "./NodeConnectionPool.js"
export * as NodeConnector from "./NodeConnector.js"
export * as NodePooledHttpClient from "./NodePooledHttpClient.js"
export * as NodeTls from "./NodeTls.js"
export { PoolLive } from "./PoolLive.js"
export * as Resolver from "./Resolver.js"
