/**
 * What can go wrong between asking for a connection and having one. Messages carry the numbers.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { ConnectionKey } from "./ConnectionKey.js"

/**
 * A host's numbers at one moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolNumbers {
  /** Connections on lease. */
  readonly active: number
  /** Leases that may last for ever by their holders' word, an open stream's say: each holds a connection. */
  readonly streaming: number
  /** Milliseconds for which the oldest of them has been streaming; 0 if none is. */
  readonly longestStream: number
  /** Connections waiting for work. */
  readonly idle: number
  /** Dials under way. */
  readonly opening: number
  /** Requests in line. */
  readonly waiting: number
  /** The most connections the host may have. */
  readonly limit: number
  /** The limit that is used up by connections which are open, if one is: raising it would help. */
  readonly limiting: "maxConnectionsPerHost" | "maxConnections" | undefined
  /** Whether the pool is suspended, so that nobody is served. */
  readonly suspended: boolean
}

const numbers = (n: PoolNumbers): string =>
  `${n.active} active${streams(n)}, ${n.idle} idle, ${n.opening} opening, ${n.waiting} waiting, limit ${n.limit}` +
  (n.suspended ? ", and the pool is suspended" : "")

const streams = ({ longestStream, streaming }: PoolNumbers): string => {
  if (streaming === 0) return ""
  return streaming === 1
    ? ` (1 of them has been streaming for ${longestStream} ms)`
    : ` (${streaming} of them have been streaming, the longest for ${longestStream} ms)`
}

/** What to do where open streams use a limit up. */
const advice = ({ limiting, streaming }: PoolNumbers): string =>
  limiting === undefined || streaming === 0
    ? ""
    : `; an open stream holds its connection until it ends: raise ${limiting} by as many as are to stay open`

/**
 * A URL or a host that cannot be dialled. `url` never carries user info.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidUrl extends Data.TaggedError("InvalidUrl")<{ readonly url: string; readonly problem: string }> {
  override get message(): string {
    return `Invalid URL ${JSON.stringify(this.url)}: ${this.problem}`
  }
}

/**
 * Where a dial failed. `before-use`: it was open, and died before it carried anything.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectPhase = "dns" | "tcp" | "proxy" | "tls" | "before-use"

/**
 * An address, or a unix socket, that an egress policy did not let be dialled.
 *
 * @since 0.1.0
 * @category models
 */
export interface EgressDenial {
  /** An IP literal without brackets, or a socket path. */
  readonly address: string
  /** What denied it, in words. */
  readonly rule: string
  /** Why the policy gave no verdict, if it gave none; that denies too. */
  readonly cause?: unknown
}

/**
 * A dial failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  readonly key: ConnectionKey
  readonly phase: ConnectPhase
  /** The system's or the library's code, such as `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`. */
  readonly code?: string | undefined
  /** The address that was dialled, where one was. */
  readonly address?: string | undefined
  /** What happened, without the host. */
  readonly detail: string
  /**
   * Whether the failure is our own (out of descriptors or ports, denied by a policy, aborted) and says nothing about
   * the peer.
   */
  readonly local: boolean
  /** Addresses that were not dialled, because a policy denied them; it is the others that failed. */
  readonly denials?: ReadonlyArray<EgressDenial> | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const at = this.address === undefined ? "" : ` at ${this.address}`
    return `Could not connect to ${this.key}${at} (${this.phase}): ${this.detail}`
  }
}

/**
 * A dial took longer than `connectionTimeout`: name look-up, TCP and TLS together.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectTimeout extends Data.TaggedError("ConnectTimeout")<{
  readonly key: ConnectionKey
  /** Milliseconds allowed. */
  readonly timeout: number
  /** What the time passed with, where the connector says so. */
  readonly phase?: ConnectPhase | undefined
  /** What the dial was waiting for, without the host. */
  readonly detail?: string | undefined
}> {
  override get message(): string {
    const phase = this.phase === undefined ? "" : ` (${this.phase})`
    const detail = this.detail === undefined ? "" : `: ${this.detail}`
    return `Could not connect to ${this.key} within ${this.timeout} ms (connectionTimeout)${phase}${detail}`
  }
}

/**
 * An egress policy denied every address that the host has. Nothing was dialled, it says nothing about the peer, and
 * asking again cannot help.
 *
 * @since 0.1.0
 * @category errors
 */
export class EgressDenied extends Data.TaggedError("EgressDenied")<{
  readonly key: ConnectionKey
  /** The policy's label. */
  readonly policy: string
  /** Every address that was denied; at least one. */
  readonly denials: readonly [EgressDenial, ...ReadonlyArray<EgressDenial>]
}> {
  readonly fault = "policy"
  readonly local = true
  readonly host: string = this.key.host
  readonly port: number = this.key.port
  /** The first that was denied: an IP literal without brackets, or a socket path. */
  readonly address: string = this.denials[0].address
  /** What denied it. */
  readonly rule: string = this.denials[0].rule

  override get message(): string {
    const shown = this.denials.slice(0, 3).map(({ address, rule }) => `${address} (${rule})`)
    const more = this.denials.length > shown.length ? ` and ${this.denials.length - shown.length} more` : ""
    return `The egress policy "${this.policy}" denies ${this.key}: ${shown.join(", ")}${more}`
  }
}

/**
 * Why a dial opened no connection.
 *
 * @since 0.1.0
 * @category errors
 */
export type DialError = ConnectError | ConnectTimeout | EgressDenied

/**
 * No connection became free within `acquireTimeout`.
 *
 * @since 0.1.0
 * @category errors
 */
export class AcquireTimeout extends Data.TaggedError("AcquireTimeout")<{
  readonly key: ConnectionKey
  /** Milliseconds waited. */
  readonly waited: number
  readonly numbers: PoolNumbers
  /** The host's last failed dial, if its last dial failed. */
  readonly lastFailure?: DialError | undefined
}> {
  override get message(): string {
    const last = this.lastFailure === undefined ? "" : `; the last dial failed: ${this.lastFailure.message}`
    return `No connection to ${this.key} became free within ${this.waited} ms (acquireTimeout): ${numbers(this.numbers)}${advice(this.numbers)}${last}`
  }
}

/**
 * `maxPendingPerHost` requests are waiting already for which there is no place, free or being opened.
 *
 * @since 0.1.0
 * @category errors
 */
export class PendingLimitReached extends Data.TaggedError("PendingLimitReached")<{
  readonly key: ConnectionKey
  /** The limit. */
  readonly maxPending: number
  /** Requests that wait beside them, and for which there is a place: free, or being opened. */
  readonly placed: number
  readonly numbers: PoolNumbers
}> {
  override get message(): string {
    const waiting = this.maxPending === 1 ? "1 request is already" : `${this.maxPending} requests are already`
    const beside = this.placed === 0 ? "" : `, and ${this.placed} more for which there is a place`
    return (
      `${waiting} waiting for a connection to ${this.key} (maxPendingPerHost)${beside}: ` +
      `${numbers(this.numbers)}${advice(this.numbers)}`
    )
  }
}

/**
 * The pool takes no new requests, because it is draining or closed; or its drain was over before a request in line was
 * served, or before a lease came back.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{
  readonly key: ConnectionKey
  /** What the end of the drain met: a request in line, or a lease. Absent: the pool took no new requests. */
  readonly during?: "line" | "lease" | undefined
  /** Milliseconds: the drain's time limit, which was over. */
  readonly drainTimeout?: number | undefined
  /** Milliseconds that the request had been in line. */
  readonly waited?: number | undefined
}> {
  /** Whether nothing can have been sent: true of all but a lease. */
  get safeToRetry(): boolean {
    return this.during !== "lease"
  }

  override get message(): string {
    const limit = `when the drain's time was over (drainTimeout, ${this.drainTimeout} ms)`
    switch (this.during) {
      case "line":
        return `The pool closed with a request for ${this.key} in line, ${limit}: it had waited for ${this.waited} ms. Nothing of it was sent.`
      case "lease":
        return `The pool closed a connection to ${this.key} that was still on lease ${limit}`
      default:
        return (
          `The pool is closed; a connection to ${this.key} was asked for. Nothing was sent. ` +
          `Provide the pool's layer around everything that uses it, or keep it in a ManagedRuntime.`
        )
    }
  }
}

/**
 * The pool has closed a connection while it was on lease: the time of its host's drain was over, or another of the
 * leases that it carried at once had broken it. Its holder is told by the receiver's `onError`.
 *
 * @since 0.1.0
 * @category errors
 */
export class LeaseRevoked extends Data.TaggedError("LeaseRevoked")<{
  readonly key: ConnectionKey
  /** For example `DrainTimeout`. */
  readonly reason: string
  /** Milliseconds the drain waited for it, if it was a drain. */
  readonly drainTimeout?: number | undefined
}> {
  override get message(): string {
    const after = this.drainTimeout === undefined ? "" : ` after ${this.drainTimeout} ms`
    return `The pool closed a connection to ${this.key} that was still on lease${after} (${this.reason})`
  }
}

/**
 * A layer was given options that make no sense. A defect: it fails the build of the layer, naming field and value.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPoolConfig extends Data.TaggedError("InvalidPoolConfig")<{
  readonly field: string
  readonly value: unknown
  readonly expected: string
  /** Whether there is no option of that name; `expected` says then which name was probably meant. */
  readonly unknown?: boolean | undefined
}> {
  override get message(): string {
    if (this.unknown === true) return `Invalid pool configuration: unknown option ${this.field}; ${this.expected}`
    return `Invalid pool configuration: ${this.field} must be ${this.expected}, not ${String(this.value)}`
  }
}

/**
 * Why a lease could not be had.
 *
 * @since 0.1.0
 * @category errors
 */
export type AcquireError = DialError | AcquireTimeout | PendingLimitReached | PoolClosed
