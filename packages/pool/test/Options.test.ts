import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Options, PoolConfig, PoolError } from "@hotaru/pool"

const refusal = (check: () => void): PoolError.InvalidPoolConfig | undefined => {
  try {
    check()
    return undefined
  } catch (thrown) {
    assert.instanceOf(thrown, PoolError.InvalidPoolConfig)
    return thrown as PoolError.InvalidPoolConfig
  }
}

const names = Object.keys(PoolConfig.defaults)

describe("the name that was probably meant", () => {
  const misspelt: ReadonlyArray<readonly [given: string, meant: string | undefined]> = [
    ["maxConections", "maxConnections"],
    ["maxconnections", "maxConnections"],
    ["maxConnectionPerHost", "maxConnectionsPerHost"],
    ["maxConectionsPerHost", "maxConnectionsPerHost"],
    ["idleTimeOut", "idleTimeout"],
    ["idleTimoeut", "idleTimeout"],
    ["acquireTimout", "acquireTimeout"],
    ["drain", "drainTimeout"],
    ["maxIdle", "maxIdlePerHost"],
    ["prehost", "perHost"],
    ["colour", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined]
  ]
  for (const [given, meant] of misspelt) {
    it(`of ${given.slice(0, 30) || "an empty one"} is ${meant ?? "not guessed"}`, () => {
      assert.strictEqual(Options.nearest(given, names), meant)
    })
  }

  it("is found by the fewest changes where several are near", () => {
    assert.strictEqual(Options.nearest("maxConnecting", ["maxConnectingPerHost", "maxConnecting"]), "maxConnecting")
    assert.strictEqual(Options.nearest("ca", ["cert", "ca", "key"]), "ca")
  })
})

describe("a record of options", () => {
  const known = { at: "connector", names: ["egress", "family"], guards: ["egress"] }

  it("passes with known names, whatever it inherits", () => {
    const inherited = Object.create({ egres: 1, constructor: Object }) as object
    assert.isUndefined(refusal(() => Options.check({ egress: {}, family: undefined }, known)))
    assert.isUndefined(refusal(() => Options.check(Object.assign(inherited, { family: "any" }), known)))
    assert.isUndefined(refusal(() => Options.check(Object.assign(Object.create(null), { family: "any" }), known)))
  })

  it("with a misspelt name is refused with the right one", () => {
    assert.strictEqual(
      refusal(() => Options.check({ egres: 1 }, known))?.message,
      "Invalid pool configuration: unknown option connector.egres; did you mean egress?"
    )
  })

  it("with a name that is like none is refused with all there are", () => {
    assert.strictEqual(
      refusal(() => Options.check({ colour: 1 }, known))?.message,
      "Invalid pool configuration: unknown option connector.colour; the options are egress, family"
    )
  })

  it("with a misspelt name keeps its value to itself, which may be a secret", () => {
    const error = refusal(() => Options.check({ passprase: "hunter2" }, { at: "tls", names: ["passphrase"] }))
    assert.notInclude(inspect(error, { depth: 9 }) + JSON.stringify(error), "hunter2")
  })

  it("in which a guard is there and undefined is refused", () => {
    assert.strictEqual(
      refusal(() => Options.check({ egress: undefined }, known))?.message,
      "Invalid pool configuration: connector.egress must be left out, or given a value: it guards what is built with it, not undefined"
    )
  })

  for (const none of [null, undefined, 5, "text", true, () => {}]) {
    it(`that is ${none === null ? "null" : typeof none} is refused`, () => {
      assert.strictEqual(refusal(() => Options.check(none, known))?.field, "connector")
    })
  }
})
