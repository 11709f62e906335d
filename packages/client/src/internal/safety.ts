/**
 * Limits merged and read into plain numbers, once for each record in force.
 *
 * @internal
 */

import * as Http1Limits from "@hotaru/http1/Http1Limits"
import type { ResponseDecoder } from "@hotaru/http1/ResponseDecoder"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Duration from "effect/Duration"
import type { HttpSafety } from "../HttpSafety.js"

/** Milliseconds and bytes; `Infinity` is off. */
export interface Limits {
  readonly maxBodySize: number
  readonly maxStreamSize: number
  readonly readAhead: number
  readonly unreadBodyTimeout: number
  readonly bodyDrainBytes: number
  readonly bodyDrainTimeout: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly requestTimeout: number
  readonly expectContinueTimeout: number
  /** Undefined: the pool's own. */
  readonly acquireTimeout: number | undefined
  /** Undefined: the connector's own; 0 is off. */
  readonly tcpKeepAlive: number | undefined
  readonly allowedMethods: ReadonlyArray<string> | undefined
  readonly allowedContentTypes: ReadonlyArray<string> | undefined
  readonly http1: Http1Limits.Http1Limits
  /** Decoders with these limits that are between two answers. */
  readonly decoders: Array<ResponseDecoder>
}

type Partials = Partial<HttpSafety>

export const defaults: HttpSafety = {
  maxBodySize: 100 * 1024 * 1024,
  maxStreamSize: Infinity,
  maxHeaderSize: Http1Limits.defaults.maxHeaderSize,
  maxLineLength: Http1Limits.defaults.maxLineLength,
  maxHeaders: Http1Limits.defaults.maxHeaders,
  maxInterimResponses: Http1Limits.defaults.maxInterimResponses,
  maxChunkExtensions: Http1Limits.defaults.maxChunkExtensions,
  readAhead: 64 * 1024,
  unreadBodyTimeout: Duration.seconds(30),
  bodyDrainBytes: 256 * 1024,
  bodyDrainTimeout: Duration.millis(250),
  headersTimeout: Duration.hours(1),
  bodyTimeout: Duration.infinity,
  requestTimeout: Duration.infinity,
  expectContinueTimeout: Duration.seconds(1),
  allowedMethods: undefined,
  allowedContentTypes: undefined
}

/**
 * What a record changes over the defaults. The reference holds whole records, but a layer's limits lie between the
 * defaults and what was changed around a call: only the changed fields may win over the layer's. A record that is not
 * here was provided whole, by hand, and changes everything.
 */
const overrides = new WeakMap<HttpSafety, Partials>([[defaults, {}]])

/** One merged record for each pair, so that what is derived from it is derived once. */
const merged = new WeakMap<HttpSafety, WeakMap<Partials, HttpSafety>>()

const defined = (limits: Partials): Partials =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)) as Partials

/** `base` with some limits changed, remembering which. */
export const override = (base: HttpSafety, limits: Partials): HttpSafety => {
  let byLimits = merged.get(base)
  if (byLimits === undefined) {
    byLimits = new WeakMap()
    merged.set(base, byLimits)
  }
  let result = byLimits.get(limits)
  if (result === undefined) {
    result = { ...base, ...defined(limits) }
    byLimits.set(limits, result)
    overrides.set(result, { ...(overrides.get(base) ?? base), ...defined(limits) })
  }
  return result
}

/** The limits of a client: the defaults with the layer's over them, and what is changed around a call over those. */
export class Safety {
  private readonly layer: HttpSafety
  private readonly layerLimits: Limits
  private readonly cache = new WeakMap<HttpSafety, Limits>()

  constructor(limits: Partials) {
    // A part of a record that has no list where it names one; the whole record of the defaults may be spread.
    if (!Object.keys(defaults).every((name) => name in limits)) {
      Options.check(limits, { at: "safety", names, guards: lists })
    }
    validate(limits)
    this.layer = { ...defaults, ...defined(limits) }
    this.layerLimits = read(this.layer)
  }

  /** @param inForce what the fiber's context holds, if anything. */
  limits(inForce: HttpSafety | undefined): Limits {
    if (inForce === undefined || inForce === defaults) return this.layerLimits
    let limits = this.cache.get(inForce)
    if (limits === undefined) {
      const changed = overrides.get(inForce) ?? inForce
      validate(changed)
      limits = read({ ...this.layer, ...defined(changed) })
      this.cache.set(inForce, limits)
    }
    return limits
  }
}

const read = (safety: HttpSafety): Limits => ({
  maxBodySize: safety.maxBodySize,
  maxStreamSize: safety.maxStreamSize,
  readAhead: safety.readAhead,
  unreadBodyTimeout: Duration.toMillis(safety.unreadBodyTimeout),
  bodyDrainBytes: safety.bodyDrainBytes,
  bodyDrainTimeout: Duration.toMillis(safety.bodyDrainTimeout),
  headersTimeout: Duration.toMillis(safety.headersTimeout),
  bodyTimeout: Duration.toMillis(safety.bodyTimeout),
  requestTimeout: Duration.toMillis(safety.requestTimeout),
  expectContinueTimeout: Duration.toMillis(safety.expectContinueTimeout),
  acquireTimeout: safety.acquireTimeout === undefined ? undefined : Duration.toMillis(safety.acquireTimeout),
  tcpKeepAlive: keepAliveOf(safety.tcpKeepAlive),
  allowedMethods: safety.allowedMethods,
  allowedContentTypes: safety.allowedContentTypes?.map((type) => type.trim().toLowerCase()),
  http1: {
    maxHeaderSize: safety.maxHeaderSize,
    maxLineLength: safety.maxLineLength,
    maxHeaders: safety.maxHeaders,
    maxInterimResponses: safety.maxInterimResponses,
    maxChunkExtensions: safety.maxChunkExtensions
  },
  decoders: []
})

const keepAliveOf = (value: HttpSafety["tcpKeepAlive"]): number | undefined =>
  value === undefined ? undefined : value === "off" ? 0 : Duration.toMillis(value)

/** The system counts in whole seconds, in 16 bits. */
const isKeepAlive = (value: HttpSafety["tcpKeepAlive"]): boolean => {
  if (value === "off") return true
  const duration = Duration.decodeUnknown(value)
  if (duration._tag === "None") return false
  const millis = Duration.toMillis(duration.value)
  return millis === 0 || (millis >= 1000 && millis <= 32_767_000)
}

const sizes = ["maxBodySize", "maxStreamSize", "readAhead", "bodyDrainBytes"] as const
const counts = ["maxInterimResponses", "maxChunkExtensions"] as const
const positiveSizes = ["maxHeaderSize", "maxLineLength", "maxHeaders"] as const
const durations = [
  "unreadBodyTimeout",
  "bodyDrainTimeout",
  "headersTimeout",
  "bodyTimeout",
  "requestTimeout",
  "expectContinueTimeout",
  "acquireTimeout"
] as const
const lists = ["allowedMethods", "allowedContentTypes"] as const

/** Those that are unset by default have no place in the defaults. */
const names = [...Object.keys(defaults), "acquireTimeout", "tcpKeepAlive"]

/** Throws an `InvalidPoolConfig` naming the first value that makes no sense. */
export const validate = (limits: Partials): void => {
  Options.check(limits, { at: "safety", names })
  const refuse = (field: string, value: unknown, expected: string) => {
    throw new InvalidPoolConfig({ field: `safety.${field}`, value, expected })
  }
  for (const field of sizes) {
    const value = limits[field]
    if (value !== undefined && !(value >= 0)) refuse(field, value, "a number of bytes, 0 or more")
  }
  for (const field of counts) {
    const value = limits[field]
    if (value !== undefined && !(value >= 0)) refuse(field, value, "a number of 0 or more")
  }
  for (const field of positiveSizes) {
    const value = limits[field]
    if (value !== undefined && !(value >= 1)) refuse(field, value, "a number of 1 or more")
  }
  for (const field of durations) {
    const value = limits[field]
    if (value === undefined) continue
    const duration = Duration.decodeUnknown(value)
    if (duration._tag === "None" || !(Duration.toMillis(duration.value) > 0)) {
      refuse(field, value, 'a duration longer than zero, such as "30 seconds"')
    }
  }
  const { tcpKeepAlive } = limits
  if (tcpKeepAlive !== undefined && !isKeepAlive(tcpKeepAlive)) {
    refuse("tcpKeepAlive", tcpKeepAlive, '"off", or a duration of zero (off) or from 1 second to 32767 seconds')
  }
  for (const field of lists) {
    const value = limits[field]
    if (value !== undefined && !(Array.isArray(value) && value.every((one) => typeof one === "string"))) {
      refuse(field, value, "a list of strings")
    }
  }
}
