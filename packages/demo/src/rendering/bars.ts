/** Two runs side by side, a pair of bars for each measure. */
import type { Colors } from "picocolors/types.js"

export interface Measure {
  readonly name: string
  readonly without: number
  readonly with: number
  readonly format: (value: number) => string
}

const width = 36

/** A bar as long as its value is in the largest: never empty for something, always empty for nothing. */
export const bar = (value: number, largest: number): string =>
  value <= 0 ? "" : "█".repeat(Math.max(1, Math.round((value / largest) * width)))

export const chart = (measures: ReadonlyArray<Measure>, colours: Colors): ReadonlyArray<string> => {
  const names = Math.max(...measures.map((measure) => measure.name.length))
  return measures.flatMap((measure) => {
    const largest = Math.max(measure.without, measure.with)
    const line = (name: string, label: string, value: number, colour: (text: string) => string) =>
      `  ${name.padEnd(names)}  ${label} ${colour(bar(value, largest))} ${measure.format(value)}`
    return [
      line(measure.name, "without", measure.without, colours.yellow),
      line("", "with   ", measure.with, colours.green)
    ]
  })
}
