/**
 * IP literals: their canonical form, and the order in which to dial them.
 *
 * @internal
 */
import * as Net from "node:net"

export type Family = 4 | 6

export interface Address {
  readonly address: string
  readonly family: Family
}

/** Whether the host needs no look-up: it is an address. */
export const isLiteral = (host: string): boolean => Net.isIP(host) !== 0

/** Which families are dialled, and which of them first. */
export type FamilyPreference = "any" | "prefer-ipv4" | "prefer-ipv6" | "ipv4" | "ipv6"

/**
 * One spelling per address, so that what a guard judges is what is dialled. IPv4 in IPv6 becomes IPv4; zone ids are
 * refused, as in keys.
 */
export const canonical = (literal: string): Address | undefined => {
  const kind = Net.isIP(literal)
  if (kind === 4) return { address: literal, family: 4 }
  if (kind === 0 || literal.includes("%")) return undefined
  const address = new URL(`http://[${literal}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address)
  if (mapped === null) return { address, family: 6 }
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)]
  return { address: `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, family: 4 }
}

export interface Ordering {
  readonly preference: FamilyPreference
  /** How many dials to this name came before: each begins one address further. */
  readonly rotation: number
  /** Whether an address failed lately: those go last. */
  readonly failedLately: (address: string) => boolean
}

/** The order of RFC 8305 section 4: families take turns, the first answer's family (or the preferred one) first. */
export const inDialOrder = (addresses: ReadonlyArray<Address>, ordering: Ordering): ReadonlyArray<Address> => {
  const { preference } = ordering
  const of = (family: Family) =>
    rotated(
      addresses.filter((each) => each.family === family),
      ordering.rotation
    )
  if (preference === "ipv4") return failedLast(of(4), ordering)
  if (preference === "ipv6") return failedLast(of(6), ordering)
  const first: Family =
    preference === "prefer-ipv4" ? 4 : preference === "prefer-ipv6" ? 6 : (addresses[0]?.family ?? 4)
  const [one, other] = [of(first), of(first === 4 ? 6 : 4)]
  const interleaved: Array<Address> = []
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const [a, b] = [one[i], other[i]]
    if (a !== undefined) interleaved.push(a)
    if (b !== undefined) interleaved.push(b)
  }
  return failedLast(interleaved, ordering)
}

const rotated = (addresses: ReadonlyArray<Address>, by: number): ReadonlyArray<Address> => {
  const start = addresses.length === 0 ? 0 : by % addresses.length
  return start === 0 ? addresses : [...addresses.slice(start), ...addresses.slice(0, start)]
}

const failedLast = (addresses: ReadonlyArray<Address>, { failedLately }: Ordering): ReadonlyArray<Address> => {
  const failed = addresses.filter(({ address }) => failedLately(address))
  if (failed.length === 0 || failed.length === addresses.length) return addresses
  return [...addresses.filter((each) => !failed.includes(each)), ...failed]
}
