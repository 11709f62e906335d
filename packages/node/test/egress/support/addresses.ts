/** Addresses as numbers, and all the ways to write and to wrap them: told apart from the code that is tested. */
import * as Net from "node:net"
import * as FastCheck from "effect/FastCheck"

export interface Range {
  readonly bits: 32 | 128
  readonly first: bigint
  readonly last: bigint
}

export const numberOf = (address: string): bigint => {
  if (Net.isIPv4(address)) return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  const [head = "", tail] = address.split("::")
  const list = (text: string) => (text === "" ? [] : text.split(":"))
  const [before, after] = [list(head), list(tail ?? "")]
  const all = [...before, ...new Array<string>(8 - before.length - after.length).fill("0"), ...after]
  return all.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n)
}

export const rangeOf = (cidr: string): Range => {
  const [address = "", length] = cidr.split("/")
  const bits = Net.isIPv4(address) ? 32 : 128
  const size = 1n << BigInt(bits - Number(length ?? bits))
  const first = (numberOf(address) / size) * size
  return { bits, first, last: first + size - 1n }
}

export const ipv4Text = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".")

const groupsOf = (value: bigint): ReadonlyArray<string> =>
  Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))

export const ipv6Text = (value: bigint): string => groupsOf(value).join(":")

export const textOf = (value: bigint, bits: 32 | 128): string => (bits === 32 ? ipv4Text(value) : ipv6Text(value))

/** The first run of zeros, of whatever length, left out. */
const compressed = (value: bigint): string => {
  const text = ipv6Text(value)
  const run = /(^|:)0(:0)*(:|$)/.exec(text)
  return run === null ? text : `${text.slice(0, run.index)}::${text.slice(run.index + run[0].length)}`
}

/** One address, in the spellings that `net.isIP` accepts. */
export const ipv6Spellings = (value: bigint): ReadonlyArray<string> => {
  const groups = groupsOf(value)
  const dotted = `${groups.slice(0, 6).join(":")}:${ipv4Text(value & 0xffffffffn)}`
  return [
    groups.join(":"),
    groups.join(":").toUpperCase(),
    groups.map((group) => group.padStart(4, "0")).join(":"),
    compressed(value),
    dotted
  ]
}

const low = (value: bigint, shift: bigint) => value << shift

/** The wrapping forms: each takes an IPv4 address, and a number for the bits that may be anything. */
export const wrappings: { readonly [name: string]: (v4: bigint, rest: bigint) => bigint } = {
  mapped: (v4) => 0xffff_0000_0000n | v4,
  compatible: (v4) => v4,
  translated: (v4) => 0xffff_0000_0000_0000n | v4,
  nat64: (v4) => low(0x64ff9bn, 96n) | v4,
  "local NAT64, /96": (v4, rest) => low(0x64ff9b0001n, 80n) | low(rest & 0xffffffffffffn, 32n) | v4,
  "local NAT64, /64": (v4, rest) =>
    low(0x64ff9b0001n, 80n) | low(rest & 0xffffn, 64n) | low(v4, 24n) | ((rest >> 16n) & 0xffffffn),
  "local NAT64, /56": (v4, rest) =>
    low(0x64ff9b0001n, 80n) | low(rest & 255n, 72n) | low(v4 >> 24n, 64n) | low(v4 & 0xffffffn, 32n),
  "local NAT64, /48": (v4) => low(0x64ff9b0001n, 80n) | low(v4 >> 16n, 64n) | low(v4 & 0xffffn, 40n),
  "6to4": (v4, rest) => low(0x2002n, 112n) | low(v4, 80n) | (rest & ((1n << 80n) - 1n)),
  "Teredo server": (v4, rest) => low(0x20010000n, 96n) | low(v4, 64n) | (rest & ((1n << 64n) - 1n)),
  "Teredo client": (v4, rest) =>
    low(0x20010000n, 96n) | low(0x08080808n, 64n) | low(rest & 0xffffffffn, 32n) | (v4 ^ 0xffffffffn),
  ISATAP: (v4, rest) => low(0x2a00n, 112n) | low(rest & 0xffffffffffffn, 64n) | low(0x5efen, 32n) | v4,
  "ISATAP, unique": (v4, rest) => low(0x2a00n, 112n) | low(rest & 0xffffffffffffn, 64n) | low(0x02005efen, 32n) | v4
}

export const bits = (count: number): FastCheck.Arbitrary<bigint> => FastCheck.bigInt(0n, (1n << BigInt(count)) - 1n)

/** Blocks of a family, any length. */
export const cidrs = (family: 32 | 128): FastCheck.Arbitrary<string> =>
  FastCheck.tuple(bits(family), FastCheck.integer({ min: 0, max: family })).map(([value, prefix]) => {
    const shift = BigInt(family - prefix)
    return `${textOf((value >> shift) << shift, family)}/${prefix}`
  })

export const inside = ({ first, last }: Range): FastCheck.Arbitrary<bigint> => FastCheck.bigInt(first, last)
