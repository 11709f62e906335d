/**
 * Everything we touch of Node that Node does not document. Each of these is held by a test that fails when Node
 * changes it.
 *
 * @internal
 */
import type * as Net from "node:net"

interface StreamState {
  autoDestroy: boolean
  errored: unknown
}

interface Insides {
  readonly _readableState: StreamState
  readonly _writableState: StreamState
  readonly _handle: { readonly getpeername?: (out: object) => number } | null
}

const inside = (socket: Net.Socket): Insides => socket as unknown as Insides

/** `ENOTCONN` as libuv counts it on Linux; other systems number it differently, all below zero. */
const isGone = (status: number): boolean => status < 0

/**
 * A failed write destroys a socket, and with it an answer that has arrived but was not read (a 413 during an upload).
 * After this the failure is told by the `error` event alone and reading goes on. `net.Socket` has no option for it: it
 * sets `autoDestroy` itself.
 */
export const keepReadingAfterWriteError = (socket: Net.Socket): void => {
  const { _readableState, _writableState } = inside(socket)
  _readableState.autoDestroy = false
  _writableState.autoDestroy = false
}

/** Whether this error is that of a write; TLS tells alerts of the peer by the same event. */
export const isWriteError = (socket: Net.Socket, cause: unknown): boolean =>
  inside(socket)._writableState.errored === cause

/** A write error marks the readable side too, which then would never tell its end. */
export const forgetWriteError = (socket: Net.Socket): void => {
  inside(socket)._readableState.errored = null
}

/**
 * Whether what looked like an end of input was a reset: the operating system knows no peer any more. A reset behind
 * unread data is reported as a clean end otherwise.
 */
export const wasReset = (socket: Net.Socket): boolean => {
  const handle = inside(socket)._handle
  return handle !== null && typeof handle.getpeername === "function" && isGone(handle.getpeername({}))
}
