/**
 * Bytes and latin1 strings. A code unit above 0xFF is refused: cutting it to eight bits is how headers are injected.
 */
export const latin1 = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0xff) {
      throw new RangeError(`the code unit 0x${unit.toString(16)} at position ${i} does not fit into one byte`)
    }
    bytes[i] = unit
  }
  return bytes
}

export const toLatin1 = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return text
}

export const toBytes = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? latin1(data) : data.slice()

export const concat = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
