/** Bounds on what was counted, and where they are broken. */
import type { Counts } from "./costs.js"

/** What a bound is multiplied by: `reads` and `writes` where a busy machine decides how many there are. */
type Per = "requests" | "reads" | "reads to be copied" | "writes"

export interface Bound {
  readonly least: number
  /** The most, as so much of each. */
  readonly most: ReadonlyArray<readonly [times: number, per: Per]>
  /** For what happens now and then, whatever the number of requests. */
  readonly slack: number
  readonly why: string
}

export type Bounds = Readonly<Record<string, Bound>>

/** So many for each request, no more and no fewer. */
export const exactly = (times: number, why: string): Bound => ({
  least: times,
  most: [[times, "requests"]],
  slack: 0,
  why
})

export const atMost = (most: Bound["most"], slack: number, why: string): Bound => ({ least: 0, most, slack, why })

/** Where counts are outside of their bounds. What has no bound must not be there at all. */
export const breaches = (counts: Counts, requests: number, bounds: Bounds): ReadonlyArray<string> => {
  const of = (what: string): number => (what === "requests" ? requests : (counts[what] ?? 0))
  const found: Array<string> = []
  for (const what of new Set([...Object.keys(bounds), ...Object.keys(counts)])) {
    const bound = bounds[what]
    const counted = of(what)
    if (bound === undefined) {
      found.push(`${what}: ${counted} in ${requests} requests, and there must be none`)
      continue
    }
    const most = bound.slack + bound.most.reduce((sum, [times, per]) => sum + times * of(per), 0)
    const least = bound.least * requests
    if (counted >= least && counted <= most) continue
    const allowed = least === most ? `${most}` : `${least} to ${most}`
    found.push(`${what}: ${counted} in ${requests} requests, and there must be ${allowed}: ${bound.why}`)
  }
  return found
}
