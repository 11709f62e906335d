/**
 * What the pool keeps for one host.
 *
 * @since 0.1.0
 */
import type { ConnectionKey } from "./ConnectionKey.js"

/**
 * One host's connections, dials and line. The record behind it is changed by nothing but the pool's decision core; it
 * exists while the host has a connection, a dial or a request in line, and is forgotten with the last of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface PerHostPool {
  readonly key: ConnectionKey
  /** Connections waiting for work. */
  readonly idle: number
  /** Connections on lease. */
  readonly active: number
  /** Dials under way. */
  readonly opening: number
  /** Requests in line. */
  readonly waiting: number
}
