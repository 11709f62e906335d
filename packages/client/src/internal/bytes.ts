/**
 * Bytes and latin1 strings.
 *
 * @internal
 */

/** One array of its own, exactly as long as the pieces together; a single piece is given back as it is. */
export const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!
  let length = 0
  for (const piece of pieces) length += piece.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const piece of pieces) {
    whole.set(piece, offset)
    offset += piece.length
  }
  return whole
}

/** Up to this many bytes are cheaper as code units of the head's string than as a buffer around both. */
const asString = 2048

/** Up to this many bytes travel with the head in one write; a copy costs less than a second system call. */
const inOneWrite = 32 * 1024

/**
 * A head, the bytes after it and what closes them, ready for one write; or undefined if the bytes are so many that
 * writing them apart costs less than copying them.
 */
export const joined = (head: string, bytes: Uint8Array, tail = ""): string | Uint8Array | undefined => {
  if (bytes.length <= asString) {
    return head + String.fromCharCode.apply(null, bytes as unknown as Array<number>) + tail
  }
  if (bytes.length > inOneWrite) return undefined
  const whole = new Uint8Array(head.length + bytes.length + tail.length)
  putLatin1(whole, head, 0)
  whole.set(bytes, head.length)
  putLatin1(whole, tail, head.length + bytes.length)
  return whole
}

const putLatin1 = (into: Uint8Array, text: string, offset: number): void => {
  for (let i = 0; i < text.length; i++) into[offset + i] = text.charCodeAt(i)
}
