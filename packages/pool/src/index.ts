/**
 * @since 0.1.0
 */
export * as AsyncContexts from "./AsyncContexts.js"
export * as Connection from "./Connection.js"
export * as ConnectionKey from "./ConnectionKey.js"
export * as ConnectionPool from "./ConnectionPool.js"
export * as Connector from "./Connector.js"
export * as Deadlines from "./Deadlines.js"
export * as Eviction from "./Eviction.js"
export * as Lease from "./Lease.js"
export * as Options from "./Options.js"
export * as PerHostPool from "./PerHostPool.js"
export * as PoolConfig from "./PoolConfig.js"
export * as PoolError from "./PoolError.js"
export * as PoolEvent from "./PoolEvent.js"
export * as PooledConnection from "./PooledConnection.js"
export * as PoolStats from "./PoolStats.js"
export * as SharedLayer from "./SharedLayer.js"
