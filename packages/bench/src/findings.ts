/** What a measure found out, and the bounds it is held against. */
import { type Figures, named, ratio } from "./rounds.js"

/** A figure, what it may be at most, and what it is meant to become. Without a bound it is there to be looked at. */
export interface Finding {
  readonly what: string
  readonly figure: number
  readonly unit: "times" | "bytes" | "milliseconds"
  readonly atMost: number | undefined
  readonly aim?: number | undefined
}

/** What a figure may be at most; and beside it what it is meant to become. */
export type Bound = number | { readonly atMost: number; readonly aim: number }

export const isMissed = ({ atMost, figure }: Finding): boolean =>
  // A figure that could not be taken meets nothing.
  Number.isNaN(figure) || (atMost !== undefined && figure > atMost)

/** How much one contestant costs against another. */
export const against = (
  figures: ReadonlyArray<Figures>,
  name: string,
  reference: string,
  bound?: Bound,
  what = `${name}, against ${reference}`
): Finding => ({
  what,
  figure: ratio(named(figures, name), named(figures, reference)),
  unit: "times",
  ...(typeof bound === "object" ? bound : { atMost: bound })
})
