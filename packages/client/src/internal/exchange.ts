/**
 * One request and its answer on one lease: a state machine driven by callbacks, so that a small request costs its
 * fiber one suspension. It is the request in the pool's line, the receiver of its connection, and the source of its
 * body.
 *
 * The rule that everything here obeys: once the lease is settled, its connection is somebody else's.
 *
 * @internal
 */
import type { Head, Http1Event } from "@hotaru/http1/Http1Event"
import type { KeepAlive } from "@hotaru/http1/KeepAlive"
import type { ResponseDecoder } from "@hotaru/http1/ResponseDecoder"
import type { EndKind, Receiver } from "@hotaru/pool/Connection"
import type { UnsafePool } from "@hotaru/pool/ConnectionPool"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import * as Lease from "@hotaru/pool/Lease"
import type { AcquireError } from "@hotaru/pool/PoolError"
import * as Exit from "effect/Exit"
import type * as Runtime from "effect/Runtime"
import type * as ExchangeError from "../ExchangeError.js"
import * as Decoders from "./decoders.js"
import * as Failures from "./failures.js"
import { type Plan, reencode } from "./requestHead.js"
import { type BodySource, ResponseBody } from "./responseBody.js"
import * as Rules from "./rules.js"
import { Sender, type SenderHost } from "./sender.js"

/** What an exchange ends its first half with: the head of the answer, and the body behind it. */
export interface Answer {
  readonly head: Head
  readonly body: ResponseBody
  readonly lease: Lease.Lease
  /** Why the answer is not handed out, if it is not. */
  readonly refused: ExchangeError.ExchangeError | undefined
}

export type Failure = ExchangeError.ExchangeError | AcquireError

/**
 * - `Queued`: in the pool's line.
 * - `Resting`: holds a lease on which nothing may be written before the event loop has polled.
 * - `AwaitingHead`: the request is out, or on its way.
 * - `ReadingBody`: the head has come.
 * - `Draining`: the rest of a body that nobody reads is thrown away to save the connection.
 * - `Settled`: the lease has ended, or there never was one.
 */
type Stage = "Queued" | "Resting" | "AwaitingHead" | "ReadingBody" | "Draining" | "Settled"

/** How long an answer may take to come after a write failed: a peer that refuses an upload answers and closes. */
const answerAfterWriteError = 250

export class Exchange implements Lease.LeaseRequest, Receiver, BodySource, SenderHost {
  private stage: Stage = "Queued"
  private resume: ((result: Exit.Exit<Answer, Failure>) => void) | undefined = undefined
  private pending: Lease.PendingLease | undefined = undefined
  /** The latest lease, also when it has ended; `stage` says whether its connection may be touched. */
  private lease: Lease.Lease | undefined = undefined
  private decoder: ResponseDecoder | undefined = undefined
  private sender: Sender | undefined = undefined
  private head: Head | undefined = undefined
  private body: ResponseBody | undefined = undefined
  private refused: ExchangeError.ExchangeError | undefined = undefined
  private retriedAfter: ExchangeError.ExchangeError | undefined = undefined
  private responseStarted = false
  private writtenBefore = 0
  private written = 0
  private drained = 0
  private writeError: unknown = undefined
  private phaseTimer: Deadline | undefined = undefined
  private requestTimer: Deadline | undefined = undefined
  private onScopeClosed: (() => void) | undefined = undefined

  constructor(
    private readonly pool: UnsafePool,
    private plan: Plan,
    private readonly runtime: Runtime.Runtime<never> | undefined,
    private readonly scope: AbortSignal | undefined,
    private readonly onRetry: (() => void) | undefined
  ) {}

  get deadlines(): Deadlines {
    return this.pool.deadlines
  }

  start(resume: (result: Exit.Exit<Answer, Failure>) => void): void {
    this.resume = resume
    const { requestTimeout } = this.plan.limits
    if (requestTimeout !== Infinity) {
      this.requestTimer = this.deadlines.set(requestTimeout, () => this.onRequestTimeout(requestTimeout))
    }
    if (this.scope !== undefined) {
      this.onScopeClosed = () => this.abort()
      this.scope.addEventListener("abort", this.onScopeClosed)
    }
    this.request(undefined)
  }

  /** Nobody waits for the answer any more. */
  interrupt(): void {
    this.resume = undefined
    if (this.body !== undefined) return this.body.abandon("its request was interrupted", true)
    if (this.stage === "Queued") this.pending?.cancel()
    this.settle(this.stage === "Resting" ? Lease.Reusable() : Lease.Broken("Interrupted"))
    this.finish()
  }

  /** Nobody holds the response any more, or its scope has closed. */
  abort(): void {
    if (this.body === undefined) return this.fail(Failures.aborted(this.progress()))
    this.body.abandon("its scope has closed, or nobody holds the response any more", false)
  }

  // --- the request in line ---

  onLease(lease: Lease.Lease): void {
    const { connection } = lease
    this.lease = lease
    this.writtenBefore = connection.bytesWritten
    connection.receiver = this
    // A request that cannot be sent twice waits as well: the peer's FIN may be here and not seen yet.
    if (lease.resting || (lease.reused && !this.plan.repeatable)) {
      this.stage = "Resting"
      connection.onTurn(() => {
        if (this.stage === "Resting" && this.lease === lease) this.send(lease)
      })
    } else {
      this.send(lease)
    }
  }

  onRefused(error: AcquireError): void {
    // A retry that the closing pool refuses leaves what it was to mend.
    this.fail(error._tag === "PoolClosed" ? (this.retriedAfter ?? error) : error)
  }

  // --- the receiver ---

  onBytes(bytes: Uint8Array): void {
    if (this.stage === "Resting") return this.replace("UnexpectedBytes")
    const decoder = this.decoder
    if (decoder === undefined) return
    this.responseStarted = true
    for (const event of decoder.push(bytes)) {
      this.onEvent(event)
      if (this.decoder !== decoder) break
    }
    this.deliver()
  }

  onEnd(kind: EndKind): void {
    this.onInputEnded(kind, kind === "fin" ? "the peer closed it" : "the peer reset it", undefined)
  }

  onError(cause: unknown): void {
    this.onInputEnded("reset", Failures.describe(cause), cause)
  }

  onDrain(): void {
    this.sender?.onDrain()
  }

  onWriteError(cause: unknown): void {
    if (this.stage === "Resting") return this.replace("SocketError")
    this.sender?.stop()
    this.writeError = cause
    // Once the answer has begun it comes to its end by itself.
    if (this.stage !== "AwaitingHead") return
    this.setPhaseTimer(answerAfterWriteError, () => this.onInputEnded("reset", Failures.describe(cause), cause))
  }

  // --- the sender's host, the body's source ---

  progress(): ExchangeError.Progress {
    const bytesWritten = this.bytesWritten
    return {
      reusedConnection: this.lease?.reused ?? false,
      bytesWritten,
      responseStarted: this.responseStarted,
      safeToRetry: this.plan.repeatable || bytesWritten === 0
    }
  }

  onSent(): void {
    const { headersTimeout } = this.plan.limits
    if (this.stage !== "AwaitingHead" || headersTimeout === Infinity) return
    this.setPhaseTimer(headersTimeout, () =>
      // The answer may be here and not read yet.
      this.afterTurn(
        () => this.stage === "AwaitingHead",
        () => this.fail(Failures.timeout(this.progress(), "headersTimeout", headersTimeout))
      )
    )
  }

  onSendFailed(error: ExchangeError.ExchangeError): void {
    this.fail(error)
  }

  pauseReading(): void {
    if (this.stage === "ReadingBody") this.lease!.connection.pause()
  }

  resumeReading(): void {
    if (this.stage === "ReadingBody") this.lease!.connection.resume()
  }

  onStalled(): void {
    const received = this.body?.received
    this.afterTurn(
      () => this.stage === "ReadingBody" && this.body?.received === received,
      () => this.fail(Failures.timeout(this.progress(), "bodyTimeout", this.plan.limits.bodyTimeout))
    )
  }

  /** The rest of the body is thrown away if that is cheap, or its connection is. */
  onAbandoned(rest: number | undefined, interrupted: boolean): void {
    if (this.stage !== "ReadingBody") return
    const { bodyDrainBytes, bodyDrainTimeout } = this.plan.limits
    const cheap = rest === undefined ? !interrupted : rest <= bodyDrainBytes
    if (!cheap || !this.sender!.isComplete) return this.settle(Lease.Broken("BodyAbandoned"))
    this.stage = "Draining"
    this.setPhaseTimer(bodyDrainTimeout, () => this.settle(Lease.Broken("BodyNotDrained")))
    this.lease!.connection.resume()
  }

  // --- inside: asking and sending ---

  private request(options: Lease.LeaseRequestOptions | undefined): void {
    this.stage = "Queued"
    this.sender = undefined
    this.responseStarted = false
    this.written = 0
    this.pending = this.pool.request(this.plan.destination.origin.key, this, options)
  }

  private send(lease: Lease.Lease): void {
    const { connection } = lease
    const { limits } = this.plan
    if (!connection.isOpen) return this.replace("PeerClosed")
    const last = lease.requestCount + 1 >= this.plan.destination.origin.maxRequestsPerConnection
    const plan = last && !this.plan.head.close ? reencode(this.plan, { close: true }) : this.plan
    this.stage = "AwaitingHead"
    this.decoder = Decoders.take(limits)
    this.decoder.start(plan.head.method)
    this.sender = new Sender(this, plan, connection, this.runtime)
    this.sender.begin()
  }

  /** The connection turned out to be dead before anything was written on it: this is no retry. */
  private replace(reason: string): void {
    const replaces = this.release(Lease.Broken(reason))
    this.request({ replaces })
  }

  private retry(error: ExchangeError.ExchangeError, settlement: Lease.Settlement): void {
    this.retriedAfter = error
    this.onRetry?.()
    const replaces = this.release(settlement)
    this.request({ replaces, fresh: true })
  }

  // --- inside: the answer ---

  private onEvent(event: Http1Event): void {
    switch (event._tag) {
      case "Chunk":
        return this.onChunk(event.bytes)
      case "Head":
        return this.onHead(event)
      case "End":
        return this.onComplete(event.keepAlive)
      case "InformationalHead":
        if (event.status === 100) this.sender!.proceed()
        return
      case "Trailers":
        if (this.body !== undefined) this.body.trailers = event.rawHeaders
        return
      case "Failed":
        return this.fail(Failures.malformed(this.progress(), event.error))
    }
  }

  private onHead(head: Head): void {
    const { plan } = this
    const lease = this.lease!
    const sender = this.sender!
    this.clearPhaseTimer()
    if (head.framing._tag === "Tunnel") return this.fail(Failures.tunnel(this.progress()))
    if (head.status === 408 && this.mayRetry(lease) && plan.repeatable && Rules.saysClose(head)) {
      return this.retry(
        Failures.broken(this.progress(), "head", "the peer had given up waiting (408)", false),
        Lease.Spent("RequestTimeout")
      )
    }
    if (head.status === 417 && sender.awaitsContinue) {
      this.plan = reencode(plan, { expect: false })
      return this.request({ replaces: this.release(Lease.Spent("ExpectationFailed")) })
    }
    if (sender.awaitsContinue || (!sender.isComplete && (head.status >= 300 || Rules.saysClose(head)))) sender.stop()
    this.head = head
    this.stage = "ReadingBody"
    this.body = new ResponseBody(this, plan.limits, head.framing._tag === "Length" ? head.framing.length : undefined)
    this.refused = Rules.refuse(this.progress(), head, plan.limits)
    if (this.refused !== undefined) this.body.abandon("its content type is refused", false)
  }

  private onChunk(bytes: Uint8Array): void {
    if (this.stage === "ReadingBody") return this.body!.push(this.lease!.connection.keep(bytes))
    this.drained += bytes.length
    if (this.drained > this.plan.limits.bodyDrainBytes) this.settle(Lease.Broken("BodyNotDrained"))
  }

  private onComplete(keepAlive: KeepAlive): void {
    const decoder = this.decoder!
    this.body!.complete()
    this.settle(Rules.settlement(keepAlive, this.sender!))
    if (keepAlive._tag === "Keep") Decoders.giveBack(this.plan.limits, decoder)
  }

  private onInputEnded(kind: EndKind, detail: string, cause: unknown): void {
    if (this.stage === "Resting") return this.replace(kind === "fin" ? "PeerClosed" : "PeerReset")
    const decoder = this.decoder
    if (decoder === undefined) return
    for (const event of decoder.finish(kind)) {
      // What is missing is the connection's doing, not the peer's grammar.
      if (event._tag !== "Failed") this.onEvent(event)
    }
    if (this.decoder === decoder) this.onBroken(detail, cause ?? this.writeError)
    this.deliver()
  }

  private onBroken(detail: string, cause: unknown): void {
    const lease = this.lease!
    const during = this.body === undefined ? "head" : "body"
    const error = Failures.broken(this.progress(), during, detail, this.retriedAfter !== undefined, cause)
    if (!this.responseStarted && this.mayRetry(lease) && (this.plan.repeatable || this.bytesWritten === 0)) {
      return this.retry(error, Lease.Broken("Stale"))
    }
    this.fail(Failures.preferConnectError(error, cause))
  }

  private mayRetry(lease: Lease.Lease): boolean {
    return lease.reused && this.retriedAfter === undefined && this.resume !== undefined
  }

  /** Tells whoever waits, once for each call of the connection: what came together is told together. */
  private deliver(): void {
    const { body, head, lease, refused, resume } = this
    if (body === undefined) return
    if (resume !== undefined) {
      this.resume = undefined
      if (refused === undefined) body.awaitReader()
      resume(Exit.succeed({ head: head!, body, lease: lease!, refused }))
    }
    body.wake()
  }

  // --- inside: endings ---

  private fail(error: Failure): void {
    const unwritten = this.stage === "Resting"
    if (this.stage === "Queued") this.pending?.cancel()
    if (this.body !== undefined) {
      this.body.fail(error as ExchangeError.ExchangeError, true)
      this.settle(Lease.Broken(error._tag))
      return this.deliver()
    }
    const resume = this.resume
    this.resume = undefined
    this.settle(unwritten ? Lease.Reusable() : Lease.Broken(error._tag))
    this.finish()
    resume?.(Exit.fail(error))
  }

  /** Ends the lease and the exchange with it, if there is one to end. */
  private settle(settlement: Lease.Settlement): void {
    if (this.stage === "Queued" || this.stage === "Settled") return
    this.finish()
    this.release(settlement)
  }

  /** Ends the lease. From here on its connection is somebody else's. */
  private release(settlement: Lease.Settlement): Lease.Lease {
    const lease = this.lease!
    this.written = lease.connection.bytesWritten - this.writtenBefore
    this.sender?.stop()
    this.clearPhaseTimer()
    this.stage = "Settled"
    this.decoder = undefined
    lease.settle(settlement)
    return lease
  }

  private finish(): void {
    this.requestTimer?.clear()
    if (this.onScopeClosed !== undefined) this.scope!.removeEventListener("abort", this.onScopeClosed)
    if (this.stage === "Queued") this.stage = "Settled"
  }

  private onRequestTimeout(millis: number): void {
    const expire = () => this.fail(Failures.timeout(this.progress(), "requestTimeout", millis))
    if (this.stage === "Queued") expire()
    else this.afterTurn(() => this.stage !== "Settled", expire)
  }

  /** What the operating system holds for the connection already is seen first. */
  private afterTurn(still: () => boolean, act: () => void): void {
    if (this.stage === "Queued" || this.stage === "Settled") return
    this.lease!.connection.onTurn(() => {
      if (still()) act()
    })
  }

  private get bytesWritten(): number {
    const holds = this.stage !== "Queued" && this.stage !== "Settled"
    return holds ? this.lease!.connection.bytesWritten - this.writtenBefore : this.written
  }

  private setPhaseTimer(millis: number, onExpired: () => void): void {
    this.clearPhaseTimer()
    this.phaseTimer = this.deadlines.set(millis, onExpired)
  }

  private clearPhaseTimer(): void {
    this.phaseTimer?.clear()
    this.phaseTimer = undefined
  }
}
