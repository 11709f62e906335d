/**
 * The server's end of a fake socket.
 */
import type { ConnectionFacts } from "@hotaru/pool/Connection"
import * as Effect from "effect/Effect"
import type { FakeSocket, WriteFailure } from "../FakeSocket.js"
import type { WireRequest } from "../Wire.js"
import { concat, toBytes, toLatin1 } from "./bytes.js"
import { Changes } from "./changes.js"
import type { EventLoop } from "./eventLoop.js"
import type { Arrival, Peer } from "./fakeConnection.js"
import { FakeConnection } from "./fakeConnection.js"
import { FakeSocketClosed } from "./socketClosed.js"
import { parseBody, parseHead, parseRequest } from "./wireRequest.js"

const brokenPipe = (): Error => Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" })
const connectionReset = (): Error =>
  Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" })

class FakeSocketImpl implements FakeSocket, Peer {
  readonly connection: FakeConnection
  ended = false
  writeFailure: { readonly cause: unknown } | undefined = undefined
  private readonly writes: Array<Uint8Array> = []
  private readonly arrived: Array<Uint8Array> = []
  private fresh: Array<Uint8Array> = []
  private failure: WriteFailure | undefined = undefined
  private lost = false
  /** Ended by the client's lost write, not by what the test did. */
  private broken = false
  private holding = false
  private highWaterMark = 0
  private held: Uint8Array = new Uint8Array(0)
  private wantsDrain = false
  private readonly changes = new Changes()

  constructor(
    facts: ConnectionFacts,
    private readonly loop: EventLoop,
    private readonly onDestroyed: (socket: FakeSocket) => void
  ) {
    this.connection = new FakeConnection(facts, loop, this)
  }

  get id(): number {
    return this.connection.id
  }

  // ---- what the server does ----

  send(data: Uint8Array | string): void {
    this.now({ _tag: "Bytes", bytes: toBytes(data) })
  }

  sendLater(data: Uint8Array | string): void {
    this.later({ _tag: "Bytes", bytes: toBytes(data) })
  }

  end(): void {
    this.now({ _tag: "End", kind: "fin", loseUnread: false })
  }

  endLater(): void {
    this.later({ _tag: "End", kind: "fin", loseUnread: false })
  }

  reset(options?: { readonly loseUnread?: boolean | undefined }): void {
    this.now({ _tag: "End", kind: "reset", loseUnread: options?.loseUnread === true })
  }

  resetLater(options?: { readonly loseUnread?: boolean | undefined }): void {
    this.later({ _tag: "End", kind: "reset", loseUnread: options?.loseUnread === true })
  }

  fail(cause: unknown = connectionReset()): void {
    this.now({ _tag: "Error", cause })
  }

  failLater(cause: unknown = connectionReset()): void {
    this.later({ _tag: "Error", cause })
  }

  failWrites(failure: WriteFailure = {}): void {
    this.failure = failure
  }

  holdWrites(highWaterMark = 0): void {
    this.holding = true
    this.highWaterMark = highWaterMark
  }

  releaseWrites(count?: number): void {
    const taken = this.held.subarray(0, count)
    this.held = this.held.subarray(taken.length)
    if (count === undefined) this.holding = false
    if (taken.length > 0) this.receive(taken)
    if (this.wantsDrain && this.held.length === 0) {
      this.wantsDrain = false
      if (this.connection.isOpen) this.connection.receiver.onDrain()
    }
  }

  poll(): void {
    this.loop.poll()
  }

  private now(arrival: Arrival): void {
    this.arrive(arrival)
    this.connection.deliver(Infinity)
  }

  private later(arrival: Arrival): void {
    this.arrive(arrival)
    this.loop.arrived(this.connection)
  }

  private arrive(arrival: Arrival): void {
    // Whoever sends has not been told yet that the connection is gone, as a server would not be.
    if (this.broken) return
    if (this.ended) throw new Error("the server has ended this connection already: nothing can follow")
    if (arrival._tag !== "Bytes") this.ended = true
    this.connection.arrive(arrival)
  }

  // ---- what the client did ----

  wrote(bytes: Uint8Array): boolean {
    this.writes.push(bytes)
    if (this.failure !== undefined) {
      this.lose(this.failure)
      return true
    }
    if (!this.holding) {
      this.receive(bytes)
      return true
    }
    this.held = concat([this.held, bytes])
    if (this.held.length <= this.highWaterMark) return true
    this.wantsDrain = true
    return false
  }

  private lose(failure: WriteFailure): void {
    if (this.lost) return
    this.lost = true
    const cause = failure.cause ?? brokenPipe()
    if (failure.inputGoesOn === true) this.writeFailure = { cause }
    else if (!this.ended) {
      this.later({ _tag: "Error", cause })
      this.broken = true
    }
  }

  get flushed(): boolean {
    return this.held.length === 0 && !this.lost
  }

  closed(): void {
    this.held = new Uint8Array(0)
    this.onDestroyed(this)
    this.changed()
  }

  private receive(bytes: Uint8Array): void {
    this.arrived.push(bytes)
    this.fresh.push(bytes)
    this.changed()
  }

  private changed(): void {
    this.changes.tell()
  }

  // ---- what the test looks at ----

  get written(): Uint8Array {
    return concat(this.writes)
  }

  get writtenText(): string {
    return toLatin1(this.written)
  }

  get received(): Uint8Array {
    return concat(this.arrived)
  }

  get receivedText(): string {
    return toLatin1(this.received)
  }

  get untaken(): Uint8Array {
    const [first, ...more] = this.fresh
    const joined = more.length === 0 ? (first ?? new Uint8Array(0)) : concat(this.fresh)
    this.fresh = [joined]
    return joined
  }

  get destroyed(): string | undefined {
    return this.connection.reason
  }

  get parked(): boolean {
    return this.connection.isParked
  }

  get paused(): boolean {
    return this.connection.isPaused
  }

  get unread(): number {
    return this.connection.unread
  }

  get counts() {
    return this.connection.counts
  }

  get violations(): ReadonlyArray<string> {
    return this.connection.violations
  }

  // ---- what the test waits for ----

  get take(): Effect.Effect<Uint8Array, FakeSocketClosed> {
    return this.wait("a first byte", () =>
      this.untaken.length === 0 ? undefined : this.takeUntil(this.untaken.length)
    )
  }

  get takeHead(): Effect.Effect<WireRequest, FakeSocketClosed> {
    return this.wait("a request head", () => this.takeParsed(parseHead(this.untaken)))
  }

  takeBody(head: WireRequest): Effect.Effect<WireRequest, FakeSocketClosed> {
    return this.wait("a request's body", () => this.takeParsed(parseBody(head, this.untaken, 0)))
  }

  get takeRequest(): Effect.Effect<WireRequest, FakeSocketClosed> {
    return this.wait("a request", () => this.takeParsed(parseRequest(this.untaken)))
  }

  get awaitDestroyed(): Effect.Effect<string> {
    return Effect.suspend(() =>
      this.destroyed === undefined
        ? Effect.flatMap(this.changes.after(this.changes.count), () => this.awaitDestroyed)
        : Effect.succeed(this.destroyed)
    )
  }

  private takeUntil(end: number): Uint8Array {
    const bytes = this.untaken
    this.fresh = [bytes.subarray(end)]
    return bytes.subarray(0, end)
  }

  private takeParsed(
    parsed: { readonly request: WireRequest; readonly next: number } | undefined
  ): WireRequest | undefined {
    if (parsed === undefined) return undefined
    this.takeUntil(parsed.next)
    return parsed.request
  }

  /** Taking happens in the step that goes on, never in the callback: an interrupted `take…` has taken nothing. */
  private wait<A>(awaited: string, attempt: () => A | undefined): Effect.Effect<A, FakeSocketClosed> {
    return Effect.suspend(() => {
      const result = attempt()
      if (result !== undefined) return Effect.succeed(result)
      if (this.destroyed !== undefined) return Effect.fail(new FakeSocketClosed({ reason: this.destroyed, awaited }))
      return Effect.flatMap(this.changes.after(this.changes.count), () => this.wait(awaited, attempt))
    })
  }
}

export const makeSocket = (
  loop: EventLoop,
  facts: ConnectionFacts,
  onDestroyed: (socket: FakeSocket) => void = () => {}
): FakeSocket => new FakeSocketImpl(facts, loop, onDestroyed)
