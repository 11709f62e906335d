/**
 * Where sockets read into. All share one buffer, because what is read is consumed before the next socket reads. A
 * connection that is reading much gets buffers of its own, which can be given away instead of copied.
 *
 * @internal
 */

/** 64 KiB: what one read of the event loop takes at most while little comes. */
export const readSize = 65536

/** What one read takes at most while much comes: fewer reads, and fewer pieces, for the same bytes. */
export const mostReadSize = 4 * readSize

/** What every connection reads into that reads little. Never given away. */
export const sharedBuffer = new Uint8Array(readSize)

/**
 * What the buffers of their own may take together, in this process. Node takes the buffer of the next read as soon as
 * one is over, and nothing documented takes it back: a connection that is given back later than in its last read keeps
 * its own until it reads again. Without a bound, thousands of idle ones could. Who comes too late reads into the shared
 * one.
 */
export const mostOwned = 128 * mostReadSize

/** What they take now. */
let owned = 0

/**
 * What a chunk may have in front of it inside a buffer that is given away: a chunk-size line. Anything longer could be
 * the head of a response, with its cookies, and would be visible through `chunk.buffer`.
 */
const prefix = 16

/**
 * How large the buffer after this read should be: twice as large once one was filled, half as large once a quarter
 * would have done. The smallest is the shared one.
 */
export const nextSize = (size: number, lastRead: number): number => {
  if (lastRead >= size) return Math.min(size * 2, mostReadSize)
  return lastRead < size / 4 ? Math.max(size / 2, readSize) : size
}

/** A buffer of this size to read into, which may be the one at hand; a smaller one where there are too many. */
export const bufferOf = (size: number, current: Uint8Array | undefined): Uint8Array => {
  if (current !== undefined && current.length === size) return current
  letGo(current)
  if (size <= readSize || owned + size > mostOwned) return sharedBuffer
  owned += size
  // Neither a part of a slab, which others use, nor filled with zeros, which costs as much as reading into it.
  return Buffer.allocUnsafeSlow(size)
}

/** The buffer is not read into any more. */
export const letGo = (buffer: Uint8Array | undefined): void => {
  if (buffer !== undefined && buffer !== sharedBuffer) owned -= buffer.length
}

/**
 * Makes a private buffer fit to be given away: what lies behind the last read is what the memory held before, an earlier
 * read perhaps, and could be seen through `chunk.buffer`.
 */
export const clearBehind = (buffer: Uint8Array, lastRead: number): void => {
  if (lastRead < buffer.length) buffer.fill(0, lastRead)
}

/** Whether the buffer may be given away with this view of it: at most as much again is kept with it. */
export const mayGiveAway = (buffer: Uint8Array, view: Uint8Array): boolean =>
  buffer !== sharedBuffer &&
  view.buffer === buffer.buffer &&
  view.byteLength * 2 >= buffer.length &&
  view.byteOffset <= prefix

/** A copy in an `ArrayBuffer` of its own, exactly as long. (`Buffer.prototype.slice` would be a view.) */
export const copyOf = (view: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(view)
