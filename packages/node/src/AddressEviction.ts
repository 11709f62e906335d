/**
 * Ends connections to addresses that their host's name has left, so that a pool follows DNS: to the new servers of a
 * deployment, to another region in a failover. Without it a connection stays where it is until `maxLifetime`.
 *
 * @since 0.1.0
 */
import type { ShouldEvict } from "@hotaru/pool/Eviction"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Duration from "effect/Duration"
import { rule } from "./internal/departures.js"

/**
 * How a host's addresses are watched. Everything is optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface DepartedAddressesOptions {
  /**
   * How often a host is looked up, all its connections together; no oftener than the pool asks, which is every
   * `cleanupInterval`. 30 seconds.
   */
  readonly refresh?: Duration.DurationInput | undefined
  /**
   * How many successive look-ups must have missed an address, and agreed with each other on all addresses, before its
   * connections end. 3.
   *
   * Many names answer with a sample of their addresses, another one each time: large load balancers, weighted and
   * multi-value records, storage services. Their answers do not agree, and no connection is lost to them. Three
   * look-ups, half a minute apart, outlast a sample that a cache repeats for the usual minute. With 1 every answer is
   * believed: right where each answer is known to be complete, and fastest there.
   */
  readonly absences?: number | undefined
}

/**
 * A rule for the pool's `shouldEvict`: true for a connection whose address is none of its host's any more.
 *
 * Idle connections to such an address end in the round of the cleanup in which it is noticed, busy ones when they are
 * returned; those to other addresses stay. It asks the resolver of the pool's `NodeConnector`, else the `Resolver` in the
 * context, within the bounds of the look-ups for dials and without taking the last place from them. A look-up that
 * fails, answers nothing, or takes longer than 5 seconds ends no connection. Neither does it concern connections to IP
 * literals, to unix sockets or through proxies.
 *
 * Throws an `InvalidPoolConfig` on options that make no sense.
 *
 * @example
 * ```ts
 * import { AddressEviction, NodePooledHttpClient } from "@hotaru/node"
 *
 * const HttpLive = NodePooledHttpClient.layer({
 *   cleanupInterval: "10 seconds",
 *   shouldEvict: AddressEviction.departedAddresses({ refresh: "10 seconds", absences: 1 })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const departedAddresses = (options: DepartedAddressesOptions = {}): ShouldEvict => {
  Options.check(options, { at: "", names: ["absences", "refresh"] })
  const { absences = 3, refresh = "30 seconds" } = options
  const decoded = Duration.decodeUnknown(refresh)
  const millis = decoded._tag === "None" ? Number.NaN : Duration.toMillis(decoded.value)
  if (!(millis > 0 && Number.isFinite(millis)))
    throw new InvalidPoolConfig({ field: "refresh", value: refresh, expected: "a finite duration above zero" })
  if (!Number.isSafeInteger(absences) || absences < 1)
    throw new InvalidPoolConfig({ field: "absences", value: absences, expected: "a whole number of at least 1" })
  return rule({ refresh: millis, absences })
}
