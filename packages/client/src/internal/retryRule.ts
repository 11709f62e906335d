/**
 * Whether a request whose connection turned out to be dead is sent again: once, on a connection opened from now on, if
 * its connection was reused, nothing of an answer has come, and it cannot be carried out twice that way. That is Go's
 * rule; RFC 9110 section 9.2.2 and RFC 9112 section 9.3.1 allow it.
 *
 * @internal
 */
import type { Head } from "@hotaru/http1/Http1Event"
import * as Lease from "@hotaru/pool/Lease"
import type * as ExchangeError from "../ExchangeError.js"
import * as Failures from "./failures.js"
import type { ReaderHost } from "./readerContract.js"
import type { Plan } from "./requestHead.js"
import * as Rules from "./rules.js"

/** How far the answer on a lease has come. */
export interface Received {
  /** Whether any byte of it has come, an interim answer's included. */
  readonly started: boolean
  /** What follows the final head. */
  readonly body: object | undefined
}

/** The input of the connection came to its end before the answer did. */
export const onBroken = (host: ReaderHost, received: Received, lease: Lease.Lease, ending: Failures.Ending): void => {
  const progress = host.progress()
  if (received.body !== undefined) return host.fail(Failures.broken(progress, "body", ending, lease))
  let refusal: ExchangeError.RetryRefusal | undefined
  if (!received.started && host.mayRetry && progress.safeToRetry) {
    refusal = host.refuseRetry(ending.detail)
    if (refusal === undefined) {
      return host.retry(Failures.broken(progress, "head", ending, lease), Lease.Broken("Stale"), ending.detail)
    }
  }
  const neverUsed = !received.started && lease.requestCount === 0
  host.fail(
    neverUsed
      ? Failures.neverUsed(progress, ending, lease, refusal)
      : Failures.broken(progress, "head", ending, lease, refusal)
  )
}

/**
 * A head has come, the first of an answer. Answers true if it says that the peer had given up waiting for a request
 * (RFC 9110 section 15.5.9): it crossed ours on the way, which is sent again.
 */
export const onGivenUp = (host: ReaderHost, plan: Plan, head: Head, lease: Lease.Lease): boolean => {
  if (head.status !== 408 || !host.mayRetry || !plan.repeatable || !Rules.saysClose(head)) return false
  const detail = "the peer had given up waiting (408)"
  if (host.refuseRetry(detail) !== undefined) return false
  const error = Failures.broken(host.progress(), "head", { kind: "fin", detail, cause: undefined }, lease)
  host.retry(error, Lease.Spent("RequestTimeout"), detail)
  return true
}
