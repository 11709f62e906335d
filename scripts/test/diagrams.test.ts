/**
 * The state machines drawn in docs/architecture.md are those of the code: each state of each is drawn, and no other.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8")

const drawing =
  /## Two state machines\n+```\n(?<text>[\s\S]*?)```/.exec(read("docs/architecture.md"))?.groups?.["text"] ?? ""

/** The states on the lines of one machine, from its label to the next label or the end of the drawing. */
const drawn = (label: string): Array<string> => {
  const from = drawing.indexOf(`${label}:`)
  assert.isAtLeast(from, 0, `${label} is drawn`)
  const rest = drawing.slice(from + label.length + 1)
  const machine = rest.split(/^ *[a-z]+[^\n─►]*:/m)[0] as string
  // What is said beside a drawing is not drawn: it comes after several spaces, or after the box of the last state.
  const lines = machine.split("\n").map((line) => /^(?:.*►)?\s*\(?[A-Z]\w*\)?/.exec(line)?.[0] ?? "")
  return [...new Set(lines.flatMap((line) => line.match(/[A-Z]\w+/g) ?? []))].sort()
}

/** The members of a union of string literals, and of what it leads to from outside: `or Stopped` is drawn so. */
const states = (path: string, type: string): Array<string> => {
  const union = new RegExp(`^(?:export )?type ${type} = (.*)$`, "m").exec(read(path))?.[1] ?? ""
  const members = union.match(/"(\w+)"/g) ?? []
  assert.isAbove(members.length, 0, `${type} is in ${path}`)
  return members.map((member) => member.slice(1, -1)).sort()
}

describe("The state machines of docs/architecture.md", () => {
  it("connection", () => {
    // A dial is drawn as `Opening`; `Unplaced` lasts no longer than one decision and is not drawn.
    const inCode = states("packages/pool/src/internal/model.ts", "ConnectionState").filter((s) => s !== "Unplaced")
    assert.deepStrictEqual(drawn("connection"), [...inCode, "Opening"].sort())
  })

  it("exchange", () => {
    assert.deepStrictEqual(drawn("exchange"), states("packages/client/src/internal/exchange.ts", "Stage"))
  })

  it("sender", () => {
    const inCode = states("packages/client/src/internal/sender.ts", "State")
    assert.match(drawing, /or Stopped/)
    assert.deepStrictEqual([...drawn("sender"), "Stopped"].sort(), inCode)
  })

  it("reader", () => {
    assert.deepStrictEqual(drawn("reader"), states("packages/client/src/internal/reader.ts", "State"))
  })

  it("a state that is not drawn would be found", () => {
    assert.notDeepEqual(drawn("reader"), [...states("packages/client/src/internal/reader.ts", "State"), "Lost"])
    assert.notDeepEqual(drawn("sender"), drawn("reader"))
  })
})
