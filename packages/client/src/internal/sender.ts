/**
 * The sending half of an exchange, for one lease: head and body onto the connection, as far as the answer allows.
 *
 * @internal
 */
import type { AsyncContext, AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { Connection } from "@hotaru/pool/Connection"
import type { Deadline, Deadlines } from "@hotaru/pool/Deadlines"
import type * as Runtime from "effect/Runtime"
import * as ExchangeError from "../ExchangeError.js"
import { joined } from "./bytes.js"
import type { Plan } from "./requestHead.js"
import { Upload, type UploadSink } from "./upload.js"

/** What the sending half asks of its exchange. */
export interface SenderHost {
  readonly deadlines: Deadlines
  readonly contexts: AsyncContextsShape
  /** The caller's. */
  readonly context: AsyncContext
  progress(): ExchangeError.Progress
  /** The request has been given to the connection, and taken by it. */
  onSent(): void
  onSendFailed(error: ExchangeError.ExchangeError): void
}

/**
 * - `AwaitingContinue`: the head is out, the body waits for the peer's word.
 * - `Sending`: the body is on its way.
 * - `Flushing`: everything was given to the connection, which has not taken it all.
 * - `Sent`: everything was taken.
 * - `Stopped`: the rest is not sent.
 */
type State = "Unsent" | "AwaitingContinue" | "Sending" | "Flushing" | "Sent" | "Stopped"

const pieceSize = 256 * 1024

export class Sender implements UploadSink {
  private state: State = "Unsent"
  private upload: Upload | undefined = undefined
  private timer: Deadline | undefined = undefined
  private offset = 0

  constructor(
    private readonly host: SenderHost,
    private readonly plan: Plan,
    private readonly connection: Connection,
    private readonly runtime: Runtime.Runtime<never> | undefined
  ) {}

  /** Whether the whole request has left this process. */
  get isComplete(): boolean {
    return (this.state === "Sent" || this.state === "Flushing") && this.connection.isFlushed && this.isAsAnnounced
  }

  /** Whether the whole request was taken by the connection, which may not know yet that the last of it has left. */
  get isGiven(): boolean {
    return this.state === "Sent" || this.isComplete
  }

  /** Whether the head said that this is the last request on its connection. */
  get saidClose(): boolean {
    return this.plan.head.close
  }

  /** Whether the peer was asked for its word and none of the body was sent. */
  get awaitsContinue(): boolean {
    return this.state === "AwaitingContinue"
  }

  get deadlines(): Deadlines {
    return this.host.deadlines
  }

  get contexts(): AsyncContextsShape {
    return this.host.contexts
  }

  get context(): AsyncContext {
    return this.host.context
  }

  begin(): void {
    const { body, expectsContinue, text } = this.plan
    if (expectsContinue) {
      this.state = "AwaitingContinue"
      this.connection.write(text)
      if (!this.awaitsContinue) return
      this.timer = this.host.deadlines.set(this.plan.limits.expectContinueTimeout, () => this.proceed())
      return
    }
    this.state = "Sending"
    if (body._tag === "Bytes") {
      if (!this.isAsAnnounced) return this.refuseBytes(body.bytes)
      const one = joined(text, body.bytes)
      if (one !== undefined) return this.finish(this.connection.write(one))
    }
    const more = this.connection.write(text)
    // The answer to a head may already have come, or the connection may have broken, within the write. A body that was
    // not begun can be sent on another connection, whatever it is.
    if (this.state !== "Sending" || !this.connection.isOpen) return
    if (body._tag === "Empty") this.finish(more)
    else this.sendBody()
  }

  /**
   * The peer wants the body, or has not said anything in time. A final answer that is here by now came without the
   * content, which stays here then: the peer might take it for its next request (RFC 9110 section 10.1.1).
   */
  proceed(): void {
    if (!this.awaitsContinue) return
    this.clearTimer()
    this.connection.onTurn(() => {
      if (!this.awaitsContinue) return
      this.clearTimer()
      this.state = "Sending"
      this.sendBody()
    })
  }

  /** No more is sent: the peer has answered before it read the request, or nobody waits for it. */
  stop(): void {
    this.clearTimer()
    this.upload?.stop()
    if (!this.isGiven) this.state = "Stopped"
  }

  onDrain(): void {
    if (this.state === "Flushing") {
      this.clearTimer()
      this.state = "Sent"
      this.host.onSent()
    } else if (this.state === "Sending") {
      if (this.upload !== undefined) return this.upload.onDrain()
      this.clearTimer()
      if (this.plan.body._tag === "Bytes") this.sendPieces(this.plan.body.bytes)
    }
  }

  // --- the upload's sink ---

  write(data: string | Uint8Array): boolean {
    return this.state === "Sending" ? this.connection.write(data) : true
  }

  uploaded(taken: boolean): void {
    this.finish(taken)
  }

  uploadFailed(cause: unknown): void {
    this.fail(
      new ExchangeError.RequestBodyFailed({ ...this.host.progress(), safeToRetry: false, fault: "caller", cause })
    )
  }

  uploadMismatch(announced: number, given: number): void {
    this.fail(
      new ExchangeError.RequestBodyLength({
        ...this.host.progress(),
        safeToRetry: false,
        fault: "caller",
        announced,
        given
      })
    )
  }

  stalled(): void {
    const timeout = this.plan.limits.bodyTimeout
    this.fail(
      new ExchangeError.ExchangeTimeout({ ...this.host.progress(), fault: "peer", limit: "bodyTimeout", timeout })
    )
  }

  // --- inside ---

  private sendBody(): void {
    const body = this.plan.body
    if (body._tag === "Bytes") return this.sendPieces(body.bytes)
    if (body._tag === "Empty") return this.finish(true)
    this.upload = new Upload(this, body.stream, body.length, this.plan.limits.bodyTimeout)
    this.upload.start(this.runtime!)
  }

  /** A large body goes piece by piece: an early answer stops it, and progress can be seen. */
  private sendPieces(bytes: Uint8Array): void {
    let taken = true
    if (!this.isAsAnnounced) return this.refuseBytes(bytes)
    while (this.state === "Sending" && this.offset < bytes.length) {
      const piece = bytes.subarray(this.offset, this.offset + pieceSize)
      this.offset += piece.length
      taken = this.connection.write(piece)
      if (!taken && this.offset < bytes.length) return this.watch()
    }
    this.finish(taken)
  }

  /**
   * Bytes are the caller's, who may have given their memory away (`transfer`) or resized it since the head was written.
   * What is then missing would be taken from the next request, and what is too much would be one.
   */
  private get isAsAnnounced(): boolean {
    const { body, head } = this.plan
    return body._tag !== "Bytes" || (head.framing._tag === "Length" && head.framing.length === body.bytes.length)
  }

  private refuseBytes(bytes: Uint8Array): void {
    const { framing } = this.plan.head
    this.uploadMismatch(framing._tag === "Length" ? framing.length : 0, bytes.length)
  }

  private finish(taken: boolean): void {
    if (this.state !== "Sending") return
    this.state = taken ? "Sent" : "Flushing"
    if (taken) this.host.onSent()
    else this.watch()
  }

  /** The connection must take something within `bodyTimeout`. */
  private watch(): void {
    if (this.plan.limits.bodyTimeout === Infinity) return
    this.timer = this.host.deadlines.set(this.plan.limits.bodyTimeout, () => this.stalled())
  }

  private fail(error: ExchangeError.ExchangeError): void {
    this.stop()
    this.host.onSendFailed(error)
  }

  private clearTimer(): void {
    this.timer?.clear()
    this.timer = undefined
  }
}
