/** A user's call, and how it may end. */
import type { ExchangeError } from "@hotaru/client/ExchangeError"
import type { ConnectionKey } from "@hotaru/pool/ConnectionKey"
import type { AcquireError } from "@hotaru/pool/PoolError"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Ledger } from "./Ledger.js"
import type { Plan } from "./Plan.js"
import type { Trace } from "./Trace.js"

/** What a call is before it is made. */
export interface Wish {
  readonly kind: string
  /** Whether it is a request through the client, which may be sent again after a failure of the connection. */
  readonly repeatable: boolean
  /** Whether the body that it sends fails, or is not as long as announced. */
  readonly spoiled: boolean
  /** Whether it uses the pool without the client. */
  readonly isDirect: boolean
  /** The host that it goes to, where it uses the pool without the client. */
  readonly key?: ConnectionKey
  /** Within how many milliseconds it must have ended. */
  readonly within: number
}

export interface Call extends Wish {
  readonly id: string
  readonly since: number
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  interrupted: boolean
}

type Tag = ExchangeError["_tag"] | AcquireError["_tag"]

/** Every kind of failure that a user may meet. */
const declared: ReadonlySet<string> = new Set<Tag>([
  "ConnectError",
  "ConnectTimeout",
  "AcquireTimeout",
  "PendingLimitReached",
  "PoolClosed",
  "ConnectionBroken",
  "ClosedBeforeUse",
  "MalformedResponse",
  "ExchangeTimeout",
  "BodyAbandoned",
  "ExchangeAborted",
  "RequestBodyFailed",
  "RequestBodyLength"
])

/** Failures of the connection: with servers that break nothing they never reach the user of a repeatable request. */
const mendable: ReadonlySet<string> = new Set<Tag>([
  "ConnectionBroken",
  "ClosedBeforeUse",
  "MalformedResponse",
  "ConnectError"
])

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string"
    ? error._tag
    : "untagged"

/** The tag of ours, behind what the platform's client wraps it in. */
const ownTag = (error: unknown): string => {
  const tag = tagOf(error)
  if (tag !== "RequestError" && tag !== "ResponseError") return tag
  return tagOf((error as { readonly cause?: unknown }).cause)
}

export interface Circumstances {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly trace: Trace
  /** Whether the pool is being drained. */
  readonly draining: boolean
  /** Whether a drain may have closed connections that were on lease. */
  readonly aborting: boolean
}

/** Judges how a call ended; answers it in a word. */
export const judge = (
  call: Call,
  exit: Exit.Exit<unknown, unknown>,
  { aborting, draining, ledger, plan, trace }: Circumstances
): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const { cause } = exit
  const who = `${call.kind} ${call.id}`
  if (Cause.isInterruptedOnly(cause)) {
    return call.interrupted ? "interrupted" : trace.broken("only typed failures", `${who} was interrupted by nobody`)
  }
  const defects = [...Cause.defects(cause)]
  if (defects.length > 0) trace.broken("no defects", `${who} died: ${Cause.pretty(cause).slice(0, 2000)}`)
  const failure = [...Cause.failures(cause)][0]
  const tag = ownTag(failure)
  if (!declared.has(tag)) trace.broken("only typed failures", `${who} failed with ${tag}: ${String(failure)}`)
  const may = (allowed: boolean, why: string) => {
    if (!allowed) trace.broken("only fitting failures", `${who} failed with ${tag}, but ${why}: ${messageOf(failure)}`)
  }
  may(tag !== "PoolClosed" || draining, "the pool was open")
  may((tag !== "RequestBodyFailed" && tag !== "RequestBodyLength") || call.spoiled, "its body was as announced")
  may(tag !== "MalformedResponse" || ledger.liedTo(call.id), "its servers sent nothing malformed")
  may(!mendable.has(tag) || !plan.gentle || !call.repeatable || aborting, "nothing was broken but idle connections")
  return tag
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
