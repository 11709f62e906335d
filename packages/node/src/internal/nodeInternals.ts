/**
 * Everything we touch of Node that Node does not document. Each of these is held by a test that fails when Node
 * changes it.
 *
 * @internal
 */
import { AsyncLocalStorage, executionAsyncResource } from "node:async_hooks"
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

/**
 * How the symbols are called under which Node 20 and 22 keep a store in the resource that is current, one symbol for each
 * `AsyncLocalStorage`. Later versions keep stores elsewhere, and have none.
 */
const storeName = (new AsyncLocalStorage() as unknown as { readonly kResourceStore?: symbol }).kResourceStore
  ?.description

/** Whether symbols are such, of those met so far: mostly the same few, and asking a symbol for its name takes longer. */
const areStores = new Map<symbol, boolean>()
const mostKnown = 256

const isStore = (symbol: symbol): boolean => {
  const known = areStores.get(symbol)
  if (known !== undefined) return known
  const is = symbol.description === storeName
  if (areStores.size < mostKnown) areStores.set(symbol, is)
  return is
}

/**
 * Whether an `AsyncLocalStorage` may have a store in the context of now. False means that none has; where that cannot be
 * told it is true.
 */
export const mayHoldStores = (): boolean => {
  if (storeName === undefined) return true
  const resource = executionAsyncResource() as Record<symbol, unknown>
  const symbols = Object.getOwnPropertySymbols(resource)
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as symbol
    if (isStore(symbol) && resource[symbol] !== undefined) return true
  }
  return false
}

/** Stores taken out of a resource: symbol and store in turn. */
export type Stores = ReadonlyArray<unknown>

const noStores: Stores = []

/**
 * Empties a resource that many run in: who calls `enterWith` while it is current leaves the store in it. Answers what was
 * there, for `putStores`.
 */
export const takeStores = (resource: object): Stores => {
  let taken: Array<unknown> | undefined
  const stores = resource as Record<symbol, unknown>
  const symbols = storeName === undefined ? noStores : Object.getOwnPropertySymbols(resource)
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as symbol
    if (!isStore(symbol) || stores[symbol] === undefined) continue
    taken ??= []
    taken.push(symbol, stores[symbol])
    stores[symbol] = undefined
  }
  return taken ?? noStores
}

/** What is in the resource now goes, and what was taken out of it is back. */
export const putStores = (resource: object, taken: Stores): void => {
  takeStores(resource)
  for (let i = 0; i < taken.length; i += 2) (resource as Record<symbol, unknown>)[taken[i] as symbol] = taken[i + 1]
}
