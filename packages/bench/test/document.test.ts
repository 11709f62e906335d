import { assert, describe, it } from "@effect/vitest"
import { document } from "../src/document.js"

const outcome = {
  name: "small",
  title: "small requests",
  seconds: 12.5,
  tables: [
    {
      title: "A title",
      unit: "µs",
      figures: [
        { name: "ours", perRound: [1, 3] },
        { name: "theirs", perRound: [4, 4] },
        { name: "idlers", perRound: [] }
      ],
      references: ["theirs"],
      beside: [{ title: "p50 µs", figures: [{ name: "ours", perRound: [7, 9] }] }]
    }
  ],
  remarks: ["a remark"],
  findings: [
    { what: "too slow", figure: 0.3, unit: "times", atMost: 0.25, aim: 0.2 },
    { what: "not taken", figure: NaN, unit: "bytes", atMost: undefined }
  ]
} as const

describe("the document", () => {
  const whole = document([outcome], true, new Date(0))
  // As whoever reads it gets it.
  const read = JSON.parse(JSON.stringify(whole)) as typeof whole

  it("is what was made: no figure is lost on the way through JSON", () => {
    assert.deepStrictEqual(read, whole)
  })

  it("says on what the figures were taken", () => {
    assert.strictEqual(read.date, "1970-01-01T00:00:00.000Z")
    assert.strictEqual(read.node, process.version)
    assert.strictEqual(read.effort, "quick")
    assert.isAbove(read.cpu.count, 0)
    assert.isNotEmpty(read.cpu.model)
    for (const peer of ["effect", "undici", "@effect/platform-node"])
      assert.match(read.versions[peer]!, /^\d+\.\d+\.\d+/)
  })

  it("tells each row round by round, with its ratios and what is beside", () => {
    const [measure] = read.measures
    assert.strictEqual(measure!.name, "small")
    const [ours, theirs, idlers] = measure!.tables[0]!.rows
    assert.deepStrictEqual(ours, {
      name: "ours",
      median: 2,
      least: 1,
      most: 3,
      rounds: [1, 3],
      ratios: { theirs: 0.5 },
      beside: { "p50 µs": { median: 8, least: 7, most: 9, rounds: [7, 9] } }
    })
    assert.deepStrictEqual(theirs!.beside, {})
    assert.deepStrictEqual(idlers, {
      name: "idlers",
      median: null,
      least: null,
      most: null,
      rounds: [],
      ratios: { theirs: null },
      beside: {}
    })
  })

  it("tells findings with their verdict, and remarks", () => {
    const [measure] = read.measures
    assert.deepStrictEqual(measure!.findings, [
      { what: "too slow", figure: 0.3, unit: "times", atMost: 0.25, aim: 0.2, missed: true },
      { what: "not taken", figure: null, unit: "bytes", atMost: null, aim: null, missed: true }
    ])
    assert.deepStrictEqual(measure!.remarks, ["a remark"])
  })
})
