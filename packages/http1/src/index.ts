/**
 * @since 0.1.0
 */
export * as Framing from "./Framing.js"
export * as Http1Error from "./Http1Error.js"
export * as Http1Event from "./Http1Event.js"
export * as Http1Limits from "./Http1Limits.js"
export * as KeepAlive from "./KeepAlive.js"
export * as RequestEncoder from "./RequestEncoder.js"
export * as ResponseDecoder from "./ResponseDecoder.js"
