/** What `npm run bench -- --json` printed, read again: as much of it as a page shows. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Null: could not be taken. */
const Figure = Schema.NullOr(Schema.Number)

const Spread = Schema.Struct({ median: Figure, least: Figure, most: Figure })

const Row = Schema.Struct({
  name: Schema.String,
  ...Spread.fields,
  ratios: Schema.Record({ key: Schema.String, value: Figure }),
  beside: Schema.Record({ key: Schema.String, value: Spread })
})

const Table = Schema.Struct({ title: Schema.String, unit: Schema.String, rows: Schema.Array(Row) })

const Finding = Schema.Struct({
  what: Schema.String,
  figure: Figure,
  unit: Schema.Literal("times", "bytes", "milliseconds"),
  atMost: Figure,
  aim: Figure
})

const Measure = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  tables: Schema.Array(Table),
  remarks: Schema.Array(Schema.String),
  findings: Schema.Array(Finding)
})

const Results = Schema.Struct({
  date: Schema.String,
  node: Schema.String,
  versions: Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.String) }),
  cpu: Schema.Struct({ model: Schema.String, count: Schema.Number }),
  system: Schema.String,
  effort: Schema.Literal("quick", "full"),
  measures: Schema.Array(Measure)
})

export type Table = typeof Table.Type
export type Finding = typeof Finding.Type
export type Measure = typeof Measure.Type
export type Results = typeof Results.Type

export class ResultsUnreadable extends Data.TaggedError("ResultsUnreadable")<{
  readonly file: string
  readonly cause: unknown
}> {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `${this.file} is not what npm run --silent bench -- --json prints: ${why}`
  }
}

const decode = Schema.decodeUnknown(Schema.parseJson(Results))

export const read = (file: string) =>
  Effect.flatMap(FileSystem.FileSystem, ({ readFileString }) =>
    Effect.flatMap(readFileString(file), (text) =>
      Effect.mapError(decode(text), (cause) => new ResultsUnreadable({ file, cause }))
    )
  )
