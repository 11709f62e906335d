/**
 * What an answer means for its request and its connection.
 *
 * @internal
 */
import type { Head } from "@hotaru/http1/Http1Event"
import type { KeepAlive } from "@hotaru/http1/KeepAlive"
import * as Lease from "@hotaru/pool/Lease"
import * as Duration from "effect/Duration"
import * as ExchangeError from "../ExchangeError.js"
import type { Limits } from "./safety.js"
import type { Sender } from "./sender.js"

/** A peer that says how long it keeps an idle connection may mean it to the millisecond. */
const hintMargin = 1000

const requestNotSent = Lease.Spent("RequestNotSent")

/** How a lease ends whose answer is complete. */
export const settlement = (keepAlive: KeepAlive, sender: Sender): Lease.Settlement => {
  if (!sender.isComplete) return requestNotSent
  if (keepAlive._tag === "Close") return Lease.Spent(keepAlive.reason)
  if (sender.saidClose) return Lease.Spent("SaidClose")
  const { max, timeoutMillis } = keepAlive
  if (max === undefined && timeoutMillis === undefined) return Lease.Reusable()
  if (timeoutMillis === 0) return Lease.Spent("KeepAliveZero")
  return Lease.Reusable({
    idleFor: timeoutMillis === undefined ? undefined : Duration.millis(Math.max(0, timeoutMillis - hintMargin)),
    remaining: max
  })
}

/** The values of a field, in the order sent. */
export const valuesOf = (rawHeaders: ReadonlyArray<string>, name: string): Array<string> => {
  const values: Array<string> = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!)
  }
  return values
}

/** Whether the head says that its connection ends with the answer. */
export const saysClose = (head: Head): boolean =>
  head.version === 0 ||
  valuesOf(head.rawHeaders, "connection").some((value) =>
    value.split(",").some((token) => token.trim().toLowerCase() === "close")
  )

const none: ReadonlyArray<string> = []

/** Values that peers send and that name no encoding: `none`, and the charset. */
const noEncodings = new Set(["", "identity", "none", "utf-8", "utf8"])

/** The codings that were applied to the body, in their order (RFC 9110 section 8.4). */
export const encodingsOf = (head: Head): ReadonlyArray<string> => {
  const { rawHeaders } = head
  let encodings = none
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    // Asked for every body that is read: the length tells nearly all names from this one without a copy.
    if (name.length !== 16 || name.toLowerCase() !== "content-encoding") continue
    const named = rawHeaders[i + 1]!.split(",").map((value) => value.trim().toLowerCase())
    encodings = [...encodings, ...named.filter((value) => !noEncodings.has(value))]
  }
  return encodings
}

/** What stands between the commas of a value, but for those in quoted strings (RFC 9110 section 5.6.4), which are emptied. */
const membersOf = (value: string): ReadonlyArray<string> => value.replace(/"(?:\\.|[^"\\])*"?/g, '""').split(",")

/** Whether the answer's content type is one that the limits refuse. An answer without content has none. */
export const refuse = (
  progress: ExchangeError.Progress,
  head: Head,
  limits: Limits
): ExchangeError.ContentTypeRefused | undefined => {
  const allowed = limits.allowedContentTypes
  if (allowed === undefined || head.framing._tag === "NoBody") return undefined
  if (head.framing._tag === "Length" && head.framing.length === 0) return undefined
  // Readers differ in which of several they go by (RFC 9110 section 8.3): every one of them must be allowed.
  const contentTypes = valuesOf(head.rawHeaders, "content-type")
  const contentType = contentTypes.length === 0 ? undefined : contentTypes.join(", ")
  const isAllowed = (contentTypes.length === 0 ? [""] : contentTypes.flatMap(membersOf)).every((value) => {
    const type = value.split(";")[0]!.trim().toLowerCase()
    return allowed.some(
      (one) => one === type || one === "*/*" || (one.endsWith("/*") && type.startsWith(one.slice(0, -1)))
    )
  })
  return isAllowed
    ? undefined
    : new ExchangeError.ContentTypeRefused({ ...progress, safeToRetry: false, fault: "peer", contentType, allowed })
}
