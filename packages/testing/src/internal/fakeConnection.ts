/**
 * The client's end of a fake socket: the pool's `Connection`, to the letter.
 */
import type { Connection, ConnectionFacts, Receiver } from "@hotaru/pool/Connection"
import { silentReceiver } from "@hotaru/pool/Connection"
import * as Effect from "effect/Effect"
import { toBytes } from "./bytes.js"
import type { EventLoop, Source } from "./eventLoop.js"

let ids = 0

/** What the other end can do to the client. */
export type Arrival =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "End"; readonly kind: "fin" | "reset"; readonly loseUnread: boolean }
  | { readonly _tag: "Error"; readonly cause: unknown }

/** What the client did, told to the server's end. */
export interface Peer {
  wrote(bytes: Uint8Array): boolean
  readonly flushed: boolean
  closed(): void
  /** If writes have failed while the input went on, the failure that is told in place of the input's end. */
  readonly writeFailure: { readonly cause: unknown } | undefined
}

/** A read of a real socket gives no more than this at once. */
const maxRead = 65_536
/** What borrowed bytes become. A reader that keeps them finds this. */
const garbage = 0xdb

export class FakeConnection implements Connection, Source {
  readonly id = ++ids
  receiver: Receiver = silentReceiver
  isOpen = true
  bytesRead = 0
  bytesWritten = 0
  isParked = false
  isPaused = false
  reason: string | undefined = undefined
  readonly counts = { writes: 0, keeps: 0, turns: 0, pauses: 0, resumes: 0, parks: 0, deliveries: 0 }
  readonly violations: Array<string> = []
  readonly turn: Effect.Effect<void>
  private arrivals: Array<Arrival> = []
  private delivering = false
  private allowed = 0
  private lent: Uint8Array | undefined = undefined

  constructor(
    readonly facts: ConnectionFacts,
    private readonly loop: EventLoop,
    private readonly peer: Peer
  ) {
    this.turn = Effect.async<void>((resume) => this.onTurn(() => resume(Effect.void)))
  }

  get isFlushed(): boolean {
    return this.peer.flushed
  }

  write(data: Uint8Array | string): boolean {
    const bytes = toBytes(data)
    if (!this.isOpen) return true
    this.counts.writes++
    this.bytesWritten += bytes.length
    if (this.isParked) this.violations.push("wrote while parked")
    return this.peer.wrote(bytes)
  }

  keep(bytes: Uint8Array): Uint8Array {
    if (this.lent === undefined || bytes.buffer !== this.lent.buffer) {
      throw new Error(
        "keep was given bytes that are not those of the current onBytes call: they are garbage by now, or were never borrowed"
      )
    }
    this.counts.keeps++
    return bytes.slice()
  }

  pause(): void {
    this.counts.pauses++
    this.isPaused = true
    if (this.isParked) this.violations.push("paused while parked")
  }

  resume(): void {
    this.counts.resumes++
    this.isPaused = false
    // A socket that is resumed never reads within the call.
    if (this.arrivals.length > 0) this.loop.arrived(this)
  }

  park(): void {
    this.counts.parks++
    this.isParked = true
    if (this.isPaused) this.violations.push("parked while paused")
  }

  unpark(): void {
    this.isParked = false
  }

  onTurn(resume: () => void): void {
    this.counts.turns++
    this.loop.onTurn(resume)
  }

  destroy(reason: string): void {
    if (this.reason !== undefined) return
    this.reason = reason
    this.isOpen = false
    // Nobody is told from here on, as on a real socket.
    this.receiver = silentReceiver
    this.arrivals = []
    this.peer.closed()
  }

  // ---- the network's side ----

  get backlog(): number {
    return this.arrivals.length
  }

  get unread(): number {
    return this.arrivals.reduce((sum, arrival) => sum + (arrival._tag === "Bytes" ? arrival.bytes.length : 0), 0)
  }

  arrive(arrival: Arrival): void {
    if (this.reason !== undefined) return
    if (arrival._tag === "End" && arrival.loseUnread) this.arrivals = []
    if (arrival._tag !== "Bytes") this.arrivals.push(arrival)
    else {
      for (let i = 0; i < arrival.bytes.length; i += maxRead) {
        this.arrivals.push({ _tag: "Bytes", bytes: arrival.bytes.subarray(i, i + maxRead) })
      }
    }
  }

  /** What arrives while a receiver runs is delivered after it has returned: a receiver is never entered twice. */
  deliver(count: number): void {
    this.allowed = Math.max(this.allowed, count)
    if (this.delivering) return
    this.delivering = true
    try {
      while (this.allowed > 0 && !this.isPaused && this.isOpen) {
        const arrival = this.arrivals.shift()
        if (arrival === undefined) break
        this.allowed--
        this.tell(arrival)
      }
    } finally {
      this.delivering = false
      this.allowed = 0
    }
  }

  private tell(arrival: Arrival): void {
    if (arrival._tag === "Bytes") {
      this.lend(arrival.bytes)
      return
    }
    this.isOpen = false
    this.arrivals = []
    if (arrival._tag === "Error") this.receiver.onError(arrival.cause)
    else if (this.peer.writeFailure !== undefined) this.receiver.onError(this.peer.writeFailure.cause)
    else this.receiver.onEnd(arrival.kind)
  }

  private lend(bytes: Uint8Array): void {
    // A view into a larger buffer, as real reads are: whoever looks at `.buffer` sees more than the bytes.
    const buffer = new Uint8Array(bytes.length + 16).fill(garbage)
    buffer.set(bytes, 8)
    this.lent = buffer.subarray(8, 8 + bytes.length)
    this.bytesRead += bytes.length
    this.counts.deliveries++
    try {
      this.receiver.onBytes(this.lent)
    } finally {
      this.lent = undefined
      buffer.fill(garbage)
    }
  }
}
