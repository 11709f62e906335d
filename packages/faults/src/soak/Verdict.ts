/** What became of a request of the soak. */
import { isHttpClientError } from "@effect/platform/HttpClientError"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Option from "effect/Option"

/**
 * - `Right`: its own answer, whole.
 * - `CutShort`: an answer that only its connection's end delimits, and the beginning of the right content: HTTP/1.1 cannot
 *   tell it from a whole one (RFC 9112 section 8).
 * - `GivenUp`: as its caller wanted.
 * - `Failed`: with an error of ours. `safe`: it says that the request may be sent again.
 * - `Wrong`: anything else.
 */
export type Verdict = Data.TaggedEnum<{
  Right: {}
  CutShort: {}
  GivenUp: {}
  Failed: { readonly name: string; readonly safe: boolean }
  Wrong: { readonly what: string }
}>

export const Verdict = Data.taggedEnum<Verdict>()

/** Every error that the network can cause here. One of the caller's would be a mistake of the soak's, or of the client's. */
const known = new Set([
  "ConnectError",
  "ConnectTimeout",
  "AcquireTimeout",
  "PendingLimitReached",
  "ClosedBeforeUse",
  "ConnectionBroken",
  "ExchangeTimeout",
  "MalformedResponse",
  // An answer that waits unread for too long, as one does on a machine that is busy.
  "BodyAbandoned"
])

export const ofCause = (cause: Cause.Cause<unknown>): Verdict => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error === undefined) return Verdict.Wrong({ what: Cause.pretty(cause) })
  if (!isHttpClientError(error)) return Verdict.Wrong({ what: `an error of nobody's: ${String(error)}` })
  const reason = (error as { readonly cause?: unknown }).cause as Record<string, unknown> | undefined
  const tag = reason?.["_tag"]
  if (typeof tag !== "string" || !known.has(tag)) {
    return Verdict.Wrong({ what: `an unknown error: ${String(error)}, because of ${String(reason)}` })
  }
  const where = ["phase", "during", "limit", "fault"].flatMap((name) =>
    typeof reason![name] === "string" ? [reason![name]] : []
  )
  const name = where.length === 0 ? tag : `${tag} (${where.join(", ")})`
  return Verdict.Failed({ name, safe: PooledHttpClient.isSafeToRetry(error) })
}
