/** Tables and findings as text. */
import { type Finding, isMissed } from "./findings.js"
import type { Table } from "./Report.js"
import { type Figures, median, named, ratio } from "./rounds.js"

const none = "-"

/** Three digits or more, as many as tell something. */
export const digits = (value: number): string =>
  Number.isNaN(value) ? none : value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 1000 ? 1 : 0)

export const times = (value: number): string => (Number.isNaN(value) ? none : `${value.toFixed(2)} ×`)

const spread = ({ perRound }: Figures): string =>
  perRound.length === 0 ? none : `${digits(Math.min(...perRound))} to ${digits(Math.max(...perRound))}`

/** The first column to the left, the others to the right, each as wide as its widest cell. */
export const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("   ")
      .trimEnd()
  )
}

/** Every contestant's median, the least and the most of any round, its ratios, and what is shown beside. */
export const table = ({ beside = [], figures, references, title, unit }: Table): ReadonlyArray<string> => {
  const bases = references.map((name) => named(figures, name))
  const heads = ["", `median ${unit}`, "(of rounds)"]
  const rows = figures.map((row) => [
    row.name,
    digits(median(row.perRound)),
    spread(row),
    ...bases.map((base) => times(ratio(row, base))),
    ...beside.map((column) => digits(median(column.figures.find(({ name }) => name === row.name)?.perRound ?? [])))
  ])
  const head = [...heads, ...references.map((name) => `× ${name}`), ...beside.map((column) => column.title)]
  return ["", title, ...aligned([head, ...rows]).map((line) => `  ${line}`)]
}

const units = { times: "×", bytes: "B", milliseconds: "ms" } as const

export const amount = ({ unit }: Finding, value: number): string =>
  `${unit === "bytes" ? Math.round(value) : value.toFixed(2)} ${units[unit]}`

export const verdict = (finding: Finding): string => {
  const { aim, atMost, figure } = finding
  if (isMissed(finding)) return "MISSED"
  if (atMost === undefined) return ""
  return aim !== undefined && figure <= aim ? "met, and the aim" : "met"
}

/** One line for each finding: figure, bound, aim and verdict. */
export const summary = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> =>
  aligned(
    findings.map((finding) => {
      const bound = (value: number | undefined, word = "") =>
        value === undefined ? "" : `${word}≤ ${amount(finding, value)}`
      const { aim, atMost, figure, what } = finding
      return [what, amount(finding, figure), bound(atMost), bound(aim, "aim "), verdict(finding)]
    })
  ).map((line) => `  ${line}`)
