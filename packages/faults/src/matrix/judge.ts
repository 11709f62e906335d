/** What must hold in every cell, whatever the table says. */
import type { Method, Outcome, Played, Row } from "./Cell.js"

/** Every error that a request can meet here. One that is missing is a surprise. */
const known = new Set([
  "ConnectError",
  "ConnectTimeout",
  "ClosedBeforeUse",
  "ConnectionBroken",
  "ExchangeTimeout",
  "MalformedResponse"
])

const repeatable = (method: Method): boolean => method === "GET" || method === "POST, key"

const judge = (row: Row, method: Method, outcome: Outcome): ReadonlyArray<string> => {
  const { details, result, retries, safe, seen, unbalanced } = outcome
  const failed = typeof result === "string"
  const answered = row.phase === "head" || row.phase === "body"
  return [
    ...(failed && !known.has(result) ? [`an unknown error, ${result}`] : []),
    ...(unbalanced.length > 0 ? [`left behind: ${unbalanced.join(", ")}`] : []),
    ...(!repeatable(method) && seen > 1 ? [`carried out ${seen} times`] : []),
    ...(!repeatable(method) && retries > 0 ? ["sent again"] : []),
    ...(!repeatable(method) && safe && seen > 0 ? ["called safe to send again, and the server has seen it"] : []),
    ...(retries > 1 ? [`sent again ${retries} times`] : []),
    ...(retries > 0 && (row.state === "new" || answered)
      ? ["sent again though it was answered, or never had to be"]
      : []),
    ...(row.phase === "idle" && row.kind !== "blackhole" && failed
      ? ["an idle connection's end was met by a request"]
      : []),
    ...((row.kind === "delay" || row.kind === "throttle") && result !== 200 ? ["slowness broke it"] : []),
    ...(details.some((detail) => detail.includes("other content")) &&
    (row.kind !== "corrupt" || row.variant === "under TLS")
      ? ["content was mixed up"]
      : [])
  ]
}

/** A line for each thing that does not hold. */
export const faultsOf = (played: ReadonlyArray<Played>): ReadonlyArray<string> =>
  played.flatMap(({ outcomes, row }) =>
    [...outcomes].flatMap(([method, outcome]) =>
      "impossible" in outcome
        ? []
        : judge(row, method, outcome).map(
            (what) => `${row.phase}, ${row.kind}, ${row.variant ?? "as usual"}, ${row.state}, ${method}: ${what}`
          )
    )
  )
