import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import picocolors from "picocolors"
import { bar, chart } from "../src/rendering/bars.js"
import { milliseconds, percent, plural, quantile } from "../src/rendering/numbers.js"
import * as Progress from "../src/rendering/progress.js"
import { table } from "../src/rendering/table.js"

const plainColours = picocolors.createColors(false)
const colours = picocolors.createColors(true)
const ESC = String.fromCharCode(27)

describe("figures", () => {
  it("keep about three digits, in the unit that fits", () => {
    assert.deepStrictEqual([0.1234, 12.34, 123.4, 12_340].map(milliseconds), ["0.12 ms", "12.3 ms", "123 ms", "12.3 s"])
  })

  it("never round a share that is not whole to a whole one's form", () => {
    assert.deepStrictEqual([0, 0.5, 2 / 3, 1].map(percent), ["0 %", "50.0 %", "66.7 %", "100 %"])
  })

  it("agree with their noun", () => {
    assert.strictEqual(plural(1, "request"), "1 request")
    assert.strictEqual(plural(1234, "request"), "1,234 requests")
  })

  it("take a quantile by nearest rank, from values in any order", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    assert.strictEqual(quantile(values, 0.5), 50)
    assert.strictEqual(quantile(values, 0.99), 99)
    assert.strictEqual(quantile(values, 1), 100)
    assert.strictEqual(quantile([7], 0.01), 7)
    assert.strictEqual(quantile([], 0.5), 0)
  })
})

describe("a bar", () => {
  it("is as long as its share of the largest", () => {
    assert.strictEqual(bar(50, 100).length * 2, bar(100, 100).length)
  })

  it("is never empty for something and always empty for nothing", () => {
    assert.strictEqual(bar(1, 1_000_000).length, 1)
    assert.strictEqual(bar(0, 10), "")
    assert.strictEqual(bar(0, 0), "")
  })

  it("stands beside its twin in a chart, values last", () => {
    const lines = chart([{ name: "opened", without: 40, with: 10, format: String }], plainColours)
    assert.strictEqual(lines.length, 2)
    assert.match(lines[0]!, /^ {2}opened {2}without █{36} 40$/)
    assert.match(lines[1]!, /^ {10}with {4}█{9} 10$/)
  })
})

describe("a table", () => {
  const rows = [
    ["a", 1],
    ["longer name", 12_345]
  ] as const

  it("lines up text on the left and figures on the right", () => {
    const lines = table(["name", "count"], rows, plainColours)
    assert.strictEqual(lines.length, 3)
    assert.strictEqual(new Set(lines.map((line) => line.length)).size, 1)
    assert.match(lines[1]!, /^ {2}a +1$/)
  })

  it("has colours only where they are wanted", () => {
    assert.notInclude(table(["name", "count"], rows, plainColours).join(""), ESC)
    assert.include(table(["name", "count"], rows, colours).join(""), ESC)
  })
})

describe("progress without a terminal", () => {
  it.effect("is a line for each quarter, once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const progress = yield* Progress.plain((line) => Effect.sync(() => lines.push(line)))(8)
      for (const done of [0, 1, 2, 3, 3, 6, 8, 8]) {
        yield* progress.show({ done, open: 2, limit: 2, waiting: 8 - done })
      }
      assert.deepStrictEqual(lines, [
        "  2 of 8 requests done, 2 of at most 2 connections open, 6 waiting",
        "  6 of 8 requests done, 2 of at most 2 connections open, 2 waiting",
        "  8 of 8 requests done, 2 of at most 2 connections open, 0 waiting"
      ])
    })
  )
})
