/**
 * What went wrong in an exchange, as an error of ours.
 *
 * @internal
 */
import type { Http1Error } from "@hotaru/http1/Http1Error"
import { ConnectError } from "@hotaru/pool/PoolError"
import * as ExchangeError from "../ExchangeError.js"

type Progress = ExchangeError.Progress

/** The system's word for what happened, without the address it adds. */
export const describe = (cause: unknown): string => {
  if (typeof cause !== "object" || cause === null) return String(cause)
  if ("code" in cause && typeof cause.code === "string") return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}

export const broken = (
  progress: Progress,
  during: "head" | "body",
  detail: string,
  cause?: unknown
): ExchangeError.ConnectionBroken =>
  new ExchangeError.ConnectionBroken({
    ...progress,
    fault: "network",
    during,
    detail,
    ...(cause === undefined ? {} : { cause })
  })

/** A connector that knows better (a TLS peer that refuses our certificate after the handshake) is believed. */
export const preferConnectError = (
  error: ExchangeError.ConnectionBroken,
  cause: unknown
): ExchangeError.ConnectionBroken | ConnectError =>
  cause instanceof ConnectError && error.during === "head" && !error.responseStarted ? cause : error

export const malformed = (
  progress: Progress,
  error: Http1Error
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
        section: error.section
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
