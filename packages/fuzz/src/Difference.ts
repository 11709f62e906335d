/** What a deliberate difference is. */
import type { Case } from "./Case.js"
import type { ReadHead, Reading } from "./Reading.js"

export interface Found {
  readonly given: Case
  readonly ours: Reading
  readonly theirs: Reading
}

/** What the comparison goes on with: the case without its peculiarity, or a reading put right. */
export interface Changed {
  readonly given?: Case
  readonly ours?: Reading
  readonly theirs?: Reading
  /** Who reads the changed case. */
  readonly reread?: "both" | "theirs"
}

export interface Difference {
  readonly name: string
  /** Why the codec does what it does. */
  readonly reason: string
  /** Where the rule is written. */
  readonly source: string
  /** Versions of llhttp that have it, as `major.minor`: the first one, and the first one that has it no more. */
  readonly since?: string
  readonly until?: string
  /** Judged by the bytes themselves wherever that can be done, not by what the codec says of them. */
  readonly applies: (found: Found) => boolean
  /** How to go on once this difference is known; the codec's refusal of what the peer reads on leaves nothing to compare. */
  readonly without: "nothing more to compare" | ((found: Found) => Changed)
}

const number = (version: string): number => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major * 1000 + minor
}

/** Whether a difference is one with the llhttp of that version. */
export const isOf = ({ since = "0.0", until = "999.0" }: Difference, version: string): boolean =>
  number(since) <= number(version) && number(version) < number(until)

/** Where the status line of the head starts that holds a byte, after the interim heads before it. */
export const headStart = ({ bytes }: Case, at: number): number => {
  const end = at < 4 ? -1 : bytes.lastIndexOf("\r\n\r\n", at - 4)
  return end === -1 ? 0 : end + 4
}

/** The codec ends a connection that the peer keeps. */
export const keptByThem = ({ ours, theirs }: Found): boolean =>
  ours.head !== undefined && ours.keep === false && theirs.keep === true

/** The comparison goes on as if the peer had judged the connection as the codec does. */
export const keptAlike = ({ ours, theirs }: Found): Changed => ({ theirs: { ...theirs, keep: ours.keep } })

/** The line up to a byte, without it. */
export const lineBefore = ({ bytes }: Case, at: number): string => {
  const before = bytes.slice(0, at)
  return before.slice(before.lastIndexOf("\n") + 1)
}

/** The values of a field in a head, blanks off, by a way of their own: split at the line ends. */
export const valuesOf = (head: string, name: string): ReadonlyArray<string> =>
  head
    .split("\r\n")
    .slice(1)
    .filter((line) => line.slice(0, line.indexOf(":")).toLowerCase() === name)
    .map((line) => line.slice(line.indexOf(":") + 1).replace(/^[ \t]+|[ \t]+$/g, ""))

/** The same, of a head that was read. */
export const valuesIn = ({ rawHeaders }: ReadHead, name: string): ReadonlyArray<string> =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name)
