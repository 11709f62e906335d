/** `publicInternetOnly` against the IANA special-purpose address registries, row by row. */
import { assert, describe, it } from "@effect/vitest"
import { EgressPolicy } from "@hotaru/node"
import * as FastCheck from "effect/FastCheck"
import { formatBlock } from "../../src/internal/addressBlocks.js"
import { specialBlocks } from "../../src/internal/specialAddresses.js"
import { inside, rangeOf, textOf } from "./support/addresses.js"

const verdict = (address: string) =>
  EgressPolicy.publicInternetOnly.judge({ _tag: "Address", host: "a.test", port: 80, useTls: false, address })

const isDenied = (address: string): boolean => {
  const judged = verdict(address)
  assert.isTrue("_tag" in judged && (judged._tag === "Allowed" || judged._tag === "Denied"))
  return "_tag" in judged && judged._tag === "Denied"
}

/** Whether the registry's "Globally Reachable" says true, false, or N/A because that depends on what is inside. */
type Row = readonly [cidr: string, reachable: "yes" | "no" | "depends"]

const ipv4: ReadonlyArray<Row> = [
  ["0.0.0.0/8", "no"],
  ["0.0.0.0/32", "no"],
  ["10.0.0.0/8", "no"],
  ["100.64.0.0/10", "no"],
  ["127.0.0.0/8", "no"],
  ["169.254.0.0/16", "no"],
  ["172.16.0.0/12", "no"],
  ["192.0.0.0/24", "no"],
  ["192.0.0.0/29", "no"],
  ["192.0.0.8/32", "no"],
  ["192.0.0.9/32", "yes"],
  ["192.0.0.10/32", "yes"],
  ["192.0.0.170/32", "no"],
  ["192.0.0.171/32", "no"],
  ["192.0.2.0/24", "no"],
  ["192.31.196.0/24", "yes"],
  ["192.52.193.0/24", "yes"],
  ["192.88.99.0/24", "no"],
  ["192.88.99.2/32", "no"],
  ["192.168.0.0/16", "no"],
  ["192.175.48.0/24", "yes"],
  ["198.18.0.0/15", "no"],
  ["198.51.100.0/24", "no"],
  ["203.0.113.0/24", "no"],
  ["240.0.0.0/4", "no"],
  ["255.255.255.255/32", "no"]
]

const ipv6: ReadonlyArray<Row> = [
  ["::1/128", "no"],
  ["::/128", "no"],
  ["64:ff9b::/96", "depends"],
  ["64:ff9b:1::/48", "no"],
  ["100::/64", "no"],
  ["100:0:0:1::/64", "no"],
  ["2001::/23", "no"],
  ["2001::/32", "depends"],
  ["2001:1::1/128", "yes"],
  ["2001:1::2/128", "yes"],
  ["2001:1::3/128", "yes"],
  ["2001:2::/48", "no"],
  ["2001:3::/32", "yes"],
  ["2001:4:112::/48", "yes"],
  ["2001:10::/28", "no"],
  ["2001:20::/28", "yes"],
  ["2001:30::/28", "yes"],
  ["2001:db8::/32", "no"],
  ["2002::/16", "depends"],
  ["2620:4f:8000::/48", "yes"],
  ["3fff::/20", "no"],
  ["5f00::/16", "no"],
  ["fc00::/7", "no"],
  ["fe80::/10", "no"]
]

const others: ReadonlyArray<Row> = [
  ["224.0.0.0/4", "no"],
  ["ff00::/8", "no"],
  ["fec0::/10", "no"],
  ["2d00::/8", "no"],
  ["2e00::/7", "no"],
  ["3000::/4", "no"],
  ["::/96", "no"],
  ["::ffff:0:0:0/96", "no"],
  ["3ffe::/16", "no"]
]

const metadata: ReadonlyArray<Row> = [
  "169.254.169.254/32",
  "fd00:ec2::/32",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
  "169.254.170.2/32",
  "169.254.170.23/32",
  "fd00:ec2::23/128",
  "168.63.129.16/32",
  "100.100.100.200/32",
  "fd00:100::100:200/128",
  "192.0.0.192/32",
  "fd00:c1::a9fe:a9fe/128",
  "fd00:a9fe:a9fe::1/128",
  "169.254.0.23/32",
  "169.254.42.42/32",
  "fd00:42::42/128"
].map((cidr) => [cidr, "no"] as const)

const rows = [...ipv4, ...ipv6, ...others, ...metadata]

const longer = (cidr: string) => Number(cidr.split("/")[1])

/** The row that speaks for an address: the longest that holds it. */
const rowOf = (value: bigint, family: 32 | 128): Row | undefined =>
  [...rows]
    .sort((a, b) => longer(b[0]) - longer(a[0]))
    .find(([cidr]) => {
      const { bits, first, last } = rangeOf(cidr)
      return bits === family && value >= first && value <= last
    })

describe("the public internet", () => {
  it("knows exactly the blocks of the registries, and those beside them", () => {
    const known = specialBlocks.map(({ block }) => formatBlock(block))
    const wanted = rows.map(([cidr]) => cidr)
    assert.deepStrictEqual([...known].sort(), [...wanted].sort())
  })

  it("gives a source for each", () => {
    for (const { name, source } of specialBlocks)
      assert.match(`${name} ${source}`, /RFC \d+|IANA|AWS|Azure|Cloud|Scaleway/)
  })

  for (const [cidr, reachable] of rows) {
    if (reachable === "depends") continue
    it(`${reachable === "no" ? "ends before" : "reaches"} ${cidr}, from its first address to its last`, () => {
      const { bits, first, last } = rangeOf(cidr)
      for (const value of [first, first + (last - first) / 3n, first + (2n * (last - first)) / 3n, last]) {
        // Where a longer block speaks for the address, that one is tested by its own row.
        if (rowOf(value, bits)?.[0] === cidr) assert.strictEqual(isDenied(textOf(value, bits)), reachable === "no")
      }
    })

    it(`knows what is just outside of ${cidr}`, () => {
      const { bits, first, last } = rangeOf(cidr)
      for (const value of [first - 1n, last + 1n]) {
        if (value < 0n || value >= 1n << BigInt(bits)) continue
        const row = rowOf(value, bits)
        if (row?.[1] === "depends") continue
        const isUnassigned = bits === 128 && value >> 125n !== 1n
        const expected = row === undefined ? isUnassigned : row[1] === "no"
        assert.strictEqual(isDenied(textOf(value, bits)), expected, textOf(value, bits))
      }
    })
  }

  const blocks = rows.filter(([, reachable]) => reachable === "no").map(([cidr]) => rangeOf(cidr))
  it.prop(
    "denies any address in any block that is not reachable, unless a longer block says otherwise",
    [FastCheck.constantFrom(...blocks).chain((range) => FastCheck.tuple(FastCheck.constant(range), inside(range)))],
    ([[{ bits }, value]]) => {
      if (rowOf(value, bits)?.[1] === "no") assert.isTrue(isDenied(textOf(value, bits)))
    },
    { fastCheck: { numRuns: 3000 } }
  )

  it.prop(
    "agrees with the table on any address of IPv4",
    [FastCheck.bigInt(0n, (1n << 32n) - 1n)],
    ([value]) => {
      assert.strictEqual(isDenied(textOf(value, 32)), rowOf(value, 32)?.[1] === "no")
    },
    { fastCheck: { numRuns: 3000 } }
  )

  for (const address of [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "172.32.0.1",
    "168.63.129.15",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450:4001:80b::200e"
  ]) {
    it(`reaches ${address}`, () => assert.isFalse(isDenied(address)))
  }

  it("says what an address is, by which block and whose rule", () => {
    assert.deepStrictEqual(verdict("169.254.169.254"), {
      _tag: "Denied",
      rule: "instance metadata, 169.254.169.254/32 (AWS, Azure, Google Cloud, Oracle, DigitalOcean and others)"
    })
    assert.deepStrictEqual(verdict("10.1.2.3"), { _tag: "Denied", rule: "private use, 10.0.0.0/8 (RFC 1918)" })
    assert.deepStrictEqual(verdict("4000::1"), {
      _tag: "Denied",
      rule: "outside of global unicast, ::/0 (RFC 4291 section 2.4)"
    })
  })

  it("does not reach what is no address, or has a zone", () => {
    for (const address of ["", "localhost", "fe80::1%eth0", "1.2.3", "0x7f.1", "[::1]"])
      assert.isTrue(isDenied(address))
  })

  it("does not reach unix sockets", () => {
    const judged = EgressPolicy.publicInternetOnly.judge({
      _tag: "Socket",
      host: "a.test",
      port: 80,
      useTls: false,
      path: "/run/docker.sock"
    })
    assert.deepStrictEqual(judged, { _tag: "Denied", rule: "a unix socket is not the public internet" })
  })
})
