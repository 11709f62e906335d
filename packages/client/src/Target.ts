/**
 * Where a call's connections go to and come from, beyond what its URL says.
 *
 * @since 0.1.0
 */
import type { TlsIdentity } from "@hotaru/pool/ConnectionKey"
import * as Context from "effect/Context"

/**
 * Make a target once and keep it: its connections are found by the parts' identity.
 *
 * @since 0.1.0
 * @category models
 */
export interface Target {
  /** The certificates, keys and trusted roots to use, as the connector's package makes them. */
  readonly tls?: TlsIdentity | undefined
  /** A unix socket to dial in place of the URL's host and port. */
  readonly socketPath?: string | undefined
  /** The local address to dial from. */
  readonly localAddress?: string | undefined
}

/**
 * The target in force. The default leaves everything to the URL and the connector.
 *
 * @since 0.1.0
 * @category references
 */
export const Target: Context.Reference<Target, Target> = Context.Reference<Target>()("@hotaru/client/Target", {
  defaultValue: (): Target => none
})

const none: Target = {}
