/**
 * Ways to cut a byte string. Pieces are views; none is empty.
 */
import { seeded } from "./seeded.js"

type Pieces = ReadonlyArray<Uint8Array>

export const whole = (bytes: Uint8Array): Pieces => (bytes.length === 0 ? [] : [bytes])

export const piecesOf =
  (size: number) =>
  (bytes: Uint8Array): Pieces => {
    if (!(size >= 1)) throw new RangeError(`a piece has at least 1 byte, not ${size}`)
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    return pieces
  }

export const bytes = piecesOf(1)

export const cutsAt =
  (positions: ReadonlyArray<number>) =>
  (bytes: Uint8Array): Pieces => {
    const inside = [...new Set(positions)].filter((at) => at > 0 && at < bytes.length).sort((a, b) => a - b)
    return [0, ...inside].map((at, i) => bytes.subarray(at, inside[i])).filter((piece) => piece.length > 0)
  }

/** Sizes from one byte to all that is left, small ones as likely as large ones. */
export const randomCuts =
  (seed: number) =>
  (bytes: Uint8Array): Pieces => {
    const random = seeded(seed)
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; ) {
      const size = Math.max(1, Math.floor((bytes.length - at) ** random()))
      pieces.push(bytes.subarray(at, at + size))
      at += size
    }
    return pieces
  }

export const everyCut = (bytes: Uint8Array): ReadonlyArray<readonly [Uint8Array, Uint8Array]> =>
  Array.from(
    { length: Math.max(0, bytes.length - 1) },
    (_, i) => [bytes.subarray(0, i + 1), bytes.subarray(i + 1)] as const
  )
