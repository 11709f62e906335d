/** IPv4 inside IPv6, in every spelling, is judged as what it leads to. */
import { BlockList } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { EgressPolicy } from "@hotaru/node"
import * as FastCheck from "effect/FastCheck"
import { bytesOf, textOf } from "../../src/internal/addressBlocks.js"
import { hiddenIn } from "../../src/internal/hiddenAddresses.js"
import {
  bits,
  cidrs,
  inside,
  ipv4Text,
  ipv6Spellings,
  ipv6Text,
  numberOf,
  rangeOf,
  wrappings
} from "./support/addresses.js"

const isDenied = (policy: EgressPolicy.EgressPolicyShape, address: string): boolean => {
  const judged = policy.judge({ _tag: "Address", host: "a.test", port: 80, useTls: false, address })
  if (!("_tag" in judged) || (judged._tag !== "Allowed" && judged._tag !== "Denied")) throw new Error("no verdict")
  return judged._tag === "Denied"
}

const denying = (cidr: string) => EgressPolicy.make({ deny: [{ cidr }] })

describe("IPv4 inside IPv6", () => {
  // Written down from the RFCs' own examples where they have any.
  const known: ReadonlyArray<readonly [address: string, hidden: ReadonlyArray<string>]> = [
    ["::127.0.0.1", ["127.0.0.1"]],
    ["::ffff:0:127.0.0.1", ["127.0.0.1"]],
    // RFC 6052 section 2.4.
    ["64:ff9b::192.0.2.33", ["192.0.2.33"]],
    // The host of 192.0.2.4 in 6to4 (RFC 3056 section 2).
    ["2002:c000:204::1", ["192.0.2.4"]],
    // RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45 turned over.
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]],
    ["2a00:1::5efe:192.0.2.1", ["192.0.2.1"]],
    ["2a00:1::200:5efe:192.0.2.1", ["192.0.2.1"]],
    ["2a00:1::1", []]
  ]
  it.each(known)("%s hides %s", (address, hidden) => {
    const bytes = bytesOf(address)
    assert.isDefined(bytes)
    if (bytes === undefined) return
    assert.deepStrictEqual(
      hiddenIn(bytes).map(({ address }) => textOf(address)),
      [...hidden]
    )
  })

  it("in local-use NAT64 may be in any of its places", () => {
    // RFC 6052 section 2.4, the table's rows for /48, /56, /64 and /96, under the prefix of RFC 8215.
    for (const address of [
      "64:ff9b:1:c000:2:2100::",
      "64:ff9b:1:c0:0:221::",
      "64:ff9b:1:0:c0:2:2100::",
      "64:ff9b:1::192.0.2.33"
    ]) {
      assert.isTrue(isDenied(denying("192.0.2.33"), address), address)
      assert.isFalse(isDenied(denying("192.0.2.34"), address), address)
    }
  })

  for (const [name, wrap] of Object.entries(wrappings)) {
    it.prop(
      `is denied with its block, in any spelling: ${name}`,
      [
        cidrs(32).chain((cidr) => FastCheck.tuple(FastCheck.constant(cidr), inside(rangeOf(cidr)))),
        bits(128),
        FastCheck.nat(4)
      ],
      ([[cidr, v4], rest, spelling]) => {
        const address = ipv6Spellings(wrap(v4, rest))[spelling] ?? ""
        assert.isTrue(isDenied(denying(cidr), ipv4Text(v4)), "the address itself")
        assert.isTrue(isDenied(denying(cidr), address), `${address} in ${cidr}`)
      },
      { fastCheck: { numRuns: 500 } }
    )

    it.prop(
      `is not the public internet where it leads to a private network: ${name}`,
      [
        FastCheck.constantFrom("10.0.0.0/8", "127.0.0.0/8", "169.254.169.254/32").chain((_) => inside(rangeOf(_))),
        bits(128)
      ],
      ([v4, rest]) => assert.isTrue(isDenied(EgressPolicy.publicInternetOnly, ipv6Text(wrap(v4, rest)))),
      { fastCheck: { numRuns: 200 } }
    )
  }

  it.prop("is one address in all its spellings: what allows one allows each", [bits(128)], ([value]) => {
    // Mapped ones are IPv4.
    if (value >> 32n === 0xffffn) return
    const policy = EgressPolicy.make({ allow: [{ cidr: ipv6Text(value) }] })
    for (const spelling of ipv6Spellings(value)) assert.isFalse(isDenied(policy, spelling), spelling)
  })

  it("is the public internet where a gateway leads there", () => {
    const public4 = numberOf("8.8.8.8")
    for (const [name, expected] of [
      ["mapped", false],
      ["nat64", false],
      ["6to4", false],
      ["Teredo server", true],
      ["Teredo client", false],
      ["ISATAP", false],
      // Of no gateway, or of one within somebody's own network.
      ["compatible", true],
      ["translated", true],
      ["local NAT64, /96", true]
    ] as const) {
      // The rest of a Teredo server's address holds a client: 0 turned over is broadcast.
      assert.strictEqual(
        isDenied(EgressPolicy.publicInternetOnly, ipv6Text(wrappings[name]?.(public4, 0n) ?? 0n)),
        expected,
        name
      )
    }
  })

  it.prop(
    "leaves no address of IPv6 allowed that is in the denied block itself",
    [cidrs(128).chain((cidr) => FastCheck.tuple(FastCheck.constant(cidr), inside(rangeOf(cidr)))), FastCheck.nat(4)],
    ([[cidr, value], spelling]) => {
      // Mapped addresses are IPv4: a block of IPv6 says nothing about them.
      if (value >> 32n === 0xffffn) return
      assert.isTrue(isDenied(denying(cidr), ipv6Spellings(value)[spelling] ?? ""))
    }
  )

  it.prop(
    "is judged as Node's own BlockList judges plain addresses",
    [
      FastCheck.constantFrom(32 as const, 128 as const).chain((family) =>
        FastCheck.tuple(FastCheck.constant(family), cidrs(family), bits(family), bits(family), FastCheck.boolean())
      )
    ],
    ([[family, cidr, anything, offset, near]]) => {
      const { first, last } = rangeOf(cidr)
      // Near the edges half of the time, or a short block would never be hit.
      const value = near ? BigInt.asUintN(family, first + (offset % ((last - first + 1n) * 2n))) : anything
      const address = family === 32 ? ipv4Text(value) : ipv6Text(value)
      if (family === 128 && (hiddenIn(bytesOf(address) ?? new Uint8Array(4)).length > 0 || value >> 32n === 0xffffn))
        return
      const list = new BlockList()
      const [network = "", prefix] = cidr.split("/")
      list.addSubnet(network, Number(prefix), family === 32 ? "ipv4" : "ipv6")
      assert.strictEqual(isDenied(denying(cidr), address), list.check(address, family === 32 ? "ipv4" : "ipv6"))
    },
    { fastCheck: { numRuns: 2000 } }
  )
})
