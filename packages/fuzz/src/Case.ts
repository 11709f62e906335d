/** What is fed to every reader. */

/** A request that was sent, and the bytes that came for it. One code unit a byte. */
export interface Case {
  readonly method: "GET" | "HEAD" | "CONNECT"
  /** Whether the request asked for another protocol. */
  readonly upgrade: boolean
  readonly bytes: string
  /** Whether the codec reads under limits so low that ordinary answers pass them. */
  readonly lowLimits: boolean
  /** Where the codec's bytes are cut, as parts of the whole. */
  readonly cuts: ReadonlyArray<number>
}

export const toBytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** As a line of source that makes the same case. */
export const show = ({ bytes, cuts, lowLimits, method, upgrade }: Case): string =>
  `{ method: "${method}", upgrade: ${upgrade}, lowLimits: ${lowLimits}, cuts: ${JSON.stringify(cuts)}, bytes: ${quote(bytes)} }`

/** JSON leaves code units from 0x7F on as they are, which a terminal may not show. */
const quote = (text: string): string =>
  JSON.stringify(text).replace(
    /[\x7f-\xff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
