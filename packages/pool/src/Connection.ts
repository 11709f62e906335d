/**
 * What a connector opens: bytes both ways, to one peer, until one side ends it.
 *
 * Users and fakes implement {@link Connection}. Its callbacks are synchronous on purpose: the end of a connection is
 * told by the operating system in a callback, and a queue between that callback and the pool would let a dead
 * connection be lent once more.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { EgressDenial } from "./PoolError.js"

/**
 * What is known of a connection once it is open. Times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionFacts {
  /** The peer's address as it was dialled: an IP literal without brackets, or a socket path. */
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  /** How many leases the connection can carry at once. 1 (the default) for HTTP/1.1. */
  readonly capacity?: number | undefined
  /** Present when the bytes travel in TLS. */
  readonly tls?: TlsFacts | undefined
  /** How long each phase of the dial took. */
  readonly timings?: DialTimings | undefined
  /** Addresses of the host that a policy did not let be dialled. */
  readonly denials?: ReadonlyArray<EgressDenial> | undefined
}

/**
 * What is known of a connection in TLS.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsFacts {
  /** For example `TLSv1.3`. */
  readonly protocol: string
  readonly cipher: string
  /** Whether the peer's certificate was verified. */
  readonly authorized: boolean
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean
  /** The protocol chosen by ALPN, if any. */
  readonly alpn?: string | undefined
  /** Whether the connector had a client certificate to give, whether or not the peer asked for one. */
  readonly clientCertificate?: boolean | undefined
}

/**
 * Milliseconds spent in each phase of a dial.
 *
 * @since 0.1.0
 * @category models
 */
export interface DialTimings {
  readonly dns: number
  readonly tcp: number
  readonly tls: number
}

/**
 * How a connection's input came to its end.
 *
 * - `fin`: the peer ended its side. Over TLS a bare FIN cannot be told from a `close_notify`.
 * - `reset`: the peer reset the connection, or what looked like an end was a reset behind unread data.
 *
 * Neither means that a message is complete.
 *
 * @since 0.1.0
 * @category models
 */
export type EndKind = "fin" | "reset"

/**
 * Who is told what happens on a connection. There is one at a time: the pool's while the connection is parked, the
 * lease holder's while it is leased.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  /**
   * Bytes came in. They are borrowed: valid only until this call returns. Whoever wants them longer asks
   * {@link Connection.keep}.
   */
  onBytes(bytes: Uint8Array): void
  /** The input ended. No bytes follow; {@link Connection.isOpen} is false already. At most one of `onEnd` and `onError` is called, once. */
  onEnd(kind: EndKind): void
  /** The connection broke. No bytes follow; {@link Connection.isOpen} is false already. */
  onError(cause: unknown): void
  /** After a `write` that answered false: everything held back has been taken. */
  onDrain(): void
  /**
   * Writing failed, but input may still come: a peer that refuses an upload answers and closes, and its answer may be
   * here already. {@link Connection.isOpen} is false, nothing more can be written, no `onDrain` follows. Bytes, and
   * then `onEnd` or `onError`, come as usual; how long to wait for them (and to `destroy` then) is the receiver's to
   * decide.
   *
   * A receiver without this method gets `onError` once a turn has passed, so that it sees what had arrived.
   */
  onWriteError?(cause: unknown): void
}

/**
 * A connection: bytes both ways.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  /** Unique among the connections of a process. */
  readonly id: number
  readonly facts: ConnectionFacts
  /** False from the moment an end, an error or `destroy` is known. Read at every grant, so a plain property. */
  readonly isOpen: boolean
  /** Bytes read so far (decrypted ones, over TLS). */
  readonly bytesRead: number
  /**
   * Bytes given to `write` so far. A write that is known in the call itself to have sent nothing does not count: if
   * the number is what it was before, the peer has not seen a byte.
   */
  readonly bytesWritten: number
  /** Whether everything given to `write` has left this process. */
  readonly isFlushed: boolean
  /** Who is told what happens. Set it before the first byte can come; it replaces the one before. */
  receiver: Receiver
  /**
   * Writes bytes, or a string of code units up to 0xFF (latin1). Answers whether more may be written at once; if not,
   * the receiver's `onDrain` says when. Bytes given must not be changed afterwards. After the connection has closed
   * it does nothing and answers true.
   */
  write(data: Uint8Array | string): boolean
  /** Turns borrowed bytes of this very `onBytes` call into bytes that stay as they are, by copy or by giving the buffer away. */
  keep(bytes: Uint8Array): Uint8Array
  /** Stops reading. A paused connection sees neither an end nor a reset: never park it paused. */
  pause(): void
  resume(): void
  /** The connection is idle: it must not keep the process alive. */
  park(): void
  /** The connection is in use again. */
  unpark(): void
  /**
   * After how many milliseconds of silence the transport asks whether the peer is still there (TCP keep-alive): 0 is
   * never, `undefined` what the connector had set. Whoever holds a lease may change it, and undoes it before its end.
   * A connection without this method has nothing to set.
   */
  keepAlive?(millis: number | undefined): void
  /**
   * Calls back once the event loop has polled for input at least once since this call: whatever the operating system
   * held for this connection before has then been seen. Called even if the connection closes meanwhile.
   */
  onTurn(resume: () => void): void
  /** {@link Connection.onTurn} as an effect. */
  readonly turn: Effect.Effect<void>
  /** Closes at once, synchronously; the receiver is not told. Doing it twice does nothing. */
  destroy(reason: string): void
}

const ignore = () => {}

/**
 * A receiver that ignores everything.
 *
 * @since 0.1.0
 * @category constructors
 */
export const silentReceiver: Receiver = { onBytes: ignore, onEnd: ignore, onError: ignore, onDrain: ignore }
