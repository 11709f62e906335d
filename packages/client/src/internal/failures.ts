/**
 * What went wrong in an exchange, as an error of ours.
 *
 * @internal
 */
import type { Http1Error } from "@hotaru/http1/Http1Error"
import type { EndKind } from "@hotaru/pool/Connection"
import type { Lease } from "@hotaru/pool/Lease"
import { ConnectError, LeaseRevoked, PoolClosed } from "@hotaru/pool/PoolError"
import * as Duration from "effect/Duration"
import * as ExchangeError from "../ExchangeError.js"
import { sampleOf } from "./impostors.js"

type Progress = ExchangeError.Progress
type Refusal = ExchangeError.RetryRefusal | undefined

/** The system's word for what happened, without the address it adds. */
export const describe = (cause: unknown): string => {
  if (typeof cause !== "object" || cause === null) return String(cause)
  if ("code" in cause && typeof cause.code === "string") return cause.code
  return "message" in cause && typeof cause.message === "string" ? cause.message : String(cause)
}

/** How the input of a connection came to its end before the answer was complete. */
export interface Ending {
  readonly kind: EndKind
  readonly detail: string
  readonly cause: unknown
}

const breakage = (
  progress: Progress,
  { cause, detail, kind }: Ending,
  retryRefused: Refusal
): ExchangeError.Breakage => ({
  ...progress,
  fault: kind === "fin" ? "peer" : "network",
  detail,
  ...(retryRefused === undefined ? {} : { retryRefused }),
  ...(cause === undefined ? {} : { cause })
})

export const broken = (
  progress: Progress,
  during: "head" | "body",
  ending: Ending,
  { idle, reused }: Lease,
  retryRefused?: Refusal
): ExchangeError.ConnectionBroken =>
  new ExchangeError.ConnectionBroken({
    ...breakage(progress, ending, retryRefused),
    during,
    ...(reused ? { idle: Duration.toMillis(idle) } : {})
  })

/**
 * The same of a connection that had never answered anybody. A connector that knows better (a TLS peer that refuses our
 * certificate after the handshake) is believed, and where the pool has closed the connection the peer has not.
 */
export const neverUsed = (
  progress: Progress,
  ending: Ending,
  lease: Lease,
  retryRefused?: Refusal
): ExchangeError.ConnectionBroken | ExchangeError.ClosedBeforeUse | ConnectError => {
  const { cause } = ending
  if (cause instanceof ConnectError) return cause
  if (cause instanceof LeaseRevoked || cause instanceof PoolClosed) {
    return broken(progress, "head", ending, lease, retryRefused)
  }
  const { tls } = lease.connection.facts
  return new ExchangeError.ClosedBeforeUse({
    ...breakage(progress, ending, retryRefused),
    overTls: tls !== undefined,
    clientCertificate: tls?.clientCertificate
  })
}

/** Bytes came on a new connection before a request was written. */
export const unasked = (progress: Progress, bytes: Uint8Array): ExchangeError.MalformedResponse =>
  new ExchangeError.MalformedResponse({
    ...progress,
    fault: "peer",
    kind: "UnexpectedBytes",
    problem: "the peer sent bytes before it was sent a request",
    section: "RFC 9112 section 9.2",
    sample: sampleOf(bytes)
  })

/** Kinds that say that the peer speaks no HTTP at all. */
const foreign: ReadonlySet<Http1Error["kind"]> = new Set(["MalformedStatusLine", "UnsupportedVersion"])

/** @param sample how the input of the connection began, if this is its first answer. */
export const malformed = (
  progress: Progress,
  error: Http1Error,
  sample: string | undefined
): ExchangeError.MalformedResponse | ExchangeError.LimitExceeded =>
  error.kind === "LimitExceeded" && error.limit !== undefined
    ? new ExchangeError.LimitExceeded({
        ...progress,
        safeToRetry: false,
        fault: "peer",
        limit: error.limit.name,
        value: error.limit.value
      })
    : new ExchangeError.MalformedResponse({
        ...progress,
        fault: "peer",
        kind: error.kind,
        problem: error.problem,
        section: error.section,
        ...(sample !== undefined && foreign.has(error.kind) ? { sample } : {})
      })

export const tunnel = (progress: Progress): ExchangeError.MalformedResponse =>
  new ExchangeError.MalformedResponse({
    ...progress,
    fault: "peer",
    kind: "UnexpectedUpgrade",
    problem: "the peer switched to another protocol, which nobody had asked for"
  })

export const timeout = (
  progress: Progress,
  limit: ExchangeError.ExchangeTimeout["limit"],
  millis: number
): ExchangeError.ExchangeTimeout =>
  new ExchangeError.ExchangeTimeout({ ...progress, fault: "peer", limit, timeout: millis })

export const aborted = (progress: Progress): ExchangeError.ExchangeAborted =>
  new ExchangeError.ExchangeAborted({ ...progress, fault: "caller" })

/** @param actual what was announced or had come. */
export const over = (progress: Progress, limit: string, value: number, actual: number): ExchangeError.LimitExceeded =>
  new ExchangeError.LimitExceeded({ ...progress, safeToRetry: false, fault: "peer", limit, value, actual })

export const encoded = (
  progress: Progress,
  encodings: ReadonlyArray<string>,
  accepted: string | undefined
): ExchangeError.BodyEncoded =>
  new ExchangeError.BodyEncoded({ ...progress, safeToRetry: false, fault: "peer", encodings, accepted })

export const consumed = (progress: Progress): ExchangeError.BodyAlreadyConsumed =>
  new ExchangeError.BodyAlreadyConsumed({ ...progress, safeToRetry: false, fault: "caller" })

export const abandoned = (progress: Progress, reason: string): ExchangeError.BodyAbandoned =>
  new ExchangeError.BodyAbandoned({ ...progress, fault: "caller", reason })
