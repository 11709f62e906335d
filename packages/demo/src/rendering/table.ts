/** Columns that line up, with or without colours. */
import Table from "cli-table3"
import type { Colors } from "picocolors/types.js"

const noLines = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " "
}

/** The first column is text, the others are figures. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>,
  colours: Colors
): ReadonlyArray<string> => {
  const table = new Table({
    chars: noLines,
    // The library's own colours ask nobody whether colours are wanted.
    style: { head: [], border: [], "padding-left": 1, "padding-right": 1 },
    colAligns: head.map((_, index) => (index === 0 ? "left" : "right"))
  })
  table.push(
    head.map((cell) => colours.dim(cell)),
    ...rows.map((row) => [...row])
  )
  return table
    .toString()
    .split("\n")
    .map((line) => ` ${line.trimEnd()}`)
}
