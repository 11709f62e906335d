import { assert, describe, it } from "@effect/vitest"
import type { Case } from "../src/Case.js"
import { compare, firstDifference } from "../src/Compare.js"
import type { Difference } from "../src/Difference.js"
import * as Readers from "../src/Readers.js"
import { alike, codecAndParser, undiciAndParser } from "./examples.js"

const whole = (given: Partial<Case>): Case => ({
  method: "GET",
  upgrade: false,
  lowLimits: false,
  cuts: [0.3, 0.7],
  bytes: "",
  ...given
})

const without = (differences: ReadonlyArray<Difference>, name: string) =>
  differences.filter((difference) => difference.name !== name)

const namesOf = (differences: ReadonlyArray<{ readonly name: string }>) => differences.map(({ name }) => name).sort()

const undici = Readers.clientsOfAPart.find(({ name }) => name === "undici")!

describe("the list of differences between the codec and Node's parser", () => {
  const verdict = (given: Case, differences = Readers.differences) => {
    const ours = Readers.standard.ours(given)
    const theirs = Readers.standard.theirs(given, ours.end)
    return compare({ given, ours, theirs }, differences, Readers.standard)
  }

  for (const [name, given] of codecAndParser) {
    it(`needs "${name}", which explains what it names alone: ${JSON.stringify(given.bytes?.slice(0, 60))}`, () => {
      const found = verdict(whole(given))
      if (Readers.differences.some((difference) => difference.name === name)) {
        assert.deepStrictEqual(found, { _tag: "Explained", names: [name] })
        assert.strictEqual(verdict(whole(given), without(Readers.differences, name))._tag, "Unexplained")
      } else {
        // This Node has another llhttp, with which there is no such difference.
        assert.deepStrictEqual(found, { _tag: "Same" })
      }
    })
  }

  it("has an example for each of its names, and names nothing twice", () => {
    assert.deepStrictEqual([...new Set(codecAndParser.map(([name]) => name))].sort(), namesOf(Readers.everyDifference))
  })

  it("is not asked where both read alike", () => {
    for (const given of alike) assert.deepStrictEqual(verdict(whole(given), []), { _tag: "Same" }, given.bytes)
  })

  it("gives a reason and a source for each", () => {
    for (const { name, reason, source } of [...Readers.everyDifference, ...Readers.everyDifferenceOfUndici]) {
      assert.match(source, /^RFC 911\d (?:appendix|sections?) /, name)
      assert.match(reason, /\.$/, name)
    }
  })
})

describe("the list of differences between undici and Node's parser", () => {
  const verdict = async (given: Case, differences = undici.differences) => {
    const ours = Readers.reference(given)
    return compare({ given, ours, theirs: await undici.read(given, ours.end) }, differences, Readers.standard)
  }

  for (const [name, given] of undiciAndParser) {
    it(`needs "${name}", which explains what it names alone`, async () => {
      const found = await verdict(whole(given))
      if (undici.differences.some((difference) => difference.name === name)) {
        assert.deepStrictEqual(found, { _tag: "Explained", names: [name] })
        assert.strictEqual((await verdict(whole(given), without(undici.differences, name)))._tag, "Unexplained")
      } else {
        // Here both have the same llhttp in this.
        assert.deepStrictEqual(found, { _tag: "Same" })
      }
    })
  }

  it("has an example for each of its names", () => {
    assert.deepStrictEqual(undiciAndParser.map(([name]) => name).sort(), namesOf(Readers.everyDifferenceOfUndici))
  })
})

describe("Node's parser, driven here as its client drives it", () => {
  const http = Readers.clientsOfAPart.find(({ name }) => name === "node:http")!

  it("reads what node:http reads over the same bytes", async () => {
    for (const given of [...alike, ...codecAndParser.map(([, given]) => given)].map(whole)) {
      const ours = Readers.reference(given)
      assert.isUndefined(firstDifference(ours, await http.read(given, ours.end)), JSON.stringify(given.bytes))
    }
  })

  it("reads the same whole and byte by byte", () => {
    for (const given of [...alike, ...codecAndParser.map(([, given]) => given)].map(whole)) {
      const each = Readers.reference(given)
      assert.isUndefined(firstDifference(each, Readers.standard.theirs(given, each.end)), JSON.stringify(given.bytes))
    }
  })
})
