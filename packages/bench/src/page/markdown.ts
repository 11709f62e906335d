/** Results as Markdown: the tables of a measure, the bounds of all, and on what they were taken. */
import { amount, digits, times, verdict } from "../text.js"
import type { Finding, Measure, Results, Table } from "./results.js"

const text = (cell: string): string => cell.replaceAll("|", "\\|")

/** The first column to the left, the others to the right. */
const grid = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head = [], ...body] = rows
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"))
  return [head, rule, ...body]
    .map((cells) => `| ${cells.map(text).join(" | ")} |`.replace(/\| {2}(?=\|)/g, "| "))
    .join("\n")
}

const number = (value: number | null | undefined): string => digits(value ?? Number.NaN)

const isOurs = (name: string): boolean => name.startsWith("hotaru") || name.startsWith("pool.")

const table = ({ rows, title, unit }: Table): string => {
  const references = Object.keys(rows[0]?.ratios ?? {})
  const beside = [...new Set(rows.flatMap((row) => Object.keys(row.beside)))]
  const head = ["", `median ${unit}`, "of rounds", ...references.map((name) => `× ${name}`), ...beside]
  const body = rows.map((row) => [
    isOurs(row.name) ? `**${row.name}**` : row.name,
    number(row.median),
    row.least === null ? "-" : `${number(row.least)} to ${number(row.most)}`,
    ...references.map((name) => times(row.ratios[name] ?? Number.NaN)),
    ...beside.map((name) => number(row.beside[name]?.median))
  ])
  return `**${title}**\n\n${grid([head, ...body])}`
}

const findings = (all: ReadonlyArray<Finding>): string =>
  grid([
    ["", "figure", "at most", "aim", ""],
    ...all.map(({ aim, atMost, figure, unit, what }) => {
      const finding = {
        what,
        figure: figure ?? Number.NaN,
        unit,
        atMost: atMost ?? undefined,
        aim: aim ?? undefined
      }
      const bound = (value: number | null) => (value === null ? "" : amount(finding, value))
      return [what, figure === null ? "-" : amount(finding, figure), bound(atMost), bound(aim), verdict(finding)]
    })
  ])

/** All that a measure told; its findings only where it has no table to find them in. */
export const measure = (measure: Measure): string =>
  [
    ...measure.remarks,
    ...measure.tables.map(table),
    ...(measure.tables.length === 0 && measure.findings.length > 0 ? [findings(measure.findings)] : [])
  ].join("\n\n")

/** Every figure that has a bound. */
export const bounds = (measures: ReadonlyArray<Measure>): string =>
  findings(measures.flatMap((measure) => measure.findings.filter(({ atMost }) => atMost !== null)))

/** One line for each run that something is shown of. */
export const circumstances = (runs: ReadonlyArray<Results>): string => {
  const all = runs.filter(({ measures }) => measures.length > 0)
  return all
    .map(({ cpu, date, effort, measures, node, system, versions }) => {
      const names = Object.entries(versions).map(([name, version]) => `${name} ${version ?? "(none)"}`)
      const which = all.length === 1 ? "" : ` (${measures.map(({ name }) => name).join(", ")})`
      return `- ${date.slice(0, 10)}, a ${effort} run${which}: ${cpu.model}, ${cpu.count} cores, ${system.replace(/-\S+/, "")}, Node.js ${node}; ${names.join(", ")}.`
    })
    .join("\n")
}
