/**
 * A connection that is watched: what was read in one turn of the event loop must have been followed by another turn
 * before the next lease writes.
 */
import type { Connection, ConnectionFacts, EndKind, Receiver } from "@hotaru/pool/Connection"
import { silentReceiver } from "@hotaru/pool/Connection"
import type { Lease } from "@hotaru/pool/Lease"
import type * as Effect from "effect/Effect"
import type { Trace } from "./Trace.js"

export class WatchedConnection implements Connection, Receiver {
  receiver: Receiver = silentReceiver
  /** The lease that it is on, if that is known. */
  lease: Lease | undefined = undefined
  /** Leases so far. */
  private leases = 0
  private readIn: { readonly poll: number; readonly lease: number } | undefined = undefined

  constructor(
    private readonly inner: Connection,
    /** Its number in this run. */
    readonly number: number,
    private readonly polls: () => number,
    private readonly trace: Trace
  ) {
    inner.receiver = this
  }

  /** A lease on it begins. */
  begin(lease: Lease | undefined): void {
    const before = this.lease
    if (before !== undefined && !before.settled && before !== lease)
      this.trace.broken("one lease a connection", `connection ${this.number} was leased while it was on lease`)
    this.lease = lease
    this.leases++
  }

  get id(): number {
    return this.inner.id
  }
  get facts(): ConnectionFacts {
    return this.inner.facts
  }
  get isOpen(): boolean {
    return this.inner.isOpen
  }
  get bytesRead(): number {
    return this.inner.bytesRead
  }
  get bytesWritten(): number {
    return this.inner.bytesWritten
  }
  get isFlushed(): boolean {
    return this.inner.isFlushed
  }
  get turn(): Effect.Effect<void> {
    return this.inner.turn
  }

  write(data: Uint8Array | string): boolean {
    const { readIn } = this
    if (this.isOpen && readIn !== undefined && readIn.lease !== this.leases && readIn.poll >= this.polls())
      this.trace.broken(
        "a connection rests",
        `connection ${this.number} was written to in the turn in which it was last read`
      )
    return this.inner.write(data)
  }
  keep(bytes: Uint8Array): Uint8Array {
    return this.inner.keep(bytes)
  }
  pause(): void {
    this.inner.pause()
  }
  resume(): void {
    this.inner.resume()
  }
  park(): void {
    this.inner.park()
  }
  unpark(): void {
    this.inner.unpark()
  }
  onTurn(resume: () => void): void {
    this.inner.onTurn(resume)
  }
  destroy(reason: string): void {
    this.inner.destroy(reason)
  }

  onBytes(bytes: Uint8Array): void {
    this.readIn = { poll: this.polls(), lease: this.leases }
    this.receiver.onBytes(bytes)
  }
  onEnd(kind: EndKind): void {
    this.receiver.onEnd(kind)
  }
  onError(cause: unknown): void {
    this.receiver.onError(cause)
  }
  onDrain(): void {
    this.receiver.onDrain()
  }
}
