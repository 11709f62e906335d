import { assert, describe, it } from "@effect/vitest"
import { against, type Finding, isMissed, summary, table } from "../src/findings.js"

const finding = (figure: number, atMost?: number): Finding => ({ what: "a thing", figure, unit: "times", atMost })

describe("findings", () => {
  it("a figure at its bound meets it, one beyond misses it", () => {
    assert.isFalse(isMissed(finding(0.25, 0.25)))
    assert.isTrue(isMissed(finding(0.2501, 0.25)))
  })

  it("a figure without a bound misses none, and one that could not be taken meets none", () => {
    assert.isFalse(isMissed(finding(1000)))
    assert.isTrue(isMissed(finding(NaN, 0.25)))
    assert.isTrue(isMissed(finding(NaN)))
  })

  it("one contestant's cost is held against another's", () => {
    const figures = [
      { name: "ours", perRound: [1, 3] },
      { name: "theirs", perRound: [4, 4] }
    ]
    assert.deepStrictEqual(against(figures, "ours", "theirs", 0.4), {
      what: "ours, against theirs",
      figure: 0.5,
      unit: "times",
      atMost: 0.4
    })
    const rows = table("A title", figures, "theirs")
    assert.match(rows.find((row) => row.includes("ours"))!, /2\.00 µs +0\.50 × +\(1\.00 to 3\.00\)/)
  })

  it("the summary says figure, bound and verdict", () => {
    const lines = summary([
      { what: "quick enough", figure: 0.2, unit: "times", atMost: 0.25 },
      { what: "too slow", figure: 0.3, unit: "times", atMost: 0.25 },
      { what: "of interest", figure: 1234.5, unit: "bytes", atMost: undefined }
    ])
    assert.match(lines[0]!, /^ {2}quick enough +0\.20 × +≤ 0\.25 × +met$/)
    assert.match(lines[1]!, /^ {2}too slow +0\.30 × +≤ 0\.25 × +MISSED$/)
    assert.match(lines[2]!, /^ {2}of interest +1235 B$/)
  })
})
