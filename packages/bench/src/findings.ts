/** What a measure found out, the bounds it is held against, and how both are shown. */
import { type Figures, median, named, ratio } from "./rounds.js"

/** A figure, and what it may be at most. Without a bound it is there to be looked at. */
export interface Finding {
  readonly what: string
  readonly figure: number
  readonly unit: "times" | "bytes"
  readonly atMost: number | undefined
}

export const isMissed = ({ atMost, figure }: Finding): boolean =>
  // A figure that could not be taken meets nothing.
  Number.isNaN(figure) || (atMost !== undefined && figure > atMost)

/** How much one contestant costs against another. */
export const against = (
  figures: ReadonlyArray<Figures>,
  name: string,
  reference: string,
  atMost?: number,
  what = `${name}, against ${reference}`
): Finding => ({ what, figure: ratio(named(figures, name), named(figures, reference)), unit: "times", atMost })

const number = (finding: Finding, value: number): string =>
  finding.unit === "times" ? `${value.toFixed(2)} ×` : `${Math.round(value)} B`

export const summary = (findings: ReadonlyArray<Finding>): ReadonlyArray<string> => {
  const width = Math.max(...findings.map(({ what }) => what.length))
  return findings.map((finding) => {
    const { atMost, figure, what } = finding
    const bound = atMost === undefined ? "" : `≤ ${number(finding, atMost)}`
    const verdict = isMissed(finding) ? "MISSED" : atMost === undefined ? "" : "met"
    return `  ${what.padEnd(width)}  ${number(finding, figure).padStart(9)}  ${bound.padStart(9)}  ${verdict}`.trimEnd()
  })
}

/** Every contestant's median, its ratio to the reference, and the least and the most of any round. */
export const table = (title: string, figures: ReadonlyArray<Figures>, reference: string): ReadonlyArray<string> => {
  const width = Math.max(...figures.map(({ name }) => name.length))
  const base = named(figures, reference)
  const rows = figures.map((row) => {
    const middle = median(row.perRound).toFixed(2).padStart(9)
    const times = ratio(row, base).toFixed(2).padStart(6)
    const range = `(${Math.min(...row.perRound).toFixed(2)} to ${Math.max(...row.perRound).toFixed(2)})`
    return `  ${row.name.padEnd(width)}  ${middle} µs  ${times} ×  ${range}`
  })
  return ["", title, ...rows]
}
