/**
 * The body of a response between its connection and its readers: what has come and was not taken yet, bounded.
 * It knows neither the response nor the platform: it is reachable from the connection, and a response that nobody
 * holds any more must be collectable.
 *
 * @internal
 */
import type { AsyncContextsShape } from "@hotaru/pool/AsyncContexts"
import type { Connection } from "@hotaru/pool/Connection"
import type { Deadline } from "@hotaru/pool/Deadlines"
import type * as ExchangeError from "../ExchangeError.js"
import { type BodySource, type Collector, end, inTurn, reclaimed, type Taken, type Use } from "./bodyContract.js"
import * as Failures from "./failures.js"
import { Pieces } from "./pieces.js"
import type { Limits } from "./safety.js"

export class ResponseBody {
  private readonly pieces = new Pieces()
  private buffered = 0
  /** Bytes that have come. */
  received = 0
  /** The fields after a chunked body, name and value in turn. */
  trailers: ReadonlyArray<string> = []
  private use: Use = "Unread"
  private state: "Open" | "Complete" | ExchangeError.ExchangeError = "Open"
  private paused = false
  private collectors: Array<Collector> = []
  private ready: (() => void) | undefined = undefined
  private timer: Deadline | undefined = undefined
  private collectedPulled = false
  private offered = false

  constructor(
    private readonly source: BodySource,
    private readonly limits: Limits,
    /** As announced by the peer. */
    readonly contentLength: number | undefined
  ) {}

  get contexts(): AsyncContextsShape {
    return this.source.contexts
  }

  get isOpen(): boolean {
    return this.state === "Open"
  }

  /** The whole body, if it was collected: for showing a response without touching it. */
  get collected(): Uint8Array | undefined {
    return this.use === "Collected" && this.state === "Complete" ? this.pieces.whole() : undefined
  }

  // --- the exchange's side ---

  /**
   * A piece has come.
   * @param lender makes bytes that stay out of those that are lent.
   */
  push(lent: Uint8Array, lender: Pick<Connection, "keep">): void {
    this.received += lent.length
    if (this.state !== "Open") return
    if (!this.pieces.gather(lent)) this.pieces.add(lender.keep(lent))
    this.buffered += lent.length
  }

  complete(): void {
    if (this.state !== "Open") return
    this.state = "Complete"
    this.withdraw()
  }

  /** @param keep whether what has come already may still be read. */
  fail(error: ExchangeError.ExchangeError, keep: boolean): void {
    if (this.state !== "Open") return
    this.state = error
    this.withdraw()
    // Of a body that is collected nobody gets a part.
    if (keep && this.use !== "Collected") return
    this.pieces.clear()
    this.buffered = 0
  }

  /** Tells the readers what has come, and stops the connection if they do not keep up. */
  wake(): void {
    const state = this.state
    // The time to begin reading, or to ask for the next piece, runs on while read-ahead comes in.
    if (this.isAwaited || state !== "Open") this.clearTimer()
    if (state !== "Open") {
      const waiting = this.collectors
      this.collectors = []
      for (const collector of waiting) collector.resume(state === "Complete" ? this.checked(collector) : state)
      this.signal()
      return
    }
    if (this.collectors.length > 0) {
      this.refuseSmallCollectors()
    } else {
      const woken = !this.pieces.isEmpty && this.signal()
      // Who was woken takes all of it before long; another piece finds nobody waiting if not.
      if (this.buffered >= this.limits.readAhead && !woken && !this.paused && this.isOpen) {
        this.paused = true
        this.source.pauseReading()
      }
    }
    this.watch()
  }

  /** Starts the time within which somebody must begin to read, and lets the pool have the connection if it must. */
  awaitReader(): void {
    if (this.use !== "Unread" || !this.isOpen) return
    this.expectReader("nobody began to read it")
    this.offered = true
    // A pool that drains has no use for the connection once a short rest has been read.
    this.source.offer((reason) => this.abandon(reclaimed[reason], false, reason !== "PoolDraining"))
  }

  // --- the readers' side ---

  /** Whether it can be streamed now, and from where; claims it. */
  beginStream(): "Live" | "Collected" | ExchangeError.BodyAlreadyConsumed {
    if (this.use === "Collected") return "Collected"
    if (this.use !== "Unread") return this.consumed()
    this.begin("Streamed")
    return "Live"
  }

  /** Like `beginStream`, for a reader that comes back for each piece. */
  beginPull(): "Live" | "Collected" | "CollectedEnd" | ExchangeError.BodyAlreadyConsumed {
    if (this.use === "Collected") {
      if (this.collectedPulled) return "CollectedEnd"
      this.collectedPulled = true
      return "Collected"
    }
    if (this.use === "Streamed") return this.consumed()
    if (this.use === "Unread") this.begin("Pulled")
    return "Live"
  }

  /** All that lies ready for a stream; undefined if its reader must wait. */
  take(): Taken | undefined {
    const nothing = this.checkStream()
    if (nothing !== "Some") return nothing
    const taken = this.pieces.take()
    this.buffered = 0
    this.unpause()
    return taken
  }

  /** One piece of what lies ready. */
  takeOne(): Uint8Array | typeof end | ExchangeError.ExchangeError | undefined {
    const nothing = this.checkStream()
    if (nothing !== "Some") return nothing
    const taken = this.pieces.takeOne()!
    this.buffered -= taken.length
    if (this.pieces.isEmpty) this.unpause()
    // Nothing but its next call tells that whoever pulls has not gone for good.
    if (this.isOpen && !this.isAwaited) this.expectReader("nobody asked for its next piece")
    return taken
  }

  /** Calls once when `take` is worth another try. */
  onReady(resume: () => void): void {
    if (!this.isOpen || !this.pieces.isEmpty) return resume()
    this.ready = this.ready === undefined ? resume : inTurn(this.ready, resume)
    this.clearTimer()
    this.watch()
  }

  /** The whole body (its reader's own, if `copy`), or why it cannot be had; undefined if its reader must wait. */
  collect(limit: number, limitName: string, copy: boolean): Uint8Array | ExchangeError.ExchangeError | undefined {
    if (this.use === "Streamed" || this.use === "Pulled") return this.consumed()
    const state = this.state
    if (state !== "Open" && state !== "Complete") return state
    const atLeast = Math.max(this.received, this.contentLength ?? 0)
    if (state === "Open" && atLeast > limit) {
      const error = this.over(limitName, limit)
      if (this.collectors.length === 0) this.abandon(`it is over ${limitName}`, false)
      return error
    }
    if (state === "Open") return undefined
    if (this.use === "Unread") this.begin("Collected")
    return this.received > limit ? this.over(limitName, limit) : this.pieces.all(copy)
  }

  /** Claims the body and waits for all of it. Not before: whoever is interrupted on the way here has claimed nothing. */
  wait(collector: Collector): void {
    const result = this.collect(collector.limit, collector.limitName, collector.copy)
    if (result !== undefined) return collector.resume(result)
    if (this.use === "Unread") this.begin("Collected")
    this.unpause()
    this.collectors.push(collector)
    this.watch()
  }

  /** A collector was interrupted while it waited. The others, if any, go on. */
  leave(collector: Collector): void {
    this.collectors = this.collectors.filter((one) => one !== collector)
    if (this.collectors.length === 0) this.leaveStream()
  }

  /** A reader of pieces was interrupted while it waited; others that wait for the same pieces are told. */
  leaveStream(): void {
    this.abandon("its reader was interrupted", true)
  }

  /** Nobody will read the rest. `worthwhile`: a short rest may be read to save its connection. */
  abandon(reason: string, interrupted: boolean, worthwhile = true): void {
    if (!this.isOpen) return
    const rest = this.contentLength === undefined ? undefined : this.contentLength - this.received
    this.fail(Failures.abandoned(this.source.progress(), reason), false)
    this.source.onAbandoned(worthwhile ? rest : Infinity, interrupted)
    this.wake()
  }

  /** The body came and its reader cannot read it. */
  encoded(encodings: ReadonlyArray<string>, accepted: string | undefined): ExchangeError.BodyEncoded {
    return Failures.encoded(this.source.progress(), encodings, accepted)
  }

  // --- inside ---

  private checkStream(): "Some" | typeof end | ExchangeError.ExchangeError | undefined {
    const limit = this.limits.maxStreamSize
    if (this.received > limit || (this.isOpen && this.contentLength !== undefined && this.contentLength > limit)) {
      const error = this.over("maxStreamSize", limit)
      this.pieces.clear()
      this.abandon("it is over maxStreamSize", false)
      return error
    }
    if (!this.pieces.isEmpty) return "Some"
    if (this.state === "Complete") return end
    if (this.state !== "Open") return this.state
    this.unpause()
    return undefined
  }

  private begin(use: Use): void {
    this.use = use
    this.clearTimer()
    this.withdraw()
  }

  /** Whether a reader waits. */
  private get isAwaited(): boolean {
    return this.ready !== undefined || this.collectors.length > 0
  }

  private expectReader(otherwise: string): void {
    const millis = this.limits.unreadBodyTimeout
    this.clearTimer()
    if (millis === Infinity) return
    this.timer = this.source.deadlines.set(millis, () => this.abandon(`${otherwise} within ${millis} ms`, false))
  }

  private withdraw(): void {
    if (!this.offered) return
    this.offered = false
    this.source.offer(undefined)
  }

  private unpause(): void {
    if (!this.paused || !this.isOpen) return
    this.paused = false
    this.source.resumeReading()
  }

  /** Whether somebody waited. */
  private signal(): boolean {
    const ready = this.ready
    if (ready === undefined) return false
    this.ready = undefined
    ready()
    return true
  }

  private checked(collector: Collector): Uint8Array | ExchangeError.ExchangeError {
    return this.received > collector.limit
      ? this.over(collector.limitName, collector.limit)
      : this.pieces.all(collector.copy)
  }

  private refuseSmallCollectors(): void {
    const refused = this.collectors.filter((one) => this.received > one.limit)
    if (refused.length === 0) return
    this.collectors = this.collectors.filter((one) => this.received <= one.limit)
    const nobodyLeft = this.collectors.length === 0
    for (const one of refused) one.resume(this.over(one.limitName, one.limit))
    if (nobodyLeft) this.abandon("it is over its reader's limit", false)
  }

  private over(limit: string, value: number): ExchangeError.LimitExceeded {
    return Failures.over(this.source.progress(), limit, value, Math.max(this.received, this.contentLength ?? 0))
  }

  private consumed(): ExchangeError.BodyAlreadyConsumed {
    return Failures.consumed(this.source.progress())
  }

  /** While a reader waits, a piece must come within `bodyTimeout`. */
  private watch(): void {
    if (this.limits.bodyTimeout === Infinity || !this.isOpen || !this.isAwaited) return
    this.clearTimer()
    this.timer = this.source.deadlines.set(this.limits.bodyTimeout, () => this.source.onStalled())
  }

  private clearTimer(): void {
    this.timer?.clear()
    this.timer = undefined
  }
}
