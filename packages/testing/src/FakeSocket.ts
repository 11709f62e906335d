/**
 * Both ends of a connection in a test's hands. The client's end is a `Connection` as the pool knows it; the other end,
 * what a server and the network would do, is this module's {@link FakeSocket}.
 *
 * @since 0.1.0
 */
import type { Connection, ConnectionFacts } from "@hotaru/pool/Connection"
import type * as Effect from "effect/Effect"
import { EventLoop } from "./internal/eventLoop.js"
import { makeSocket } from "./internal/fakeSocket.js"
import type { FakeSocketClosed } from "./internal/socketClosed.js"
import type { WireRequest } from "./Wire.js"

export {
  /**
   * What was waited for on a socket cannot come any more: the client has closed it.
   *
   * @since 0.1.0
   * @category errors
   */
  FakeSocketClosed
} from "./internal/socketClosed.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface FakeSocketOptions {
  readonly facts?: ConnectionFacts | undefined
  /**
   * True: nothing is seen and no turn ends until `poll`. False (the default): the fake event loop polls by itself, as
   * soon as no fiber can go on, whenever there is something to see or a turn to end.
   */
  readonly manualTurns?: boolean | undefined
}

/**
 * How writes fail.
 *
 * @since 0.1.0
 * @category models
 */
export interface WriteFailure {
  /** What the client's receiver is told. An `EPIPE` by default. */
  readonly cause?: unknown
  /**
   * True: the client goes on reading, as after a server that answered early and then closed its side, and is told of
   * the failure only when its input ends. False (the default): it is told at the next poll.
   */
  readonly inputGoesOn?: boolean | undefined
}

/**
 * A connection with both ends visible. Everything the server does comes in two forms: at once (`send`: it has arrived
 * and is seen within this very call) and `…Later` (`sendLater`: it has arrived at this machine, and is seen when the
 * event loop polls next).
 *
 * Bytes that the client's receiver gets are borrowed: they are overwritten as soon as `onBytes` has returned.
 *
 * @since 0.1.0
 * @category models
 */
export interface FakeSocket {
  /** The client's end. */
  readonly connection: Connection
  /** The connection's id. */
  readonly id: number

  /** The server sends bytes (or a string of code units up to 0xFF), and the client sees them at once unless it has paused. */
  send(data: Uint8Array | string): void
  /** The bytes have arrived; the next poll shows them. */
  sendLater(data: Uint8Array | string): void
  /** The server ends its side (FIN). */
  end(): void
  endLater(): void
  /** The server resets the connection. `loseUnread`: bytes the client has not read yet are lost with it, as they may be. */
  reset(options?: { readonly loseUnread?: boolean | undefined }): void
  resetLater(options?: { readonly loseUnread?: boolean | undefined }): void
  /** The connection breaks: the receiver is told by `onError`. */
  fail(cause?: unknown): void
  failLater(cause?: unknown): void
  /** From now on, what the client writes is lost. */
  failWrites(failure?: WriteFailure): void
  /**
   * The server stops reading: what the client writes stays in the client's process, and `write` answers false once more
   * than `highWaterMark` bytes (default 0) are held.
   */
  holdWrites(highWaterMark?: number): void
  /** Takes `count` of the bytes held, or all of them and all that follow. When none is left, a client told to wait gets `onDrain`. */
  releaseWrites(count?: number): void
  /** Ends a turn of the socket's event loop: what has arrived is seen, then all turns asked for before end. */
  poll(): void

  /** Everything the client has given to `write`. */
  readonly written: Uint8Array
  /** {@link FakeSocket.written} as latin1. */
  readonly writtenText: string
  /** What of it has reached the server. */
  readonly received: Uint8Array
  /** {@link FakeSocket.received} as latin1. */
  readonly receivedText: string
  /** What of that no `take…` has taken. */
  readonly untaken: Uint8Array
  /** Takes the bytes that have reached the server since the last `take…`; waits for the first one. */
  readonly take: Effect.Effect<Uint8Array, FakeSocketClosed>
  /** Takes a complete request head, waiting for it. Its `body` is empty; the body's bytes are left to the next `take…`. */
  readonly takeHead: Effect.Effect<WireRequest, FakeSocketClosed>
  /** Takes the body that follows a head taken by `takeHead`, waiting for its end; answers the whole request. */
  takeBody(head: WireRequest): Effect.Effect<WireRequest, FakeSocketClosed>
  /** Takes a complete request with its body, waiting for it. */
  readonly takeRequest: Effect.Effect<WireRequest, FakeSocketClosed>
  /** Waits until the client destroys the connection; answers the reason. */
  readonly awaitDestroyed: Effect.Effect<string>

  /** Why the client destroyed the connection; undefined while it has not. */
  readonly destroyed: string | undefined
  /** Whether the server has ended, reset or broken the connection. */
  readonly ended: boolean
  readonly parked: boolean
  readonly paused: boolean
  /** Bytes that have arrived and that the client has not read. */
  readonly unread: number
  readonly counts: FakeSocketCounts
  /** What the client did against the contract of `Connection`, such as parking a paused connection. */
  readonly violations: ReadonlyArray<string>
}

/**
 * How often the client did what.
 *
 * @since 0.1.0
 * @category models
 */
export interface FakeSocketCounts {
  readonly writes: number
  readonly keeps: number
  readonly turns: number
  readonly pauses: number
  readonly resumes: number
  readonly parks: number
  /** How often `onBytes` was called. */
  readonly deliveries: number
}

/**
 * A connection that is open, on an event loop of its own.
 *
 * @example
 * ```ts
 * import { FakeSocket } from "@hotaru/testing"
 *
 * const socket = FakeSocket.make()
 * socket.connection.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
 * console.log(socket.writtenText)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: FakeSocketOptions): FakeSocket =>
  makeSocket(new EventLoop(options?.manualTurns === true), options?.facts ?? {})
