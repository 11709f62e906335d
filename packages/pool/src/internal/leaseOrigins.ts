/**
 * Where a lease was taken, in the program's own terms: its spans, and its frames without those of this library, of Effect
 * and of the runtime.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnySpan } from "effect/Tracer"

/** Frames that are captured: Effect's own are many, and come first. */
const captured = 64

/** Spans that are named. */
const mostSpans = 16

/** Frames that are shown. */
const mostFrames = 10

/** The stack here and now; only while leases are watched for leaks. */
export const capture = (): string | undefined => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = captured
  const { stack } = new Error("acquired here")
  Error.stackTraceLimit = limit
  return stack
}

/** From inner to outer: `"http.client GET" in "checkout"`. A span of another process is known by its id alone. */
export const namesOf = (span: AnySpan): string => {
  const names: Array<string> = []
  let at: AnySpan | undefined = span
  for (; at !== undefined && names.length < mostSpans; at = parentOf(at))
    names.push(at._tag === "Span" ? `"${at.name}"` : at.spanId)
  return names.join(" in ") + (at === undefined ? "" : " in others")
}

const parentOf = (span: AnySpan): AnySpan | undefined =>
  span._tag === "Span" && span.parent._tag === "Some" ? span.parent.value : undefined

/** One a line: the program's frames, then where its spans were opened. */
export const placeOf = (stack: string | undefined, span: AnySpan | undefined): string => {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s*at /.test(line) && !isForeign(line))
  const places = [...new Set([...frames.slice(0, mostFrames), ...openings(span)])]
  return places.length > 0
    ? ["acquired here", ...places].join("\n")
    : "acquired here: at a place that is not known, because no frame was the program's; Effect.withSpan around it names it"
}

/** Effect notes where each span was opened and tells it of a failure's cause, and nowhere else. */
const openings = (span: AnySpan | undefined): ReadonlyArray<string> => {
  if (span === undefined) return []
  const failed = Effect.runSyncExit(Effect.withParentSpan(Effect.fail(new Unlocated()), span))
  if (Exit.isSuccess(failed)) return []
  // A line for each span; those of which no place is known are in the names already.
  return Cause.pretty(failed.cause)
    .split("\n")
    .filter((line) => /^\s*at .*\(.*\)$/.test(line) && !isForeign(line))
}

class Unlocated extends Error {
  override readonly stack = ""
}

/** Where this library's packages are when they are not installed: the folder beside this one's package. */
const here = (() => {
  try {
    return new URL("../../../", import.meta.url).pathname
  } catch {
    return undefined
  }
})()

const installed = /[\\/]node_modules[\\/](?:effect|@effect[\\/][^\\/]+|@hotaru[\\/][^\\/]+)[\\/]/
const runtime = /[( ](?:node:|(?:<anonymous>|native|\[native code\])\)?$)/
const ours = /^(?:http1|pool|client|node)\/(?:src|dist)\//

const isForeign = (line: string): boolean => {
  if (installed.test(line) || runtime.test(line)) return true
  const at = here === undefined ? -1 : line.indexOf(here)
  return at !== -1 && ours.test(line.slice(at + (here?.length ?? 0)))
}
