/** The matrix as a table of Markdown. */
import { type Impossible, methods, type Outcome, type Played, type Row } from "./Cell.js"

const begin = "<!-- the matrix: written by `npm run faults -- --write` -->"
const end = "<!-- end of the matrix -->"

const cell = (outcome: Outcome | Impossible): string => {
  if ("impossible" in outcome) return `n/a: ${outcome.impossible}`
  const { details, result, retries, safe, seen, unbalanced, whole } = outcome
  return [
    `${typeof result === "string" ? `\`${result}\`` : result}${details.length === 0 ? "" : ` (${details.join(", ")})`}`,
    ...(retries === 0 ? [] : ["sent again"]),
    seen === whole ? `seen ${seen}` : `seen ${seen}, whole ${whole}`,
    ...(safe ? ["safe"] : []),
    ...(unbalanced.length === 0 ? [] : [`LEFT: ${unbalanced.join(", ")}`])
  ].join("; ")
}

const title = ({ kind, variant }: Row): string => (variant === undefined ? kind : `${kind}: ${variant}`)

export const render = (played: ReadonlyArray<Played>): string => {
  const lines = played.map(({ outcomes, row }) => {
    const cells = methods.map((method) => cell(outcomes.get(method)!))
    const isNever = [...outcomes.values()].every((outcome) => "impossible" in outcome)
    return [row.phase, title(row), isNever ? "" : row.state, ...cells]
  })
  return [["phase", "fault", "connection", ...methods], Array.from({ length: 8 }, () => "---"), ...lines]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n")
}

/** The document with another table in its place. */
export const written = (document: string, table: string): string => {
  const [before, after] = [document.indexOf(begin), document.indexOf(end)]
  if (before < 0 || after < 0) throw new Error(`the document lacks ${begin} or ${end}`)
  return `${document.slice(0, before)}${begin}\n\n${table}\n\n${document.slice(after)}`
}

/** The table in a document. */
export const read = (document: string): string =>
  document.slice(document.indexOf(begin) + begin.length, document.indexOf(end)).trim()
