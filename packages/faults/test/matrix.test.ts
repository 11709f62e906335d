import { readFileSync } from "node:fs"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { kinds, methods, type Outcome, type Played, phases } from "../src/matrix/Cell.js"
import { faultsOf } from "../src/matrix/judge.js"
import { run } from "../src/matrix/run.js"
import { read, render } from "../src/matrix/table.js"

const document = readFileSync(new URL("../../../docs/reliability.md", import.meta.url), "utf8")

describe("every fault, in every phase, with every kind of request", () => {
  let played: ReadonlyArray<Played> = []

  // Some 320 exchanges on real sockets, each with a client and a proxy of its own.
  beforeAll(async () => {
    played = await Effect.runPromise(Effect.scoped(run()))
    console.log(render(played))
  }, 180_000)

  const outcomes = (chosen: (one: Played) => boolean): ReadonlyArray<Outcome> =>
    played
      .filter(chosen)
      .flatMap((one) => [...one.outcomes.values()])
      .filter((outcome): outcome is Outcome => !("impossible" in outcome))

  it("leaves no cell empty: it was played, or it says why it cannot be", () => {
    for (const phase of phases) {
      for (const kind of kinds) {
        const rows = played.filter(({ row }) => row.phase === phase && row.kind === kind)
        assert.isAbove(rows.length, 0, `${phase}, ${kind}`)
        for (const { outcomes } of rows) {
          assert.deepStrictEqual([...outcomes.keys()], [...methods])
          for (const outcome of outcomes.values()) {
            if ("impossible" in outcome) assert.isNotEmpty(outcome.impossible)
          }
        }
      }
    }
    assert.isAbove(outcomes(() => true).length, 300)
  })

  it("knows every error, carries nothing out twice, and leaves nothing behind", () => {
    assert.deepStrictEqual(faultsOf(played), [])
  })

  it("sends a request again only if that is safe, on a kept connection that had answered nothing", () => {
    const again = played.flatMap(({ outcomes, row }) =>
      [...outcomes].flatMap(([method, outcome]) =>
        "retries" in outcome && outcome.retries > 0 ? [`${row.phase} ${row.kind} ${row.state} ${method}`] : []
      )
    )
    const ends = ["cut", "half-close", "reset"]
    const expected = ["send", "wait"].flatMap((phase) =>
      ends.flatMap((end) => [`${phase} ${end} kept GET`, `${phase} ${end} kept POST, key`])
    )
    // A damaged record is not delivered: to the client the connection ends without an answer.
    expected.push("send corrupt kept GET", "send corrupt kept POST, key")
    assert.sameMembers([...new Set(again)], expected)
  })

  it("meets the end of an idle connection before a request does", () => {
    const ends = outcomes(({ row }) => row.phase === "idle" && row.kind !== "blackhole")
    assert.isAbove(ends.length, 0)
    for (const { result, retries } of ends) assert.deepStrictEqual([result, retries], [200, 0])
  })

  it("is named by the document as it is named here", () => {
    const source = readFileSync(new URL(import.meta.url), "utf8")
    const promises = document.slice(document.indexOf("## Promised"), document.indexOf("## Not promised"))
    const named = [...promises.matchAll(/"([^"]{20,})"/g)].map(([, name]) => name)
    assert.isAbove(named.length, 2)
    for (const name of named) assert.include(source, `it("${name}"`)
  })

  it("is as the document has it", () => {
    assert.deepStrictEqual(render(played).split("\n"), read(document).split("\n"))
  })
})
