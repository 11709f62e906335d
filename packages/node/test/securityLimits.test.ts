/** The table of limits in SECURITY.md is complete and says what the code says. */
import { readFileSync } from "node:fs"
import { HttpSafety } from "@hotaru/client"
import { PoolConfig } from "@hotaru/pool"
import { Duration } from "effect"
import { assert, describe, it } from "vitest"
import { mostTickets } from "../src/internal/attempt.js"
import { mostAddresses } from "../src/internal/dial.js"
import { mostOwned } from "../src/internal/readBuffer.js"
import { mostKept } from "../src/internal/resolving.js"
import { mostBytes } from "../src/internal/tlsSessions.js"

const document = readFileSync(new URL("../../../SECURITY.md", import.meta.url), "utf8")

/** Options that bound nothing. */
const noLimits = new Set(["enablePooling", "idleOrder", "shouldEvict", "perHost", "minIdlePerHost"])

/** Unset by default: they take the pool's or the connector's place for one call. */
const overrides = ["acquireTimeout", "tcpKeepAlive"]

/** Counts that are as large as a size. */
const largeCounts = new Set(["maxPendingPerHost"])

/** Sizes as KiB or MiB, durations as ms or s. No other count of the defaults is as large as the smallest size. */
const spelled = (name: string, value: unknown): string => {
  if (value === undefined) return "all"
  if (typeof value === "number") {
    if (value === Infinity) return "off"
    if (value < 16 * 1024 || largeCounts.has(name)) return String(value)
    return value < 1024 ** 2 ? `${value / 1024} KiB` : `${value / 1024 ** 2} MiB`
  }
  const millis = Duration.toMillis(value as Duration.DurationInput)
  if (millis === Infinity) return "off"
  return millis >= 1000 ? `${millis / 1000} s` : `${millis} ms`
}

/** Name and default of each row of the tables below a heading. */
const rowsOf = (heading: string, start = "| `"): ReadonlyArray<readonly [name: string, value: string]> =>
  (document.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? "")
    .split("\n")
    .filter((line) => line.startsWith(start))
    .map((line) => {
      const [, name, value] = line.split("|").map((cell) => cell.trim())
      return [(name ?? "").replaceAll("`", ""), value ?? ""]
    })

const named = (defaults: object): ReadonlyArray<readonly [string, string]> =>
  Object.entries(defaults)
    .filter(([name]) => !noLimits.has(name))
    .map(([name, value]) => [name, spelled(name, value)] as const)

describe("the table of limits in SECURITY.md", () => {
  it("has every limit of a single request, with its default", () => {
    const rows = rowsOf("Limits of a request")
    assert.sameDeepMembers([...rows], [...named(HttpSafety.defaults)])
  })

  it("has every limit of the pool, with its default", () => {
    assert.sameDeepMembers([...rowsOf("Limits of the pool")], [...named(PoolConfig.defaults)])
  })

  it("has those that no option changes", () => {
    const values = rowsOf("Fixed limits", "| ").map(([, value]) => value)
    const fixed = [mostAddresses, mostKept, mostTickets, mostBytes, mostOwned].map((value) => spelled("", value))
    assert.deepStrictEqual(values, ["At most", "---", ...fixed])
  })

  it("names what one call may override", () => {
    for (const name of overrides) assert.match(document, new RegExp(`\`HttpSafety\\.${name}\``))
  })
})
