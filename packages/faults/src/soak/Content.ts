/** The content of an id: any byte of it tells which id it is of and where it stands. Made where it is needed, not kept. */

/** A prime, so that no chunk or buffer is a multiple of it. */
const period = 4093

/** The first `length` bytes at most of an id's pattern, which repeats from there (xorshift32). */
const pattern = (id: number, length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(Math.min(length, period))
  let state = (Math.imul(id + 1, 0x9e3779b1) ^ 0x5bd1e995) | 1
  for (let at = 0; at < bytes.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

export const make = (id: number, length: number): Buffer => {
  const one = pattern(id, length)
  return length <= period ? one : Buffer.alloc(length, one)
}

/** Compares what comes, piece by piece, with the content of an id. */
export class Check {
  received = 0
  private readonly one: Buffer
  private right = true

  constructor(
    id: number,
    private readonly length: number
  ) {
    this.one = pattern(id, length)
  }

  take(bytes: Uint8Array): void {
    if (this.received + bytes.length > this.length) this.right = false
    for (let at = 0; at < bytes.length && this.right; ) {
      const from = this.received % period
      const length = Math.min(this.one.length - from, bytes.length - at)
      this.right = this.one.compare(bytes, at, at + length, from, from + length) === 0
      at += length
      this.received += length
    }
  }

  /** Nothing wrong until now. */
  get isPrefix(): boolean {
    return this.right
  }

  get isWhole(): boolean {
    return this.right && this.received === this.length
  }
}
