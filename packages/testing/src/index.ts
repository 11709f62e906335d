/**
 * @since 0.1.0
 */
export * as Arbitraries from "./Arbitraries.js"
export * as FakeNetwork from "./FakeNetwork.js"
export * as FakeSocket from "./FakeSocket.js"
export * as FiberCensus from "./FiberCensus.js"
export * as PoolOperations from "./PoolOperations.js"
export * as ScriptedServer from "./ScriptedServer.js"
export * as Story from "./Story.js"
export * as Sweep from "./Sweep.js"
export * as Wire from "./Wire.js"
