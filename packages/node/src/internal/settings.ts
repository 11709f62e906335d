/**
 * The connector's options, checked and with defaults filled in.
 *
 * @internal
 */

import * as Net from "node:net"
import * as Options from "@hotaru/pool/Options"
import { InvalidPoolConfig } from "@hotaru/pool/PoolError"
import * as Duration from "effect/Duration"
import type { EgressPolicyShape } from "../EgressPolicy.js"
import type { NodeConnectorOptions } from "../NodeConnector.js"
import type { FamilyPreference } from "./addresses.js"
import type { SocketSettings } from "./attempt.js"
import { isNodeTlsIdentity, make, type NodeTlsIdentity } from "./tlsIdentity.js"

export interface ConnectorSettings {
  readonly identity: NodeTlsIdentity
  readonly settings: SocketSettings
  readonly preference: FamilyPreference
  readonly localAddress: string | undefined
}

const preferences: ReadonlyArray<FamilyPreference> = ["any", "prefer-ipv4", "prefer-ipv6", "ipv4", "ipv6"]

/** What is guarded by what these options say must not be open because a value did not arrive. */
export const known: Options.Known = {
  at: "connector",
  names: ["tls", "localAddress", "family", "noDelay", "keepAlive", "resolver", "egress"],
  guards: ["resolver", "egress"]
}

/** Throws an `InvalidPoolConfig`. */
export const settingsOf = (options: NodeConnectorOptions): ConnectorSettings => {
  Options.check(options, known)
  const { family = "any", localAddress, noDelay = true } = options
  if (!preferences.includes(family)) throw refused("family", family, `one of ${preferences.join(", ")}`)
  if (typeof noDelay !== "boolean") throw refused("noDelay", noDelay, "true or false")
  if (localAddress !== undefined && Net.isIP(localAddress) === 0)
    throw refused("localAddress", localAddress, "an IP address")
  if (options.egress !== undefined && !isPolicy(options.egress))
    throw refused("egress", options.egress, "a policy, as made by EgressPolicy")
  return {
    identity: isNodeTlsIdentity(options.tls) ? options.tls : make(options.tls),
    settings: { noDelay, keepAlive: keepAliveOf(options.keepAlive ?? "60 seconds") },
    preference: family,
    localAddress
  }
}

const isPolicy = (policy: Partial<EgressPolicyShape> | null): boolean =>
  typeof policy === "object" &&
  policy !== null &&
  typeof policy.judge === "function" &&
  typeof policy.label === "string"

/** The system counts in whole seconds, and takes less than one for "never". */
const keepAliveOf = (keepAlive: Duration.DurationInput | false): number | undefined => {
  if (keepAlive === false) return undefined
  const decoded = Duration.decodeUnknown(keepAlive)
  const millis = decoded._tag === "None" ? Number.NaN : Duration.toMillis(decoded.value)
  if (millis >= 1000 && millis <= 32_767_000) return millis
  throw refused("keepAlive", keepAlive, "false, or a duration from 1 second to 32767 seconds")
}

const refused = (field: string, value: unknown, expected: string) =>
  new InvalidPoolConfig({ field: `connector.${field}`, value, expected })
