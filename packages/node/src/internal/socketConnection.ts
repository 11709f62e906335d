/**
 * A `Connection` on a socket of Node.
 *
 * One set of callbacks for the socket's whole life, added when it opens: nothing is added per request.
 *
 * @internal
 */

import type * as Net from "node:net"
import type { Connection, ConnectionFacts, EndKind, Receiver } from "@hotaru/pool/Connection"
import { silentReceiver } from "@hotaru/pool/Connection"
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import { nodeContexts } from "./asyncContexts.js"
import { forgetWriteError, isWriteError, keepReadingAfterWriteError, wasReset } from "./nodeInternals.js"
import { bufferOf, clearBehind, copyOf, letGo, mayGiveAway, nextSize, readSize, sharedBuffer } from "./readBuffer.js"
import { onTurn } from "./turn.js"

let opened = 0

/** All who ask for a turn in the same tick are told in one callback: each fiber goes on in its own context. */
const turn: Effect.Effect<void> = Effect.async((resume) => {
  const context = nodeContexts.capture()
  onTurn(() => context.run(resume, Effect.void))
})

/** How the input ended, told once all bytes before it have been. */
type Ending = { readonly _tag: "End"; readonly kind: EndKind } | { readonly _tag: "Error"; readonly cause: unknown }

export class SocketConnection implements Connection {
  id = 0
  facts: ConnectionFacts = {}
  isOpen = false
  bytesRead = 0
  bytesWritten = 0

  readonly turn = turn
  /** What an error means that comes before the first byte of the peer's: a refusal that follows the handshake, perhaps. */
  explain: ((cause: unknown) => unknown) | undefined = undefined
  private socket: Net.Socket | undefined
  private told: Receiver | undefined
  /** What this socket reads into; undefined once given away, until the read is over. */
  private buffer: Uint8Array | undefined = sharedBuffer
  /** Bytes of the read under way; 0 between two. */
  private lastRead = 0
  private readSize = readSize
  private paused = false
  private parked = false
  private destroyed = false
  private writesFailed = false
  /** What the connector had set for TCP keep-alive; `undefined`: never. */
  private usualKeepAlive: number | undefined
  private held: Array<Uint8Array> | undefined
  private ending: Ending | undefined

  /** What `net.connect` and `tls.connect` take as `onread`. */
  readonly onread: Net.OnReadOpts = {
    buffer: () => this.buffer ?? sharedBuffer,
    callback: (length, buffer) => {
      this.read(length, buffer as Uint8Array)
      return true
    }
  }

  /** The dial has succeeded: from here on the socket's events are this connection's. */
  open(socket: Net.Socket, facts: ConnectionFacts, keepAlive?: number | undefined): void {
    this.usualKeepAlive = keepAlive
    this.id = ++opened
    this.socket = socket
    this.facts = facts
    this.isOpen = true
    keepReadingAfterWriteError(socket)
    socket.on("end", () => this.ended(socket))
    socket.on("error", (cause) => this.failed(socket, cause))
    socket.on("close", () => this.failed(socket, new Error("the socket was closed")))
    socket.on("drain", () => {
      if (this.isOpen) this.receiver.onDrain()
    })
  }

  get receiver(): Receiver {
    return this.told ?? silentReceiver
  }

  set receiver(receiver: Receiver) {
    const first = this.told === undefined
    this.told = receiver
    if (first && (this.held !== undefined || this.ending !== undefined)) this.release()
  }

  get isFlushed(): boolean {
    return !this.writesFailed && (this.socket === undefined || this.socket.writableLength === 0)
  }

  write(data: Uint8Array | string): boolean {
    const socket = this.socket
    if (!this.isOpen || socket === undefined) return true
    const more = typeof data === "string" ? socket.write(data, "latin1") : socket.write(data)
    if (socket.errored !== null && this.facts.tls === undefined) {
      // Failed in the call itself: not a byte was taken, and `bytesWritten` must prove it (RFC 9110 section 9.2.2).
      this.isOpen = false
      this.writesFailed = true
      return true
    }
    this.bytesWritten += data.length
    return more
  }

  keep(bytes: Uint8Array): Uint8Array {
    const { buffer } = this
    // Between two reads the next one is to come into it.
    if (this.lastRead === 0 || buffer === undefined || !mayGiveAway(buffer, bytes)) return copyOf(bytes)
    clearBehind(buffer, this.lastRead)
    letGo(buffer)
    this.buffer = undefined
    return bytes
  }

  pause(): void {
    this.paused = true
    this.socket?.pause()
  }

  resume(): void {
    // Asked after every lease; hardly ever has anybody paused.
    if (!this.paused && this.held === undefined && this.ending === undefined) return
    this.paused = false
    if (this.held !== undefined || this.ending !== undefined) this.release()
    else this.socket?.resume()
  }

  park(): void {
    this.parked = true
    // Too late for the buffer, which Node has taken for the next read; that one ends with the shared one.
    if (this.lastRead === 0) this.readSize = readSize
    this.socket?.unref()
  }

  unpark(): void {
    this.parked = false
    this.socket?.ref()
  }

  keepAlive(millis: number | undefined): void {
    if (!this.isOpen) return
    const wanted = millis ?? this.usualKeepAlive ?? 0
    this.socket?.setKeepAlive(wanted > 0, wanted)
  }

  onTurn(resume: () => void): void {
    onTurn(resume)
  }

  destroy(_reason: string): void {
    if (this.destroyed) return
    this.destroyed = true
    this.isOpen = false
    this.told = silentReceiver
    this.held = undefined
    this.ending = undefined
    letGo(this.buffer)
    this.buffer = sharedBuffer
    this.socket?.destroy()
  }

  /** What is shown of it where it is printed: its socket holds the secrets of the TLS session that it resumed. */
  toJSON(): unknown {
    const { bytesRead, bytesWritten, facts, id, isOpen } = this
    return { _id: "@hotaru/node/Connection", id, isOpen, bytesRead, bytesWritten, facts }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  private read(length: number, buffer: Uint8Array): void {
    if (this.destroyed) return
    this.bytesRead += length
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, length)
    const { told } = this
    if (told === undefined || this.paused || this.held !== undefined) {
      // TLS hands out what it has decrypted already, paused or not: at most what one read of the socket held.
      if (this.held === undefined) this.held = []
      this.held.push(copyOf(bytes))
      return
    }
    this.lastRead = length
    try {
      told.onBytes(bytes)
    } finally {
      this.lastRead = 0
      this.readSize = nextSize(this.readSize, length)
      // Destroyed or idle: it needs none of its own.
      this.buffer = bufferOf(this.destroyed || this.parked ? readSize : this.readSize, this.buffer)
    }
  }

  private ended(socket: Net.Socket): void {
    this.over({ _tag: "End", kind: wasReset(socket) ? "reset" : "fin" })
  }

  private failed(socket: Net.Socket, cause: unknown): void {
    if (this.destroyed || this.ending !== undefined) return
    this.isOpen = false
    const meant = this.bytesRead === 0 && this.explain !== undefined ? this.explain(cause) : cause
    if (socket.destroyed || !isWriteError(socket, cause)) return this.over({ _tag: "Error", cause: meant })
    // Only writing failed: an answer may have arrived before, and is still to be read.
    this.writesFailed = true
    forgetWriteError(socket)
    const { told } = this
    if (told?.onWriteError !== undefined) told.onWriteError(meant)
    else onTurn(() => this.over({ _tag: "Error", cause: meant }))
  }

  private over(ending: Ending): void {
    if (this.destroyed || this.ending !== undefined) return
    this.isOpen = false
    this.ending = ending
    if (this.told !== undefined && this.held === undefined && !this.paused) this.finish(this.told, ending)
  }

  private finish(told: Receiver, ending: Ending): void {
    if (ending._tag === "End") told.onEnd(ending.kind)
    else told.onError(ending.cause)
    // Nothing more can be had from it, and an ended socket keeps its descriptor until somebody closes it.
    this.destroy("over")
  }

  /** Tells what was held back, in order, until somebody pauses again; never from within the call that asked for it. */
  private release(): void {
    process.nextTick(() => {
      while (this.held !== undefined && !this.paused && this.told !== undefined) {
        const bytes = this.held.shift()
        if (bytes === undefined) this.held = undefined
        else this.told.onBytes(bytes)
      }
      if (this.destroyed || this.held !== undefined || this.paused || this.told === undefined) return
      if (this.ending !== undefined) this.finish(this.told, this.ending)
      else this.socket?.resume()
    })
  }
}
