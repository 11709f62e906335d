/**
 * The words of a cause that say most: those of the system, which stand inside of others' wrappings.
 *
 * @internal
 */

/** Wrappings that are looked into. */
const deepest = 6

/** Characters of a cause that a message shows. */
const mostShown = 300

/** One line. */
export const innermost = (cause: unknown): string => {
  let said: string | undefined
  let current = cause
  for (let depth = 0; depth < deepest && current !== undefined && current !== null; depth++) {
    const words = wordsOf(current)
    if (words !== undefined) said ??= words
    // A system's own error names its code, the operation and the path.
    if (words !== undefined && hasCode(current)) {
      said = words
      break
    }
    current = typeof current === "object" ? inside(current) : undefined
  }
  const line = (said ?? String(cause)).split(/[\r\n]/, 1)[0] ?? ""
  return line.length > mostShown ? `${line.slice(0, mostShown)}...` : line
}

const wordsOf = (cause: unknown): string | undefined => {
  if (typeof cause === "string") return cause === "" ? undefined : cause
  if (typeof cause !== "object" || cause === null || !("message" in cause)) return undefined
  return typeof cause.message === "string" && cause.message !== "" ? cause.message : undefined
}

const hasCode = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" && cause.message.includes(cause.code)

/** What it wraps: an error's cause, or one of the platform's, which call it so. */
const inside = (cause: object): unknown => {
  for (const name of ["cause", "error", "reason"]) {
    const value: unknown = Reflect.get(cause, name)
    if (typeof value === "object" && value !== null) return value
  }
  return undefined
}
