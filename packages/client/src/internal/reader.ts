/**
 * The receiving half of an exchange, for one lease: bytes in, the head and the body of the answer out.
 *
 * @internal
 */
import type { Head, Http1Event } from "@hotaru/http1/Http1Event"
import type { KeepAlive } from "@hotaru/http1/KeepAlive"
import type { ResponseDecoder } from "@hotaru/http1/ResponseDecoder"
import type { AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { EndKind } from "@hotaru/pool/Connection"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import * as Lease from "@hotaru/pool/Lease"
import type * as ExchangeError from "../ExchangeError.js"
import type { BodySource } from "./bodyContract.js"
import * as Decoders from "./decoders.js"
import * as Failures from "./failures.js"
import { sampleOf, sampleSize } from "./impostors.js"
import type { Failure, ReaderHost } from "./readerContract.js"
import type { Plan } from "./requestHead.js"
import { ResponseBody } from "./responseBody.js"
import * as RetryRule from "./retryRule.js"
import * as Rules from "./rules.js"
import type { Sender } from "./sender.js"

/** How long an answer may take to come after a write failed: a peer that refuses an upload answers and closes. */
const answerAfterWriteError = 250

/** From so long on, waiting in vain for an answer tells something of the peer. Milliseconds. */
const silence = 2000

/**
 * - `Head`: the answer's final head has not come.
 * - `Body`: the head has come.
 * - `Draining`: the rest of a body that nobody reads is thrown away to save the connection.
 * - `Proving`: the answer is complete; whether the request has left altogether is known a turn later.
 * - `Done`: the lease has ended; its connection is somebody else's.
 */
type State = "Head" | "Body" | "Draining" | "Proving" | "Done"

export class Reader implements BodySource {
  /** Whether any byte of an answer has come. */
  started = false
  body: ResponseBody | undefined = undefined
  /** When the request was out, on a reused connection. */
  private sentAt = Infinity
  private state: State = "Head"
  /** Until the lease has ended: what it holds of a head or of trailers is not to outlive that, in an error's stack say. */
  private decoder: ResponseDecoder | undefined
  private head: Head | undefined = undefined
  private refused: ExchangeError.ExchangeError | undefined = undefined
  private told = false
  /** Whether the head came before the request was out. */
  private early = false
  /** Whether an interim answer came before. */
  private interim = false
  private drained = 0
  /** How the answer begins, of a connection's first, while its head is not complete. */
  private sample: string | undefined = undefined
  private writeError: unknown = undefined
  private timer: Deadline | undefined = undefined

  constructor(
    private readonly host: ReaderHost,
    private readonly plan: Plan,
    private readonly lease: Lease.Lease,
    private readonly sender: Sender
  ) {
    const decoder = Decoders.take(plan.limits)
    decoder.start(plan.head.method)
    this.decoder = decoder
    // A stream that is sent may last for ever.
    if (plan.body._tag === "Stream") lease.mayLast(true)
  }

  get deadlines(): Deadlines {
    return this.host.deadlines
  }

  get contexts(): AsyncContextsShape {
    return this.host.contexts
  }

  // --- what the connection tells ---

  onBytes(bytes: Uint8Array): void {
    if (this.isDone()) return
    if (this.isProving()) return this.finish(Lease.Spent("LeftoverBytes"))
    this.started = true
    for (const event of this.decoder!.push(bytes)) {
      if (event._tag === "Failed") this.remember(bytes)
      this.onEvent(event)
      if (this.isDone()) break
    }
    if (!this.isProving()) this.deliver()
    if (this.state === "Head") this.remember(bytes)
  }

  /** How a connection's first answer begins, in whatever pieces it comes. */
  private remember(bytes: Uint8Array): void {
    if (this.lease.requestCount > 0 || (this.sample?.length ?? 0) >= sampleSize) return
    this.sample = ((this.sample ?? "") + sampleOf(bytes)).slice(0, sampleSize)
  }

  onInputEnded(kind: EndKind, detail: string, cause: unknown): void {
    if (this.isDone()) return
    if (this.isProving()) return this.finish(Lease.Spent(kind === "fin" ? "PeerClosed" : "PeerReset"))
    for (const event of this.decoder!.finish(kind)) {
      // What is missing is the connection's doing, not the peer's grammar.
      if (event._tag !== "Failed") this.onEvent(event)
    }
    if (!this.isDone())
      RetryRule.onBroken(this.host, this, this.lease, { kind, detail, cause: cause ?? this.writeError })
    this.deliver()
  }

  onWriteError(cause: unknown): void {
    this.writeError = cause
    // Once the answer has begun it comes to its end by itself.
    if (this.state !== "Head") return
    this.setTimer(answerAfterWriteError, () => this.onInputEnded("reset", Failures.describe(cause), cause))
  }

  // --- what the exchange tells ---

  /** The request is out: the time for the head begins. */
  onSent(): void {
    const { headersTimeout } = this.plan.limits
    if (this.state !== "Head") return
    if (this.lease.reused) this.sentAt = this.host.deadlines.now()
    if (headersTimeout === Infinity) return this.lease.mayLast(true)
    if (this.plan.body._tag === "Stream") this.lease.mayLast(false)
    this.setTimer(headersTimeout, () =>
      // The answer may be here and not read yet.
      this.afterTurn(
        () => this.state === "Head",
        () => this.host.fail(Failures.timeout(this.progress(), "headersTimeout", headersTimeout))
      )
    )
  }

  /** The lease is about to end. */
  stop(): void {
    this.state = "Done"
    this.decoder = undefined
    this.clearTimer()
  }

  /**
   * Whether the peer has not said a byte for so long that other connections to it may be as dead. A new connection tells
   * nothing of others, and a user's own impatience (less than `silence`) nothing of the peer.
   */
  isSilent(timedOut: boolean): boolean {
    if (this.started || this.sentAt === Infinity) return false
    return timedOut || this.host.deadlines.now() - this.sentAt >= silence
  }

  /** The exchange failed. Answers false if the head has not come: then there is no body to fail. */
  failBody(error: Failure): boolean {
    if (this.body === undefined) return false
    this.body.fail(error as ExchangeError.ExchangeError, true)
    return true
  }

  /** What the operating system holds for the connection already is seen first. */
  afterTurn(still: () => boolean, act: () => void): void {
    if (this.isDone()) return
    this.lease.connection.onTurn(() => {
      if (!this.isDone() && still()) act()
    })
  }

  /** Tells whoever waits, once for each call of the connection: what came together is told together. */
  deliver(): void {
    const { body, head } = this
    if (body === undefined || head === undefined) return
    if (!this.told) {
      this.told = true
      if (this.refused === undefined) body.awaitReader()
      // An answer whose head came without its end: of how long its body will be nothing is known.
      if (body.isOpen) this.lease.mayLast(true)
      this.host.answered({ head, body, lease: this.lease, refused: this.refused })
    }
    body.wake()
  }

  // --- what the body asks ---

  progress(): ExchangeError.Progress {
    return this.host.progress()
  }

  offer(reclaim: Lease.Reclaim | undefined): void {
    if (!this.isDone()) this.lease.offer(reclaim)
  }

  pauseReading(): void {
    if (this.state === "Body") this.lease.connection.pause()
  }

  resumeReading(): void {
    if (this.state === "Body") this.lease.connection.resume()
  }

  onStalled(): void {
    const received = this.body?.received
    this.afterTurn(
      () => this.state === "Body" && this.body?.received === received,
      () => this.host.fail(Failures.timeout(this.progress(), "bodyTimeout", this.plan.limits.bodyTimeout))
    )
  }

  /** The rest of the body is thrown away if that is cheap, or its connection is. */
  onAbandoned(rest: number | undefined, interrupted: boolean): void {
    if (this.state !== "Body") return
    const { bodyDrainBytes, bodyDrainTimeout } = this.plan.limits
    const cheap = rest === undefined ? !interrupted : rest <= bodyDrainBytes
    if (!cheap || !this.sender.isGiven) return this.host.settle(Lease.Broken("BodyAbandoned"))
    this.state = "Draining"
    this.lease.mayLast(false)
    this.setTimer(bodyDrainTimeout, () => this.host.settle(Lease.Broken("BodyNotDrained")))
    this.lease.connection.resume()
  }

  // --- events ---

  private onEvent(event: Http1Event): void {
    switch (event._tag) {
      case "Chunk":
        return this.onChunk(event.bytes)
      case "Head":
        return this.onHead(event)
      case "End":
        return this.onComplete(event.keepAlive)
      case "InformationalHead":
        this.interim = true
        if (event.status === 100) this.sender.proceed()
        return
      case "Trailers":
        if (this.body !== undefined) this.body.trailers = event.rawHeaders
        return
      case "Failed":
        return this.host.fail(Failures.malformed(this.progress(), event.error, this.interim ? undefined : this.sample))
    }
  }

  private onHead(head: Head): void {
    const { host, plan, sender } = this
    this.clearTimer()
    this.sample = undefined
    plan.destination.origin.speaksHttp10 = head.version === 0
    if (head.framing._tag === "Tunnel") return host.fail(Failures.tunnel(this.progress()))
    if (!this.interim && RetryRule.onGivenUp(host, plan, head, this.lease)) return
    if (head.status === 417 && sender.awaitsContinue) return host.dropExpectation(Lease.Spent("ExpectationFailed"))
    // The peer has answered without the rest of the request. One that refuses it will not read it; another may, but
    // where its answer ends and the request does not, the next one would begin inside the old.
    if (!sender.isGiven) {
      this.early = true
      if (sender.awaitsContinue || head.status >= 300 || Rules.saysClose(head)) sender.stop()
    }
    this.head = head
    this.state = "Body"
    this.body = new ResponseBody(this, plan.limits, head.framing._tag === "Length" ? head.framing.length : undefined)
    if (plan.limits.allowedContentTypes !== undefined) this.refused = Rules.refuse(this.progress(), head, plan.limits)
    if (this.refused !== undefined) this.body.abandon("its content type is refused", false)
  }

  private onChunk(bytes: Uint8Array): void {
    if (this.state === "Body") return this.body!.push(bytes, this.lease.connection)
    this.drained += bytes.length
    if (this.drained > this.plan.limits.bodyDrainBytes) this.host.settle(Lease.Broken("BodyNotDrained"))
  }

  private onComplete(keepAlive: KeepAlive): void {
    this.body!.complete()
    if (this.early) return this.host.settle(Lease.Spent("EarlyAnswer"))
    if (this.sender.isComplete) return this.settle(keepAlive)
    // Over TLS the last write is known to have left only some way into the next turn of the event loop, and a near
    // peer has answered by then. The reader is told after it, so that the next request in sequence finds the connection.
    this.state = "Proving"
    this.clearTimer()
    this.lease.connection.onTurn(() => {
      if (this.state !== "Proving") return
      this.settle(keepAlive)
      this.deliver()
    })
  }

  private settle(keepAlive: KeepAlive): void {
    const decoder = this.decoder!
    this.host.settle(Rules.settlement(keepAlive, this.sender))
    if (keepAlive._tag === "Keep") Decoders.giveBack(this.plan.limits, decoder)
  }

  /** The answer is complete, and what came after it says that nothing else will be. */
  private finish(settlement: Lease.Settlement): void {
    this.host.settle(settlement)
    this.deliver()
  }

  // --- inside ---

  /** A method, because the state changes under a narrowed type. */
  private isProving(): boolean {
    return this.state === "Proving"
  }

  private isDone(): boolean {
    return this.state === "Done"
  }

  private setTimer(millis: number, onExpired: () => void): void {
    this.clearTimer()
    this.timer = this.host.deadlines.set(millis, onExpired)
  }

  private clearTimer(): void {
    this.timer?.clear()
    this.timer = undefined
  }
}
