import { assert, describe, it } from "@effect/vitest"
import * as Text from "../src/text.js"

const figures = [
  { name: "ours", perRound: [1, 3] },
  { name: "theirs", perRound: [4, 4] },
  { name: "idlers", perRound: [] }
]

describe("text", () => {
  it("a table says median, spread and a ratio for each reference, and what is beside", () => {
    const lines = Text.table({
      title: "A title",
      unit: "µs",
      figures,
      references: ["theirs", "ours"],
      beside: [{ title: "p50 µs", figures: [{ name: "ours", perRound: [1500, 1500.4] }] }]
    })
    assert.deepStrictEqual(lines.slice(0, 2), ["", "A title"])
    assert.match(lines[2]!, /^ +median µs +\(of rounds\) +× theirs +× ours +p50 µs$/)
    assert.match(lines[3]!, /^ {2}ours +2\.00 +1\.00 to 3\.00 +0\.50 × +1\.00 × +1500$/)
    // (4/1 + 4/3) / 2: within each round, not of the medians.
    assert.match(lines[4]!, /^ {2}theirs +4\.00 +4\.00 to 4\.00 +1\.00 × +2\.67 × +-$/)
  })

  it("who cannot do what is measured is in the table, without figures", () => {
    const lines = Text.table({ title: "A title", unit: "µs", figures, references: ["theirs"] })
    assert.match(lines.at(-1)!, /^ {2}idlers +- +- +-$/)
  })

  it("a reference that cannot do it leaves the ratios out", () => {
    const lines = Text.table({ title: "A title", unit: "µs", figures, references: ["idlers"] })
    assert.match(lines[3]!, /^ {2}ours +2\.00 +1\.00 to 3\.00 +-$/)
  })

  it("the summary says figure, bound, aim and verdict", () => {
    const lines = Text.summary([
      { what: "quick enough", figure: 0.2, unit: "times", atMost: 0.25 },
      { what: "as quick as meant", figure: 0.2, unit: "times", atMost: 0.25, aim: 0.2 },
      { what: "not yet", figure: 0.22, unit: "times", atMost: 0.25, aim: 0.2 },
      { what: "too slow", figure: 0.3, unit: "times", atMost: 0.25 },
      { what: "of interest", figure: 1234.5, unit: "bytes", atMost: undefined }
    ])
    assert.match(lines[0]!, /^ {2}quick enough +0\.20 × +≤ 0\.25 × +met$/)
    assert.match(lines[1]!, /^ {2}as quick as meant +0\.20 × +≤ 0\.25 × +aim ≤ 0\.20 × +met, and the aim$/)
    assert.match(lines[2]!, /^ {2}not yet +0\.22 × +≤ 0\.25 × +aim ≤ 0\.20 × +met$/)
    assert.match(lines[3]!, /^ {2}too slow +0\.30 × +≤ 0\.25 × +MISSED$/)
    assert.match(lines[4]!, /^ {2}of interest +1235 B$/)
  })
})
