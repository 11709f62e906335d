/**
 * One request and its answer: a state machine driven by callbacks, so that a small request costs its fiber one
 * suspension. It is the request in the pool's line and the receiver of its connection; a `Sender` and a `Reader` do the
 * two halves of the work, anew for each lease.
 *
 * The rule that everything here obeys: once the lease is settled, its connection is somebody else's.
 *
 * @internal
 */
import type { AsyncContext, AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { EndKind, Receiver } from "@hotaru/pool/Connection"
import type { UnsafePool } from "@hotaru/pool/ConnectionPool"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import * as Lease from "@hotaru/pool/Lease"
import type { AcquireError } from "@hotaru/pool/PoolError"
import * as Exit from "effect/Exit"
import type * as Runtime from "effect/Runtime"
import type { AnySpan } from "effect/Tracer"
import type * as ExchangeError from "../ExchangeError.js"
import * as Failures from "./failures.js"
import { Reader } from "./reader.js"
import type { Answer, Failure, ReaderHost, RetryTrace } from "./readerContract.js"
import { onConnection, type Plan, reencode } from "./requestHead.js"
import { Sender, type SenderHost } from "./sender.js"

/**
 * - `Queued`: in the pool's line.
 * - `Resting`: holds a lease on which nothing may be written before the event loop has polled.
 * - `Exchanging`: the request is out, or on its way; the answer comes.
 * - `Settled`: the lease has ended, or there never was one.
 */
type Stage = "Queued" | "Resting" | "Exchanging" | "Settled"

const scopeClosed = "its scope has closed"

export class Exchange implements Lease.LeaseRequest, Receiver, SenderHost, ReaderHost {
  /** The caller's: what is the caller's runs in it, whoever's callback it comes from. */
  readonly context: AsyncContext
  private stage: Stage = "Queued"
  private resume: ((result: Exit.Exit<Answer, Failure>) => void) | undefined = undefined
  private pending: Lease.PendingLease | undefined = undefined
  /** The latest lease, also when it has ended; `stage` says whether its connection may be touched. */
  private lease: Lease.Lease | undefined = undefined
  private sender: Sender | undefined = undefined
  private reader: Reader | undefined = undefined
  private retriedAfter: ExchangeError.ExchangeError | undefined = undefined
  private writtenBefore = 0
  private written = 0
  private requestTimer: Deadline | undefined = undefined
  private onScopeClosed: (() => void) | undefined = undefined

  constructor(
    private readonly pool: UnsafePool,
    private plan: Plan,
    /** What the stream of the request's body runs with, if it has one. */
    private readonly runtime: Runtime.Runtime<never> | undefined,
    /** Aborts when the scope closes in which the request is executed, if it is in one. */
    private readonly scope: AbortSignal | undefined,
    /** The span that the request is part of, if any. */
    private readonly span: AnySpan | undefined,
    private readonly trace: RetryTrace | undefined
  ) {
    this.context = pool.contexts.capture()
  }

  get contexts(): AsyncContextsShape {
    return this.pool.contexts
  }

  get deadlines(): Deadlines {
    return this.pool.deadlines
  }

  /** Its limits in time end its lease, until the reader or the sender says that it may last. */
  get bounded(): boolean {
    return true
  }

  start(resume: (result: Exit.Exit<Answer, Failure>) => void): void {
    this.resume = resume
    // The fiber may have yielded since the scope was looked for.
    if (this.scope?.aborted === true) return this.abort(scopeClosed)
    const { requestTimeout } = this.plan.limits
    if (requestTimeout !== Infinity) {
      this.requestTimer = this.deadlines.set(requestTimeout, () => this.onRequestTimeout(requestTimeout))
    }
    if (this.scope !== undefined) {
      this.onScopeClosed = () => this.abort(scopeClosed)
      this.scope.addEventListener("abort", this.onScopeClosed)
    }
    this.request()
  }

  /** Nobody waits for the answer any more. */
  interrupt(): void {
    this.resume = undefined
    const body = this.reader?.body
    if (body !== undefined) return body.abandon("its request was interrupted", true)
    this.end(this.brokenBy("Interrupted", false))
  }

  /** Nobody will read the answer. */
  abort(reason: string): void {
    const body = this.reader?.body
    if (body !== undefined) return body.abandon(reason, false)
    this.fail(Failures.aborted(this.progress()))
  }

  // --- the request in line ---

  onLease(lease: Lease.Lease): void {
    const { connection } = lease
    this.lease = lease
    this.writtenBefore = connection.bytesWritten
    connection.receiver = this
    // What has reached this machine is seen first: the peer's end, or bytes that would pass for the answer. A new
    // connection is no exception (RFC 9112 section 9.2).
    this.stage = "Resting"
    connection.onTurn(() => {
      if (this.stage === "Resting" && this.lease === lease) this.send(lease)
    })
  }

  onRefused(error: AcquireError): void {
    // A retry that the pool refuses at the end of its drain leaves what it was to mend.
    this.fail(error._tag === "PoolClosed" ? (this.retriedAfter ?? error) : error)
  }

  /** Without the query, which may hold secrets. */
  describe(): string {
    const { path, request } = this.plan.destination
    const query = path.indexOf("?")
    return `${request.method} ${query === -1 ? path : path.slice(0, query)}`
  }

  // --- the receiver ---

  onBytes(bytes: Uint8Array): void {
    if (!this.holdsLease) return
    this.lease!.heard()
    if (this.stage === "Exchanging") this.reader!.onBytes(bytes)
    else this.replace("UnexpectedBytes", (progress) => Failures.unasked(progress, bytes))
  }

  onEnd(kind: EndKind): void {
    const [reason, detail] = kind === "fin" ? ["PeerClosed", "the peer closed it"] : ["PeerReset", "the peer reset it"]
    this.onInputEnded(reason, { kind, detail, cause: undefined })
  }

  onError(cause: unknown): void {
    this.onInputEnded("SocketError", { kind: "reset", detail: Failures.describe(cause), cause })
  }

  onDrain(): void {
    if (this.stage === "Exchanging") this.sender!.onDrain()
  }

  onWriteError(cause: unknown): void {
    if (this.stage !== "Exchanging") return this.onError(cause)
    this.sender!.stop()
    this.reader!.onWriteError(cause)
  }

  // --- the host of both halves ---

  progress(): ExchangeError.Progress {
    const bytesWritten = this.holdsLease ? this.lease!.connection.bytesWritten - this.writtenBefore : this.written
    return {
      reusedConnection: this.lease?.reused ?? false,
      bytesWritten,
      responseStarted: this.reader?.started ?? false,
      safeToRetry: this.plan.repeatable || bytesWritten === 0
    }
  }

  get mayRetry(): boolean {
    return this.lease!.reused && this.retriedAfter === undefined && this.resume !== undefined
  }

  onSent(): void {
    this.reader!.onSent()
  }

  onSendFailed(error: ExchangeError.ExchangeError): void {
    this.fail(error)
  }

  answered(answer: Answer): void {
    const resume = this.resume
    this.resume = undefined
    if (resume !== undefined) this.context.run(resume, Exit.succeed(answer))
  }

  refuseRetry(reason: string): ExchangeError.RetryRefusal | undefined {
    const lease = this.lease!
    if (lease.allowRetry()) return undefined
    const refusal = this.pool.isClosed() ? "PoolClosing" : "RetryBudget"
    if (this.trace !== undefined)
      this.context.run((trace) => trace.refused(lease.connection.id, reason, refusal), this.trace)
    return refusal
  }

  /** Once, on a connection opened from now on, keeping place and deadline. */
  retry(error: ExchangeError.ExchangeError, settlement: Lease.Settlement, reason: string): void {
    this.retriedAfter = error
    const { id } = this.lease!.connection
    if (this.trace !== undefined) this.context.run((trace) => trace.retried(id, reason), this.trace)
    const replaces = this.release(settlement)
    this.request(replaces, true)
  }

  dropExpectation(settlement: Lease.Settlement): void {
    this.plan = reencode(this.plan, { expect: false })
    const replaces = this.release(settlement)
    this.request(replaces)
  }

  fail(error: Failure): void {
    const reader = this.reader
    if (reader?.failBody(error) === true) {
      this.end(Lease.Broken(error._tag))
      return reader.deliver()
    }
    const resume = this.resume
    this.resume = undefined
    this.end(this.brokenBy(error._tag, error._tag === "ExchangeTimeout" && error.limit === "headersTimeout"))
    if (resume !== undefined) this.context.run(resume, Exit.fail(error))
  }

  /** The exchange ends, and its lease with it. */
  settle(settlement: Lease.Settlement): void {
    if (!this.holdsLease) return
    this.release(settlement)
    this.close()
  }

  // --- inside ---

  private get holdsLease(): boolean {
    return this.stage === "Resting" || this.stage === "Exchanging"
  }

  private request(replaces?: Lease.Lease, fresh?: boolean): void {
    this.stage = "Queued"
    this.sender = undefined
    this.reader = undefined
    this.written = 0
    const { span } = this
    const timeout = this.plan.limits.acquireTimeout
    const plain = replaces === undefined && span === undefined && timeout === undefined
    const options = plain ? undefined : { replaces, fresh, timeout, span }
    this.pending = this.pool.request(this.plan.destination.origin.key, this, options)
  }

  private send(lease: Lease.Lease): void {
    const { connection } = lease
    if (!connection.isOpen) return this.onEnd("fin")
    const last = lease.requestCount + 1 >= this.plan.destination.origin.maxRequestsPerConnection
    const plan = onConnection(this.plan, last)
    this.stage = "Exchanging"
    const { tcpKeepAlive } = plan.limits
    if (tcpKeepAlive !== undefined) connection.keepAlive?.(tcpKeepAlive)
    const sender = new Sender(this, plan, connection, this.runtime)
    this.sender = sender
    this.reader = new Reader(this, plan, lease, sender)
    sender.begin()
  }

  private onInputEnded(reason: string, ending: Failures.Ending): void {
    if (this.stage === "Exchanging") this.reader!.onInputEnded(ending.kind, ending.detail, ending.cause)
    else if (this.stage === "Resting")
      this.replace(reason, (progress) => Failures.neverUsed(progress, ending, this.lease!))
  }

  /**
   * The connection turned out to be unfit before anything was written on it. Another in its place is no retry; but there
   * would be no end of them where new ones are unfit.
   */
  private replace(reason: string, failure: (progress: ExchangeError.Progress) => Failure): void {
    const error = this.lease!.reused ? undefined : failure(this.progress())
    const replaces = this.release(Lease.Broken(reason))
    if (error === undefined) this.request(replaces)
    else this.fail(error)
  }

  /** Ends whatever there is to end. A connection on which nothing was written is as it was. */
  private end(settlement: Lease.Settlement): void {
    if (this.holdsLease) return this.settle(this.stage === "Resting" ? Lease.Reusable() : settlement)
    if (this.stage === "Queued") this.pending?.cancel()
    this.stage = "Settled"
    this.close()
  }

  /** Nothing of the request is left to do. */
  private close(): void {
    this.requestTimer?.clear()
    if (this.onScopeClosed !== undefined) this.scope!.removeEventListener("abort", this.onScopeClosed)
    const { body } = this.plan
    if (body._tag === "Stream" && body.discard !== undefined)
      this.contexts.root.run((discard) => this.context.run(discard, undefined), body.discard)
  }

  /** How a lease ends that was given up: on a peer that may have fallen silent, or on one that was merely slow. */
  private brokenBy(reason: string, timedOut: boolean): Lease.Settlement {
    const silent = this.stage === "Exchanging" && this.lease!.connection.isOpen && this.reader!.isSilent(timedOut)
    return silent ? Lease.Broken(reason, { silent }) : Lease.Broken(reason)
  }

  /** Ends the lease. From here on its connection is somebody else's. */
  private release(settlement: Lease.Settlement): Lease.Lease {
    const lease = this.lease!
    this.written = lease.connection.bytesWritten - this.writtenBefore
    this.sender?.stop()
    this.reader?.stop()
    if (this.plan.limits.tcpKeepAlive !== undefined) lease.connection.keepAlive?.(undefined)
    this.stage = "Settled"
    lease.settle(settlement)
    return lease
  }

  private onRequestTimeout(millis: number): void {
    // Not the reader's turn: an exchange that is made again on another connection meanwhile is as late.
    const expire = () => {
      if (this.stage !== "Settled") this.fail(Failures.timeout(this.progress(), "requestTimeout", millis))
    }
    if (this.stage === "Exchanging") this.lease!.connection.onTurn(expire)
    else expire()
  }
}
