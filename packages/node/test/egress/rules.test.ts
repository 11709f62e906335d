/** What rules match, and what they are refused for. */
import { assert, describe, it } from "@effect/vitest"
import { EgressPolicy } from "@hotaru/node"
import { PoolError } from "@hotaru/pool"
import { Effect } from "effect"

const to = (address: string, over: Partial<EgressPolicy.AddressDestination> = {}): EgressPolicy.AddressDestination => ({
  _tag: "Address",
  host: "a.test",
  port: 443,
  useTls: true,
  address,
  ...over
})

const socket = (path: string): EgressPolicy.SocketDestination => ({
  _tag: "Socket",
  host: "a.test",
  port: 80,
  useTls: false,
  path
})

const judge = (policy: EgressPolicy.EgressPolicyShape, destination: EgressPolicy.Destination) => {
  const verdict = policy.judge(destination)
  assert.isFalse(Effect.isEffect(verdict), "rules wait for nothing")
  return verdict as EgressPolicy.Verdict
}

const allows = (rules: EgressPolicy.Rules, destination: EgressPolicy.Destination) =>
  judge(EgressPolicy.make(rules), destination)._tag === "Allowed"

const anywhere = to("192.0.2.1")

describe("a policy of rules", () => {
  it("allows everything without rules, and nothing with an empty allow", () => {
    assert.isTrue(allows({}, anywhere))
    assert.isTrue(allows({}, socket("/run/a.sock")))
    assert.isTrue(allows({ deny: [] }, anywhere))
    assert.isFalse(allows({ allow: [] }, anywhere))
    assert.isFalse(allows({ allow: [] }, socket("/run/a.sock")))
  })

  it("lets deny win, in whatever order", () => {
    const narrow = { cidr: "192.0.2.1" }
    const wide = { cidr: "192.0.2.0/24" }
    assert.isFalse(allows({ allow: [narrow], deny: [wide] }, anywhere))
    assert.isFalse(allows({ allow: [wide], deny: [narrow] }, anywhere))
    assert.isTrue(allows({ allow: [wide], deny: [narrow] }, to("192.0.2.2")))
  })

  it("denies what no rule of allow matches", () => {
    const policy = EgressPolicy.make({ allow: [{ host: "b.test" }] })
    assert.deepStrictEqual(judge(policy, anywhere), { _tag: "Denied", rule: "no rule allows it" })
  })

  it("matches if all fields of a rule do, and a field if one of its values does", () => {
    const rule = {
      host: ["a.test", "b.test"],
      port: [443, "8000-8999"],
      cidr: ["192.0.2.0/24", "2001:db8::/32"]
    } as const
    assert.isTrue(allows({ allow: [rule] }, anywhere))
    assert.isTrue(allows({ allow: [rule] }, to("2001:db8::1", { host: "b.test", port: 8000 })))
    assert.isFalse(allows({ allow: [rule] }, to("192.0.2.1", { host: "c.test" })))
    assert.isFalse(allows({ allow: [rule] }, to("192.0.2.1", { port: 444 })))
    assert.isFalse(allows({ allow: [rule] }, to("192.0.3.1")))
  })

  it("says which rule denied, by its label or by what it says", () => {
    const rule = { host: "*.test", port: "400-500", cidr: ["192.0.2.0/24", "10.0.0.0/8"] } as const
    assert.deepStrictEqual(judge(EgressPolicy.make({ deny: [rule] }), anywhere), {
      _tag: "Denied",
      rule: "deny host *.test, port 400-500, cidr 192.0.2.0/24 or 10.0.0.0/8"
    })
    assert.deepStrictEqual(judge(EgressPolicy.make({ deny: [{ ...rule, label: "staging" }] }), anywhere), {
      _tag: "Denied",
      rule: "staging"
    })
  })

  it("denies what is no address, whatever the rules", () => {
    assert.isFalse(allows({}, to("fe80::1%eth0")))
    assert.isFalse(allows({ allow: [{ port: 443 }] }, to("a.test")))
  })
})

describe("a rule's host", () => {
  const cases: ReadonlyArray<readonly [pattern: string, host: string, matches: boolean]> = [
    ["a.test", "a.test", true],
    ["A.Test", "a.test", true],
    ["a.test.", "a.test", true],
    ["a.test", "a.test.", true],
    ["a.test", "b.a.test", false],
    ["a.test", "xa.test", false],
    ["bücher.test", "xn--bcher-kva.test", true],
    ["xn--bcher-kva.test", "xn--bcher-kva.test", true],
    ["*.a.test", "b.a.test", true],
    ["*.a.test", "c.b.a.test.", true],
    ["*.a.test", "a.test", false],
    ["*.a.test", "xa.test", false],
    ["*.BÜCHER.test", "shop.xn--bcher-kva.test", true],
    ["127.1", "127.0.0.1", true],
    ["0x7f000001", "127.0.0.1", true],
    ["[::1]", "::1", true],
    ["0:0:0:0:0:0:0:1", "::1", true]
  ]
  it.each(cases)("%s and %s: %s", (pattern, host, matches) => {
    assert.strictEqual(allows({ allow: [{ host: pattern }] }, to("192.0.2.1", { host })), matches)
    assert.strictEqual(allows({ deny: [{ host: pattern }] }, to("192.0.2.1", { host })), !matches)
  })
})

describe("a rule's block", () => {
  it("of IPv4, to allow, matches the address that is dialled and none that leads there", () => {
    const rules = { allow: [{ cidr: "8.8.8.0/24" }] }
    assert.isTrue(allows(rules, to("8.8.8.8")))
    assert.isTrue(allows(rules, to("::ffff:8.8.8.8")))
    assert.isFalse(allows(rules, to("64:ff9b::8.8.8.8")))
    assert.isTrue(allows({ allow: [{ cidr: "64:ff9b::8.8.8.0/120" }] }, to("64:ff9b::808:808")))
  })

  it("written as mapped is of IPv4", () => {
    assert.isTrue(allows({ allow: [{ cidr: "::ffff:10.0.0.0/104" }] }, to("10.255.0.1")))
    assert.isFalse(allows({ allow: [{ cidr: "::ffff:10.0.0.0/104" }] }, to("11.0.0.1")))
  })

  it("of one family says nothing about the other", () => {
    assert.isTrue(allows({ deny: [{ cidr: "::/0" }] }, to("192.0.2.1")))
    assert.isTrue(allows({ deny: [{ cidr: "0.0.0.0/0" }] }, to("2a00::1")))
    assert.isFalse(allows({ deny: [{ cidr: "0.0.0.0/0" }] }, to("192.0.2.1")))
  })
})

describe("a rule's socket path", () => {
  it("is the path, or every path below it", () => {
    const rules = { allow: [{ socketPath: ["/run/app.sock", "/run/apps/"] }] }
    for (const path of ["/run/app.sock", "/run/apps/a.sock", "/run/apps/b/c.sock"])
      assert.isTrue(allows(rules, socket(path)))
    for (const path of ["/run/app.sock2", "/run/apps", "/run/appsx/a", "/run/docker.sock", "run/app.sock"])
      assert.isFalse(allows(rules, socket(path)), path)
  })

  it("allows no path that goes back, and denies where such a path ends", () => {
    assert.isFalse(allows({ allow: [{ socketPath: "/run/apps/" }] }, socket("/run/apps/../docker.sock")))
    assert.isFalse(allows({ allow: [{ socketPath: "/run/app.sock" }] }, socket("/run//app.sock")))
    for (const path of ["/run/docker.sock", "/run/x/../docker.sock", "/run/./docker.sock", "//run//docker.sock"])
      assert.isFalse(allows({ deny: [{ socketPath: "/run/docker.sock" }] }, socket(path)), path)
    assert.isTrue(allows({ deny: [{ socketPath: "/run/docker.sock" }] }, socket("/run/app.sock")))
  })

  it("may be an abstract name", () => {
    assert.isTrue(allows({ allow: [{ socketPath: "\0app" }] }, socket("\0app")))
    assert.isFalse(allows({ allow: [{ socketPath: "\0app" }] }, socket("\0apps")))
  })

  it("has nothing to do with rules about addresses", () => {
    assert.isFalse(allows({ allow: [{ host: "a.test" }] }, socket("/run/app.sock")))
    assert.isTrue(allows({ deny: [{ host: "a.test" }] }, socket("/run/app.sock")))
    assert.isFalse(allows({ allow: [{ socketPath: "/" }] }, anywhere))
    assert.isTrue(allows({ allow: [{ socketPath: "/" }] }, socket("/run/app.sock")))
  })
})

describe("rules that make no sense", () => {
  const cases: ReadonlyArray<readonly [EgressPolicy.Rule, field: string, expected: RegExp]> = [
    [{}, "", /a rule that says what it matches/],
    [{ label: "nothing" }, "", /a rule that says what it matches/],
    [{ host: "" }, ".host", /a host/],
    [{ host: "*" }, ".host", /a host/],
    [{ host: "a.*.test" }, ".host", /a host/],
    [{ host: "*.127.0.0.1" }, ".host", /the end of a name/],
    [{ host: "http://a.test" }, ".host", /a host/],
    [{ host: [] }, ".host", /at least one value/],
    [{ port: 0 }, ".port", /a port from 1 to 65535/],
    [{ port: 65536 }, ".port", /a port from 1 to 65535/],
    [{ port: 1.5 }, ".port", /a port from 1 to 65535/],
    [{ port: "9-8" }, ".port", /a port from 1 to 65535/],
    [{ cidr: "10.0.0.0/33" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "10.0.0.0/08" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "10.0.0.0/" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "010.0.0.0/8" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "fe80::%1/64" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "a.test" }, ".cidr", /an IP address, or a block/],
    [{ cidr: "10.1.0.0/8" }, ".cidr", /the first address of its block, as in 10\.0\.0\.0\/8/],
    [{ cidr: "2001:db8::1/32" }, ".cidr", /as in 2001:db8::\/32/],
    [{ socketPath: "app.sock" }, ".socketPath", /an absolute path/],
    [{ socketPath: "/run/../app.sock" }, ".socketPath", /an absolute path/],
    [{ socketPath: "/run/app.sock", host: "a.test" }, ".socketPath", /the only field/]
  ]
  it.each(cases)("are refused, by field and value: %o", (rule, field, expected) => {
    for (const side of ["allow", "deny"] as const) {
      try {
        EgressPolicy.make({ [side]: [{ port: 1 }, rule] })
      } catch (error) {
        assert.instanceOf(error, PoolError.InvalidPoolConfig)
        const refused = error as PoolError.InvalidPoolConfig
        assert.strictEqual(refused.field, `egress.${side}[1]${field}`)
        assert.match(refused.expected, expected)
        continue
      }
      assert.fail("it was taken")
    }
  })
})

describe("policies of policies", () => {
  const yes = EgressPolicy.fromFunction("yes", () => EgressPolicy.allowed)
  const no = EgressPolicy.fromFunction("no", () => EgressPolicy.denied("never"))
  const later = (policy: EgressPolicy.EgressPolicyShape) =>
    EgressPolicy.fromFunction(policy.label, (destination) =>
      Effect.zipRight(
        Effect.yieldNow(),
        Effect.sync(() => policy.judge(destination) as EgressPolicy.Verdict)
      )
    )
  const never = EgressPolicy.fromFunction("unasked", () => {
    throw new Error("this one is not to be asked")
  })
  const reached = (policy: EgressPolicy.EgressPolicyShape) => {
    const verdict = policy.judge(anywhere)
    return Effect.isEffect(verdict) ? verdict : Effect.succeed(verdict)
  }
  const denied = (rule: string) => ({ _tag: "Denied" as const, rule })

  it.effect("all allow, or the first that does not denies and the others are not asked", () =>
    Effect.gen(function* () {
      const { all } = EgressPolicy
      assert.deepStrictEqual(yield* reached(all()), denied("no policy allows it"))
      assert.deepStrictEqual(yield* reached(all(yes, yes)), EgressPolicy.allowed)
      assert.deepStrictEqual(yield* reached(all(yes, no, never)), denied("never"))
      assert.deepStrictEqual(yield* reached(all(later(yes), yes, later(no), never)), denied("never"))
      assert.isFalse(Effect.isEffect(all(yes, no).judge(anywhere)))
    })
  )

  it.effect("any allows and the others are not asked, or all reasons are told", () =>
    Effect.gen(function* () {
      const { any } = EgressPolicy
      assert.deepStrictEqual(yield* reached(any()), denied("no policy allows it"))
      assert.deepStrictEqual(yield* reached(any(no, yes, never)), EgressPolicy.allowed)
      assert.deepStrictEqual(yield* reached(any(later(no), later(yes), never)), EgressPolicy.allowed)
      assert.deepStrictEqual(yield* reached(any(no, later(no), no)), denied("never; never; never"))
    })
  )

  it("are named after their parts", () => {
    assert.strictEqual(EgressPolicy.all(EgressPolicy.any(yes, no), yes).label, "(yes or no) and yes")
    assert.strictEqual(EgressPolicy.any(EgressPolicy.publicInternetOnly, no).label, "public internet only or no")
    assert.deepStrictEqual([EgressPolicy.all().label, EgressPolicy.any().label], ["none", "none"])
  })

  it("make exceptions from the public internet", () => {
    const policy = EgressPolicy.any(
      EgressPolicy.publicInternetOnly,
      EgressPolicy.make({ allow: [{ host: "*.internal", cidr: "10.20.0.0/16" }] })
    )
    assert.strictEqual(judge(policy, to("8.8.8.8"))._tag, "Allowed")
    assert.strictEqual(judge(policy, to("10.20.1.1", { host: "api.internal" }))._tag, "Allowed")
    assert.strictEqual(judge(policy, to("10.20.1.1", { host: "evil.test" }))._tag, "Denied")
    assert.strictEqual(judge(policy, to("10.21.1.1", { host: "api.internal" }))._tag, "Denied")
  })
})
