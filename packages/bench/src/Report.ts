/** Where a measure tells what it has found on its way: tables, and remarks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Figures } from "./rounds.js"

/** How the same contestants fared in another respect. */
export interface Column {
  readonly title: string
  readonly figures: ReadonlyArray<Figures>
}

export interface Table {
  readonly title: string
  /** Of the figures: `µs`, `B`. */
  readonly unit: string
  readonly figures: ReadonlyArray<Figures>
  /** Names of those whom the others are held against. */
  readonly references: ReadonlyArray<string>
  /** Shown as medians, without ratios. */
  readonly beside?: ReadonlyArray<Column> | undefined
}

export interface ReportShape {
  readonly table: (table: Table) => Effect.Effect<void>
  readonly remark: (line: string) => Effect.Effect<void>
}

export class Report extends Context.Tag("@hotaru/bench/Report")<Report, ReportShape>() {}

export const table = (table: Table): Effect.Effect<void, never, Report> =>
  Effect.flatMap(Report, (report) => report.table(table))

/** What a reader has to know who looks at the tables: how many connections there were, what was left out and why. */
export const remark = (line: string): Effect.Effect<void, never, Report> =>
  Effect.flatMap(Report, (report) => report.remark(line))

/** A table of CPU time, each figure microseconds, against one of the contestants. */
export const cpu = (
  title: string,
  figures: ReadonlyArray<Figures>,
  reference: string
): Effect.Effect<void, never, Report> => table({ title, unit: "µs", figures, references: [reference] })
