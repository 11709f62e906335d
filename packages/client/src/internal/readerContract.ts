/**
 * What passes between an exchange and its receiving half.
 *
 * @internal
 */
import type { Head } from "@hotaru/http1/Http1Event"
import type { AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { Deadlines } from "@hotaru/pool/Deadlines"
import type * as Lease from "@hotaru/pool/Lease"
import type { AcquireError } from "@hotaru/pool/PoolError"
import type * as ExchangeError from "../ExchangeError.js"
import type { ResponseBody } from "./responseBody.js"

export type Failure = ExchangeError.ExchangeError | AcquireError

/** What an exchange ends its first half with: the head of the answer, and the body behind it. */
export interface Answer {
  readonly head: Head
  readonly body: ResponseBody
  readonly lease: Lease.Lease
  /** Why the answer is not handed out, if it is not. */
  readonly refused: ExchangeError.ExchangeError | undefined
}

/** What the receiving half asks of its exchange. */
export interface ReaderHost {
  readonly deadlines: Deadlines
  readonly contexts: AsyncContextsShape
  progress(): ExchangeError.Progress
  /** Whether the connection was reused, this request was not sent again yet, and somebody waits for its answer. */
  readonly mayRetry: boolean
  /** Asked last, of a request that is sent again unless the pool objects: why it is not. */
  refuseRetry(reason: string): ExchangeError.RetryRefusal | undefined
  /** @param reason why, in the words of a trace. */
  retry(error: ExchangeError.ExchangeError, settlement: Lease.Settlement, reason: string): void
  /** The peer does not know `expect`: the request is made again without. */
  dropExpectation(settlement: Lease.Settlement): void
  answered(answer: Answer): void
  settle(settlement: Lease.Settlement): void
  fail(error: Failure): void
}

/** Told when a request whose connection was dead is sent again, or would be if the pool did not refuse. */
export interface RetryTrace {
  retried(connectionId: number, reason: string): void
  refused(connectionId: number, reason: string, refusal: ExchangeError.RetryRefusal): void
}
