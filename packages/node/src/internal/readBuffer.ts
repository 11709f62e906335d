/**
 * Where sockets read into. All share one buffer, because what is read is consumed before the next socket reads. A
 * connection that is reading much gets a buffer of its own, which can be given away instead of copied.
 *
 * @internal
 */

/** 64 KiB: what one read of the event loop takes at most. */
export const readSize = 65536

/** What every idle connection, and every connection reading little, reads into. Never given away. */
export const sharedBuffer = new Uint8Array(readSize)

/** A read of at least this is a large one. */
const large = readSize / 2

/**
 * What a chunk may have in front of it inside a buffer that is given away: a chunk-size line. Anything longer could be
 * the head of a response, with its cookies, and would be visible through `chunk.buffer`.
 */
const prefix = 16

/** Which buffer to read into next: a private one after a large read, so that the chunk after it need not be copied. */
export const nextBuffer = (current: Uint8Array | undefined, lastRead: number, parked: boolean): Uint8Array => {
  if (lastRead < large || parked) return sharedBuffer
  // Neither a part of a slab, which others use, nor filled with zeros, which costs as much as reading into it.
  return current === undefined || current === sharedBuffer ? Buffer.allocUnsafeSlow(readSize) : current
}

/**
 * Makes a private buffer fit to be given away: what lies behind the last read is what the memory held before, an earlier
 * read perhaps, and could be seen through `chunk.buffer`.
 */
export const clearBehind = (buffer: Uint8Array, lastRead: number): void => {
  if (lastRead < buffer.length) buffer.fill(0, lastRead)
}

/** Whether the buffer may be given away with this view of it. */
export const mayGiveAway = (buffer: Uint8Array, view: Uint8Array): boolean =>
  buffer !== sharedBuffer && view.buffer === buffer.buffer && view.byteLength >= large && view.byteOffset <= prefix

/** A copy in an `ArrayBuffer` of its own, exactly as long. (`Buffer.prototype.slice` would be a view.) */
export const copyOf = (view: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(view)
