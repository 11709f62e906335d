/**
 * Addresses as bytes, and blocks of them (RFC 4632, RFC 4291 section 2.3).
 *
 * @internal
 */
import { canonical } from "./addresses.js"

/** Four bytes, or sixteen. */
export type AddressBytes = Uint8Array

/** The addresses that begin with the same bits. */
export interface Block {
  readonly bytes: AddressBytes
  /** How many bits count. */
  readonly prefix: number
}

/** An address in any spelling, without brackets; IPv4 mapped into IPv6 is IPv4. Undefined: it is none, or has a zone. */
export const bytesOf = (literal: string): AddressBytes | undefined => {
  const address = canonical(literal)
  if (address === undefined) return undefined
  if (address.family === 4) return Uint8Array.from(address.address.split("."), Number)
  const [head = "", tail] = address.address.split("::")
  const [before, after] = [groups(head), groups(tail ?? "")]
  const zeros = new Array<number>(8 - before.length - after.length).fill(0)
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255]))
}

const groups = (text: string): ReadonlyArray<number> =>
  text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16))

export const textOf = (bytes: AddressBytes): string =>
  bytes.length === 4 ? bytes.join(".") : (canonical(groupsOf(bytes).join(":"))?.address ?? "")

const groupsOf = (bytes: AddressBytes): ReadonlyArray<string> =>
  Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16))

/** An address, or an address and how many of its bits count. Undefined: neither. */
export const blockOf = (text: string): Block | undefined => {
  const [literal = "", length, ...rest] = text.split("/")
  const bytes = bytesOf(literal)
  if (bytes === undefined || rest.length > 0) return undefined
  const most = bytes.length * 8
  if (length === undefined) return { bytes, prefix: most }
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined
  // Written as IPv6, meant as IPv4: such addresses are dialled as IPv4.
  const isMapped = bytes.length === 4 && literal.includes(":")
  const prefix = Number(length) - (isMapped ? 96 : 0)
  return prefix < 0 || prefix > most ? undefined : { bytes, prefix }
}

export const contains = ({ bytes, prefix }: Block, address: AddressBytes): boolean => {
  if (bytes.length !== address.length) return false
  const whole = prefix >> 3
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false
  const mask = 0xff00 >> (prefix & 7)
  return (((bytes[whole] ?? 0) ^ (address[whole] ?? 0)) & mask & 255) === 0
}

/** The block's first address: what its bytes ought to be. */
export const networkOf = ({ bytes, prefix }: Block): AddressBytes =>
  bytes.map((byte, i) => byte & (0xff00 >> Math.min(Math.max(prefix - i * 8, 0), 8)))

export const formatBlock = (block: Block): string => `${textOf(block.bytes)}/${block.prefix}`
