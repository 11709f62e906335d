/** The sums of a profile as text: whose time it is, and which functions it is spent in. */
import { aligned } from "../text.js"
import { owners } from "./owners.js"
import { byOwner, type Frame, top, total } from "./tree.js"

const rows = (all: Frame): ReadonlyArray<readonly [owner: string, microseconds: string, share: string]> => {
  const whole = total(all)
  const row = (owner: string, self: number) =>
    [owner, self.toFixed(2), `${((100 * self) / whole).toFixed(1)} %`] as const
  return [...byOwner(all).map(({ owner, self }) => row(owners[owner], self)), row("all", whole)]
}

/** Owner by owner; then so many functions, those first with the most time in themselves. */
export const text = (all: Frame, functions: number): string => {
  const whole = total(all)
  const first = aligned([["", "µs per request", "share"], ...rows(all)])
  if (functions === 0) return first.join("\n")
  const second = aligned([
    ["function", "µs in itself", "share", "of", ""],
    ...top(all, functions).map(({ name, owner, place = "", self }) => [
      name,
      self.toFixed(2),
      `${((100 * self) / whole).toFixed(1)} %`,
      owners[owner],
      place
    ])
  ])
  return [...first, "", ...second].join("\n")
}

/** Owner by owner, as a table of a page. */
export const markdown = (all: Frame): string =>
  [
    "| | µs per request | share |",
    "| --- | ---: | ---: |",
    ...rows(all).map((cells) => `| ${cells.join(" | ")} |`)
  ].join("\n")
