import { assert, describe, it } from "@effect/vitest"
import { Resolver } from "@hotaru/node"
import { Exit, FastCheck } from "effect"
import { canonical, inDialOrder } from "../src/internal/addresses.js"
import { Failures } from "../src/internal/failures.js"
import { type Answer, Lookups } from "../src/internal/lookups.js"

/** Look-ups whose ends and whose time are in the test's hands. */
const scripted = () => {
  const running: Array<{ readonly host: string; readonly end: (answer: Answer) => void }> = []
  const time = { now: 0 }
  const lookups = new Lookups(
    (host, end) => void running.push({ host, end }),
    () => time.now
  )
  const seen: Array<string> = []
  const ask = (host: string, name = host) =>
    lookups.get(host, (answer, rotation) => void seen.push(`${name}:${answer._tag}:${rotation}`))
  const probe = (host: string, name = host) => lookups.probe(host, (answer) => void seen.push(`${name}:${answer._tag}`))
  const end = (index: number, answer: Answer = found) => running[index]?.end(answer)
  return { ask, probe, end, hosts: () => running.map(({ host }) => host), seen, time }
}

const found: Answer = Exit.succeed([{ address: "192.0.2.1", family: 4 }])
const failed: Answer = Exit.fail(new Resolver.ResolveError({ host: "a", code: "EAI_AGAIN" }))

describe("look-ups", () => {
  it("run one at a time for a name and serve all who wait for it", () => {
    const { ask, end, hosts, seen } = scripted()
    for (const name of ["a1", "a2", "a3"]) ask("a", name)
    assert.deepStrictEqual(hosts(), ["a"])
    end(0)
    assert.deepStrictEqual(seen, ["a1:Success:0", "a2:Success:1", "a3:Success:2"])
  })

  it("serve further dials for one second, a failure none", () => {
    const { ask, end, hosts, time } = scripted()
    ask("a")
    end(0)
    time.now = 999
    ask("a")
    assert.lengthOf(hosts(), 1)
    time.now = 1000
    ask("a")
    assert.lengthOf(hosts(), 2)
    end(1, failed)
    ask("a")
    assert.lengthOf(hosts(), 3)
  })

  it("are three at most, in the order of asking", () => {
    const { ask, end, hosts } = scripted()
    for (const host of ["a", "b", "c", "d", "e"]) ask(host)
    assert.deepStrictEqual(hosts(), ["a", "b", "c"])
    end(1)
    assert.deepStrictEqual(hosts(), ["a", "b", "c", "d"])
    end(0)
    assert.deepStrictEqual(hosts(), ["a", "b", "c", "d", "e"])
  })

  it("are not begun for those who have left the queue", () => {
    const { ask, end, hosts } = scripted()
    for (const host of ["a", "b", "c"]) ask(host)
    const leave = ask("d")
    ask("e")
    leave()
    end(0)
    assert.deepStrictEqual(hosts(), ["a", "b", "c", "e"])
  })

  it("that everybody has left still count: two for a name, and no third", () => {
    const { ask, end, hosts, seen } = scripted()
    ask("a", "a1")()
    assert.deepStrictEqual(hosts(), ["a"])
    ask("a", "a2")()
    assert.deepStrictEqual(hosts(), ["a", "a"])
    ask("a", "a3")
    assert.deepStrictEqual(hosts(), ["a", "a"])
    end(0)
    assert.deepStrictEqual(seen, ["a3:Success:2"])
  })

  it("fail those who wait only with the newest one's failure", () => {
    const { ask, end, seen } = scripted()
    ask("a", "a1")()
    ask("a", "a2")
    end(0, failed)
    assert.deepStrictEqual(seen, [])
    end(1, failed)
    assert.deepStrictEqual(seen, ["a2:Failure:1"])
  })

  it("of IP literals wait for nobody", () => {
    const { ask, hosts } = scripted()
    for (const host of ["a", "b", "c", "127.0.0.1", "::1"]) ask(host)
    assert.deepStrictEqual(hosts(), ["a", "b", "c", "127.0.0.1", "::1"])
  })

  it("for nobody's dial leave the last place to dials", () => {
    const { ask, hosts, probe } = scripted()
    assert.isDefined(probe("a"))
    assert.isDefined(probe("b"))
    assert.isUndefined(probe("c"))
    ask("d")
    assert.deepStrictEqual(hosts(), ["a", "b", "d"])
  })

  it("for nobody's dial and for dials to the same name are one, and do not rotate addresses", () => {
    const { ask, end, hosts, probe, seen } = scripted()
    for (const host of ["a", "b", "c", "d"]) ask(host, `${host}1`)
    // One that is under way, and one that stands in the queue.
    assert.isDefined(probe("a", "a2"))
    assert.isDefined(probe("d", "d2"))
    ask("a", "a3")
    assert.deepStrictEqual(hosts(), ["a", "b", "c"])
    end(0)
    assert.deepStrictEqual(seen, ["a1:Success:0", "a2:Success", "a3:Success:1"])
    end(3)
    assert.deepStrictEqual(seen.slice(3), ["d1:Success:0", "d2:Success"])
  })

  it("for nobody's dial are made anew, and their answer serves dials", () => {
    const { ask, end, hosts, probe, seen } = scripted()
    ask("a", "a1")
    end(0)
    assert.isDefined(probe("a", "a2"))
    assert.deepStrictEqual(hosts(), ["a", "a"])
    end(1)
    ask("a", "a3")
    assert.lengthOf(hosts(), 2)
    assert.deepStrictEqual(seen, ["a1:Success:0", "a2:Success", "a3:Success:1"])
  })

  it("for nobody's dial that are given up stay counted, and a dial gets its second chance", () => {
    const { ask, end, hosts, probe, seen } = scripted()
    probe("a", "gone")?.()
    ask("a", "a1")
    assert.deepStrictEqual(hosts(), ["a", "a"])
    assert.isUndefined(probe("b"))
    end(1)
    assert.deepStrictEqual(seen, ["a1:Success:0"])
    assert.isDefined(probe("b"))
  })

  it("never run in greater number than allowed, and answer everybody who stays", () => {
    const step = FastCheck.oneof(
      FastCheck.record({ do: FastCheck.constant("ask" as const), host: FastCheck.constantFrom("a", "b", "c", "d") }),
      FastCheck.record({ do: FastCheck.constant("leave" as const), which: FastCheck.nat(20) }),
      FastCheck.record({ do: FastCheck.constant("end" as const), which: FastCheck.nat(5), ok: FastCheck.boolean() })
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 60 }), (steps) => {
        const running: Array<{ readonly host: string; readonly end: (answer: Answer) => void }> = []
        const lookups = new Lookups(
          (host, end) => void running.push({ host, end }),
          () => 0
        )
        const waiting = new Map<number, () => void>()
        let asked = 0
        const finish = (index: number, answer: Answer) => running.splice(index, 1)[0]?.end(answer)
        for (const step of steps) {
          if (step.do === "ask") {
            const id = asked++
            let answered = false
            const leave = lookups.get(step.host, () => {
              assert.isFalse(answered, "answered twice")
              answered = true
              waiting.delete(id)
            })
            if (!answered) waiting.set(id, leave)
          } else if (step.do === "leave") {
            const [id, leave] = [...waiting][step.which % Math.max(1, waiting.size)] ?? []
            leave?.()
            if (id !== undefined) waiting.delete(id)
          } else if (running.length > 0) finish(step.which % running.length, step.ok ? found : failed)
          assert.isAtMost(running.length, 3)
          for (const host of ["a", "b", "c", "d"])
            assert.isAtMost(running.filter((each) => each.host === host).length, 2)
        }
        while (running.length > 0) finish(0, found)
        assert.strictEqual(waiting.size, 0)
      })
    )
  })
})

describe("addresses", () => {
  it("have one spelling each", () => {
    const cases: ReadonlyArray<readonly [string, string | undefined]> = [
      ["127.0.0.1", "127.0.0.1"],
      ["::ffff:127.0.0.1", "127.0.0.1"],
      ["::FFFF:7f00:1", "127.0.0.1"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["2001:DB8:0:0::00A1", "2001:db8::a1"],
      ["fe80::1%eth0", undefined],
      ["127.1", undefined],
      ["2130706433", undefined],
      ["localhost", undefined],
      ["", undefined]
    ]
    for (const [literal, expected] of cases) assert.strictEqual(canonical(literal)?.address, expected, literal)
  })

  const six = (address: string) => ({ address, family: 6 as const })
  const four = (address: string) => ({ address, family: 4 as const })
  const order = (...args: Parameters<typeof inDialOrder>) => inDialOrder(...args).map(({ address }) => address)
  const none = () => false

  it("take turns by family, the resolver's first family first", () => {
    const addresses = [six("a"), six("b"), six("c"), four("x"), four("y")]
    assert.deepStrictEqual(order(addresses, { preference: "any", rotation: 0, failedLately: none }), [
      "a",
      "x",
      "b",
      "y",
      "c"
    ])
    assert.deepStrictEqual(order(addresses, { preference: "prefer-ipv4", rotation: 0, failedLately: none }), [
      "x",
      "a",
      "y",
      "b",
      "c"
    ])
  })

  it("are rotated within their family, and the failed ones go last", () => {
    const addresses = [six("a"), six("b"), four("x"), four("y")]
    assert.deepStrictEqual(order(addresses, { preference: "any", rotation: 1, failedLately: none }), [
      "b",
      "y",
      "a",
      "x"
    ])
    const failedLately = (address: string) => address === "b" || address === "y"
    assert.deepStrictEqual(order(addresses, { preference: "any", rotation: 1, failedLately }), ["a", "x", "b", "y"])
    assert.deepStrictEqual(order(addresses, { preference: "any", rotation: 0, failedLately: () => true }), [
      "a",
      "x",
      "b",
      "y"
    ])
  })
})

describe("failures", () => {
  it("are remembered for 30 seconds, unless the address works again", () => {
    const time = { now: 0 }
    const failures = new Failures(() => time.now)
    failures.add("a")
    failures.add("b")
    failures.clear("b")
    time.now = 29_999
    assert.deepStrictEqual([failures.has("a"), failures.has("b")], [true, false])
    time.now = 30_000
    assert.isFalse(failures.has("a"))
  })

  it("are bounded in number", () => {
    const failures = new Failures(() => 0)
    for (let i = 0; i < 2000; i++) failures.add(`${i}`)
    assert.isFalse(failures.has("975"))
    assert.isTrue(failures.has("976"))
  })
})
