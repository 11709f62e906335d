/**
 * @since 0.1.0
 */
export * as ExchangeError from "./ExchangeError.js"
export * as HttpSafety from "./HttpSafety.js"
export * as PooledHttpClient from "./PooledHttpClient.js"
export * as Redirect from "./Redirect.js"
export * as SecretParams from "./SecretParams.js"
export * as Target from "./Target.js"
