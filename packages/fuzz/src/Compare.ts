/** Whether two readers made the same of a case; and if not, by which of the named differences. */
import type { Difference, Found } from "./Difference.js"
import type { Readers } from "./Readers.js"
import type { ReadHead, Reading } from "./Reading.js"

export type Verdict =
  | { readonly _tag: "Same" }
  | { readonly _tag: "Explained"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Unexplained"; readonly what: string; readonly after: ReadonlyArray<string> }

const same: Verdict = { _tag: "Same" }

/** The first thing that differs, or `undefined`. What a refused answer showed before it was refused is not compared. */
export const firstDifference = (ours: Reading, theirs: Reading): string | undefined => {
  if (ours.open !== theirs.open) return `open connection: ${ours.open}, not ${theirs.open}`
  if (ours.closed !== theirs.closed) return `closed connection: ${ours.closed}, not ${theirs.closed}`
  return ours.open === "refused" ? undefined : differentContent(ours, theirs)
}

const differentContent = (ours: Reading, theirs: Reading): string | undefined => {
  if (!equalLists(ours.interim, theirs.interim, equalHeads)) return "interim answers"
  if ((ours.head === undefined) !== (theirs.head === undefined)) return "whether there is a head"
  if (ours.head !== undefined && !equalHeads(ours.head, theirs.head!)) return "head"
  if (ours.body !== theirs.body) return "body"
  if (!equalLists(ours.trailers, theirs.trailers, Object.is)) return "trailers"
  if (ours.end !== theirs.end) return `end: ${ours.end}, not ${theirs.end}`
  if (ours.closed === "complete" && !equalIfTold(ours.keep, theirs.keep)) {
    return `keep: ${ours.keep}, not ${theirs.keep}`
  }
  return undefined
}

const equalLists = <A>(
  left: ReadonlyArray<A>,
  right: ReadonlyArray<A>,
  equal: (left: A, right: A) => boolean
): boolean => left.length === right.length && left.every((item, index) => equal(item, right[index]!))

const equalIfTold = <A>(left: A | undefined, right: A | undefined): boolean =>
  left === undefined || right === undefined || left === right

const equalHeads = (left: ReadHead, right: ReadHead): boolean =>
  left.status === right.status &&
  equalIfTold(left.reason, right.reason) &&
  equalIfTold(left.version, right.version) &&
  equalLists(left.rawHeaders, right.rawHeaders, Object.is)

/** Differences in one case; more of them would mean that one does not take off what it names. */
const most = 12

/** Takes one difference after another off until nothing is left, or one ends the comparison. */
export const compare = (found: Found, differences: ReadonlyArray<Difference>, readers: Readers): Verdict => {
  let { given, ours, theirs } = found
  const names: Array<string> = []
  for (;;) {
    const what = firstDifference(ours, theirs)
    if (what === undefined) return names.length === 0 ? same : { _tag: "Explained", names }
    const difference = differences.find((one) => one.applies({ given, ours, theirs }))
    if (difference === undefined || names.length === most) return { _tag: "Unexplained", what, after: names }
    names.push(difference.name)
    if (difference.without === "nothing more to compare") return { _tag: "Explained", names }
    const changed = difference.without({ given, ours, theirs })
    given = changed.given ?? given
    ours = changed.ours ?? (changed.reread === "both" ? readers.ours(given) : ours)
    theirs = changed.theirs ?? (changed.reread === undefined ? theirs : readers.theirs(given, ours.end))
  }
}
