/**
 * IPv4 addresses inside IPv6 ones: a gateway, a tunnel or the system itself takes them out and goes there.
 *
 * @internal
 */
import { type AddressBytes, type Block, blockOf, contains } from "./addressBlocks.js"

export interface Hidden {
  /** How it is hidden. */
  readonly form: string
  /** Four bytes. */
  readonly address: AddressBytes
}

interface Form {
  readonly name: string
  readonly block: Block
  /** Which bytes are the IPv4 address. */
  readonly at: readonly [number, number, number, number]
  /** Whether its bits are turned over. */
  readonly inverted?: true
}

const form = (name: string, block: string, at: Form["at"], inverted?: true): Form => {
  const parsed = blockOf(block)
  if (parsed === undefined) throw new Error(`no block: ${block}`)
  return { name, block: parsed, at, ...(inverted === undefined ? {} : { inverted }) }
}

const last = [12, 13, 14, 15] as const

/** RFC 6052 section 2.2 knows six lengths of prefixes; within the local-use /48 its owner may choose one of these. */
const localTranslation = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], last] as const

const forms: ReadonlyArray<Form> = [
  // RFC 4291 section 2.5.5.1. The mapped form of section 2.5.5.2 has become IPv4 before it comes here.
  form("IPv4-compatible", "::/96", last),
  form("IPv4-translated (RFC 2765)", "::ffff:0:0:0/96", last),
  form("NAT64 (RFC 6052)", "64:ff9b::/96", last),
  ...localTranslation.map((at) => form("local-use NAT64 (RFC 8215)", "64:ff9b:1::/48", at)),
  form("6to4 (RFC 3056)", "2002::/16", [2, 3, 4, 5]),
  form("Teredo server (RFC 4380)", "2001::/32", [4, 5, 6, 7]),
  form("Teredo client (RFC 4380)", "2001::/32", last, true)
]

/** All that may be hidden in the sixteen bytes; nothing in four. */
export const hiddenIn = (bytes: AddressBytes): ReadonlyArray<Hidden> => {
  if (bytes.length === 4) return []
  const found = forms
    .filter(({ block }) => contains(block, bytes))
    .map(({ at, inverted, name }) => ({
      form: name,
      address: Uint8Array.from(at, (index) => (bytes[index] ?? 0) ^ (inverted ? 255 : 0))
    }))
  return isIsatap(bytes) ? [...found, { form: "ISATAP (RFC 5214)", address: bytes.slice(12) }] : found
}

/** RFC 5214 section 6.1: an interface identifier, under any prefix. The `u` bit says whether the address is unique. */
const isIsatap = (bytes: AddressBytes): boolean =>
  ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
