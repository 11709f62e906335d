/**
 * How far an exchange got, as each of its errors says.
 *
 * @internal
 */

/** Whose doing it is: what the caller passed or asked for, what the peer sent, or what happened in between. */
export type Fault = "caller" | "peer" | "network"

/** How far an exchange got. */
export interface Progress {
  /** Whether the connection came from the idle list or straight from another request. */
  readonly reusedConnection: boolean
  /** Bytes of the request given to the connection. */
  readonly bytesWritten: number
  /** Whether any byte of an answer had come. */
  readonly responseStarted: boolean
  /**
   * Whether the request can be sent again without being carried out twice: nothing of it was written, or its method is
   * safe to repeat (GET, HEAD, OPTIONS, TRACE, or an `Idempotency-Key`) and so is its body.
   */
  readonly safeToRetry: boolean
}

/** The progress of a request of which nothing was sent. */
export const nothingSent: Progress = {
  reusedConnection: false,
  bytesWritten: 0,
  responseStarted: false,
  // Sending it again is safe and pointless: whatever was wrong with it is still wrong.
  safeToRetry: false
}

/** Why a request that may be sent again was not. */
export type RetryRefusal = "RetryBudget" | "PoolClosing"

/** What is known of a connection that ended before its answer was complete. */
export interface Breakage extends Progress {
  readonly fault: "peer" | "network"
  /** How it ended. */
  readonly detail: string
  /** Set if the request might have been sent again: why it was not. */
  readonly retryRefused?: RetryRefusal | undefined
  readonly cause?: unknown
}

/** The end of a message that says so. */
export const notSentAgain = (refused: RetryRefusal | undefined): string => {
  if (refused === undefined) return ""
  return refused === "RetryBudget"
    ? "; not sent again, because the host's retry budget is used up (retryBudgetPerHost)"
    : "; not sent again, because the pool is closing"
}
