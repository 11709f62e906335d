import { assert, describe, it } from "@effect/vitest"
import { against, type Finding, isMissed } from "../src/findings.js"

const finding = (figure: number, atMost?: number): Finding => ({ what: "a thing", figure, unit: "times", atMost })

describe("findings", () => {
  it("a figure at its bound meets it, one beyond misses it", () => {
    assert.isFalse(isMissed(finding(0.25, 0.25)))
    assert.isTrue(isMissed(finding(0.2501, 0.25)))
  })

  it("a figure between aim and bound meets the bound", () => {
    assert.isFalse(isMissed({ ...finding(0.22, 0.25), aim: 0.2 }))
  })

  it("a figure without a bound misses none, and one that could not be taken meets none", () => {
    assert.isFalse(isMissed(finding(1000)))
    assert.isTrue(isMissed(finding(NaN, 0.25)))
    assert.isTrue(isMissed(finding(NaN)))
  })

  it("one contestant's cost is held against another's", () => {
    const figures = [
      { name: "ours", perRound: [1, 3] },
      { name: "theirs", perRound: [4, 4] },
      { name: "idlers", perRound: [] }
    ]
    const found = { what: "ours, against theirs", figure: 0.5, unit: "times" } as const
    assert.deepStrictEqual(against(figures, "ours", "theirs", 0.4), { ...found, atMost: 0.4 })
    const bound = { atMost: 0.6, aim: 0.4 }
    assert.deepStrictEqual(against(figures, "ours", "theirs", bound), { ...found, ...bound })
    assert.isNaN(against(figures, "ours", "idlers").figure)
    assert.isNaN(against(figures, "idlers", "ours").figure)
  })
})
