/** The whole result as one JSON document. */
import { readFileSync } from "node:fs"
import * as os from "node:os"
import { fileURLToPath } from "node:url"
import type { Outcome } from "./children.js"
import { type Finding, isMissed } from "./findings.js"
import type { Table } from "./Report.js"
import { type Figures, median, named, ratio } from "./rounds.js"

const packages = fileURLToPath(new URL("../node_modules", import.meta.url))

const version = (name: string): string =>
  (JSON.parse(readFileSync(`${packages}/${name}/package.json`, "utf8")) as { readonly version: string }).version

const peers: ReadonlyArray<string> = [
  "effect",
  "@effect/platform",
  "@effect/platform-node",
  "undici",
  "generic-pool",
  "tarn"
]

export interface Circumstances {
  readonly date: string
  readonly node: string
  readonly versions: Readonly<Record<string, string | null>>
  readonly cpu: { readonly model: string; readonly count: number }
  readonly system: string
}

/** What the figures were taken on. */
export const circumstances = (date: Date): Circumstances => ({
  date: date.toISOString(),
  node: process.version,
  versions: {
    ...Object.fromEntries(peers.map((name) => [name, version(name)])),
    // What `fetch` brings with it.
    "undici, built in": process.versions["undici"] ?? null
  },
  cpu: { model: os.cpus()[0]?.model ?? "unknown", count: os.availableParallelism() },
  system: `${os.type()} ${os.release()} ${os.arch()}`
})

/** JSON knows no NaN: a figure that could not be taken is null. */
const figure = (value: number): number | null => (Number.isFinite(value) ? value : null)

const spread = ({ perRound }: Figures) => ({
  median: figure(median(perRound)),
  least: figure(Math.min(...perRound)),
  most: figure(Math.max(...perRound)),
  rounds: perRound
})

const table = ({ beside = [], figures, references, title, unit }: Table) => ({
  title,
  unit,
  rows: figures.map((row) => ({
    name: row.name,
    ...spread(row),
    ratios: Object.fromEntries(references.map((name) => [name, figure(ratio(row, named(figures, name)))])),
    beside: Object.fromEntries(
      beside.flatMap((column) =>
        column.figures.filter(({ name }) => name === row.name).map((one) => [column.title, spread(one)])
      )
    )
  }))
})

const finding = (finding: Finding) => ({
  what: finding.what,
  figure: figure(finding.figure),
  unit: finding.unit,
  atMost: finding.atMost ?? null,
  aim: finding.aim ?? null,
  missed: isMissed(finding)
})

export const document = (outcomes: ReadonlyArray<Outcome>, quick: boolean, date: Date) => ({
  ...circumstances(date),
  effort: quick ? "quick" : "full",
  measures: outcomes.map(({ findings, name, remarks, seconds, tables, title }) => ({
    name,
    title,
    seconds,
    tables: tables.map(table),
    remarks,
    findings: findings.map(finding)
  }))
})
