/**
 * The IANA IPv4 and IPv6 special-purpose address registries (RFC 6890), multicast, and what else is not the public
 * internet. The longest block that holds an address speaks for it.
 *
 * The two tables are the registries' as of their revision of 2025-10-09, row by row. Where a registry says "N/A", or
 * nothing more about a block that is deprecated, the address is not held to be reachable.
 *
 * @internal
 */
import { type AddressBytes, type Block, blockOf, contains, formatBlock } from "./addressBlocks.js"

/**
 * Whether an address in the block is reachable from everywhere. `embedded`: the registry says "N/A", because that
 * depends on the IPv4 addresses inside.
 */
export type Reachable = true | false | "embedded"

export interface Special {
  readonly block: Block
  readonly name: string
  readonly source: string
  readonly reachable: Reachable
}

type Row = readonly [block: string, name: string, source: string, reachable: Reachable]

/** www.iana.org/assignments/iana-ipv4-special-registry */
const ipv4: ReadonlyArray<Row> = [
  ["0.0.0.0/8", "this network", "RFC 791 section 3.2", false],
  ["0.0.0.0/32", "this host on this network", "RFC 1122 section 3.2.1.3", false],
  ["10.0.0.0/8", "private use", "RFC 1918", false],
  ["100.64.0.0/10", "shared address space", "RFC 6598", false],
  ["127.0.0.0/8", "loopback", "RFC 1122 section 3.2.1.3", false],
  ["169.254.0.0/16", "link local", "RFC 3927", false],
  ["172.16.0.0/12", "private use", "RFC 1918", false],
  ["192.0.0.0/24", "IETF protocol assignments", "RFC 6890 section 2.1", false],
  ["192.0.0.0/29", "IPv4 service continuity prefix", "RFC 7335", false],
  ["192.0.0.8/32", "IPv4 dummy address", "RFC 7600", false],
  ["192.0.0.9/32", "Port Control Protocol anycast", "RFC 7723", true],
  ["192.0.0.10/32", "TURN anycast", "RFC 8155", true],
  ["192.0.0.170/32", "NAT64/DNS64 discovery", "RFC 8880", false],
  ["192.0.0.171/32", "NAT64/DNS64 discovery", "RFC 8880", false],
  ["192.0.2.0/24", "documentation (TEST-NET-1)", "RFC 5737", false],
  ["192.31.196.0/24", "AS112-v4", "RFC 7535", true],
  ["192.52.193.0/24", "AMT", "RFC 7450", true],
  // "N/A" in the registry, and gone: nobody may announce it.
  ["192.88.99.0/24", "deprecated 6to4 relay anycast", "RFC 7526", false],
  ["192.88.99.2/32", "6a44 relay anycast", "RFC 6751", false],
  ["192.168.0.0/16", "private use", "RFC 1918", false],
  ["192.175.48.0/24", "direct delegation AS112 service", "RFC 7534", true],
  ["198.18.0.0/15", "benchmarking", "RFC 2544", false],
  ["198.51.100.0/24", "documentation (TEST-NET-2)", "RFC 5737", false],
  ["203.0.113.0/24", "documentation (TEST-NET-3)", "RFC 5737", false],
  ["240.0.0.0/4", "reserved", "RFC 1112 section 4", false],
  ["255.255.255.255/32", "limited broadcast", "RFC 8190", false]
]

/** www.iana.org/assignments/iana-ipv6-special-registry */
const ipv6: ReadonlyArray<Row> = [
  ["::1/128", "loopback", "RFC 4291 section 2.5.3", false],
  ["::/128", "unspecified address", "RFC 4291 section 2.5.2", false],
  // Of ::ffff:0:0/96 nothing comes here: a mapped address is dialled, and judged, as IPv4.
  ["64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052", "embedded"],
  ["64:ff9b:1::/48", "IPv4-IPv6 translation, local use", "RFC 8215", false],
  ["100::/64", "discard only", "RFC 6666", false],
  ["100:0:0:1::/64", "dummy prefix", "RFC 9780", false],
  ["2001::/23", "IETF protocol assignments", "RFC 2928", false],
  ["2001::/32", "Teredo", "RFC 4380", "embedded"],
  ["2001:1::1/128", "Port Control Protocol anycast", "RFC 7723", true],
  ["2001:1::2/128", "TURN anycast", "RFC 8155", true],
  ["2001:1::3/128", "DNS-SD service registration anycast", "RFC 9665", true],
  ["2001:2::/48", "benchmarking", "RFC 5180", false],
  ["2001:3::/32", "AMT", "RFC 7450", true],
  ["2001:4:112::/48", "AS112-v6", "RFC 7535", true],
  ["2001:10::/28", "deprecated ORCHID", "RFC 4843", false],
  ["2001:20::/28", "ORCHIDv2", "RFC 7343", true],
  ["2001:30::/28", "drone remote ID", "RFC 9374", true],
  ["2001:db8::/32", "documentation", "RFC 3849", false],
  ["2002::/16", "6to4", "RFC 3056", "embedded"],
  ["2620:4f:8000::/48", "direct delegation AS112 service", "RFC 7534", true],
  ["3fff::/20", "documentation", "RFC 9637", false],
  ["5f00::/16", "segment routing identifiers", "RFC 9602", false],
  ["fc00::/7", "unique local", "RFC 4193", false],
  ["fe80::/10", "link local", "RFC 4291 section 2.5.6", false]
]

/** In other registries, or deprecated and in none. */
const others: ReadonlyArray<Row> = [
  ["224.0.0.0/4", "multicast", "RFC 5771", false],
  ["ff00::/8", "multicast", "RFC 4291 section 2.7", false],
  ["fec0::/10", "deprecated site local", "RFC 3879", false],
  // Reserved in IANA's registry of global unicast assignments: whoever answers there is nearer than the internet.
  ["2d00::/8", "reserved global unicast", "IANA, IPv6 global unicast address assignments", false],
  ["2e00::/7", "reserved global unicast", "IANA, IPv6 global unicast address assignments", false],
  ["3000::/4", "reserved global unicast", "IANA, IPv6 global unicast address assignments", false],
  ["::/96", "deprecated IPv4-compatible", "RFC 4291 section 2.5.5.1", false],
  ["::ffff:0:0:0/96", "IPv4-translated", "RFC 2765 section 2.1", false],
  ["3ffe::/16", "returned 6bone addresses", "RFC 3701", false]
]

/** Where clouds tell whoever asks from a machine who the machine is, mostly with its credentials. */
const metadata: ReadonlyArray<Row> = [
  ["169.254.169.254/32", "instance metadata", "AWS, Azure, Google Cloud, Oracle, DigitalOcean and others", false],
  ["fd00:ec2::/32", "instance services", "AWS", false],
  ["fd00:ec2::254/128", "instance metadata", "AWS", false],
  ["fd20:ce::254/128", "instance metadata", "Google Cloud", false],
  ["169.254.170.2/32", "task metadata and credentials", "AWS ECS", false],
  ["169.254.170.23/32", "pod credentials", "AWS EKS", false],
  ["fd00:ec2::23/128", "pod credentials", "AWS EKS", false],
  // Among public addresses, and answered by the host below the virtual machine.
  ["168.63.129.16/32", "platform channel", "Azure", false],
  ["100.100.100.200/32", "instance metadata", "Alibaba Cloud", false],
  ["fd00:100::100:200/128", "instance metadata", "Alibaba Cloud", false],
  ["192.0.0.192/32", "instance metadata", "Oracle Cloud Classic", false],
  ["fd00:c1::a9fe:a9fe/128", "instance metadata", "Oracle Cloud", false],
  ["fd00:a9fe:a9fe::1/128", "instance metadata", "Akamai Cloud (Linode)", false],
  ["169.254.0.23/32", "instance metadata", "Tencent Cloud", false],
  ["169.254.42.42/32", "instance metadata", "Scaleway", false],
  ["fd00:42::42/128", "instance metadata", "Scaleway", false]
]

const specialOf = ([text, name, source, reachable]: Row): Special => {
  const block = blockOf(text)
  if (block === undefined) throw new Error(`no block: ${text}`)
  return { block, name, source, reachable }
}

/** Longest first. */
export const specialBlocks: ReadonlyArray<Special> = [...ipv4, ...ipv6, ...others, ...metadata]
  .map(specialOf)
  .sort((a, b) => b.block.prefix - a.block.prefix)

/**
 * RFC 4291 section 2.4: IANA assigns global unicast addresses from here alone (RFC 3513 section 4), so what lies outside
 * is denied before it is anybody's. New special blocks appear there (5f00::/16 in 2024, 100:0:0:1::/64 in 2025). What
 * IANA has not yet given out within it is allowed: a table of that would deny new networks until it is replaced.
 */
const assigned = specialOf(["2000::/3", "global unicast", "RFC 4291", true])
const unassigned = specialOf(["::/0", "outside of global unicast", "RFC 4291 section 2.4", false])

/** What is special about an address; undefined: nothing. */
export const specialOfAddress = (address: AddressBytes): Special | undefined => {
  const found = specialBlocks.find(({ block }) => contains(block, address))
  if (found !== undefined || address.length === 4 || contains(assigned.block, address)) return found
  return unassigned
}

export const inWords = ({ block, name, source }: Special): string => `${name}, ${formatBlock(block)} (${source})`
