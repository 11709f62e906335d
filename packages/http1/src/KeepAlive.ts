/**
 * Whether a connection may carry another request.
 *
 * @since 0.1.0
 */
import type { Framing } from "./Framing.js"
import * as internal from "./internal/fields.js"

/**
 * Every no has a name:
 *
 * - `ConnectionClose`: the answer says `Connection: close`.
 * - `Http10`: an HTTP/1.0 answer that does not say `Connection: keep-alive`.
 * - `DelimitedByClose`: the body ended with the connection.
 * - `Upgraded`: the connection speaks another protocol now.
 * - `FaultyFraming`: the answer could be read in one way only, but its framing breaks the rules: a peer that errs in this
 *   may err in more.
 * - `LeftoverBytes`: bytes came after the end of the answer.
 *
 * @since 0.1.0
 * @category models
 */
export type CloseReason =
  | "ConnectionClose"
  | "Http10"
  | "DelimitedByClose"
  | "Upgraded"
  | "FaultyFraming"
  | "LeftoverBytes"

/**
 * `Keep` carries what the peer's `Keep-Alive` field hints at, as it was said: how long it keeps an idle connection
 * (milliseconds), and how many more requests it takes. Hints that are no plain numbers are ignored.
 *
 * @since 0.1.0
 * @category models
 */
export type KeepAlive =
  | { readonly _tag: "Keep"; readonly timeoutMillis: number | undefined; readonly max: number | undefined }
  | { readonly _tag: "Close"; readonly reason: CloseReason }

/**
 * Keep it, without hints.
 *
 * @since 0.1.0
 * @category constructors
 */
export const keep: KeepAlive = { _tag: "Keep", timeoutMillis: undefined, max: undefined }

const closes: { readonly [R in CloseReason]: KeepAlive } = {
  ConnectionClose: { _tag: "Close", reason: "ConnectionClose" },
  Http10: { _tag: "Close", reason: "Http10" },
  DelimitedByClose: { _tag: "Close", reason: "DelimitedByClose" },
  Upgraded: { _tag: "Close", reason: "Upgraded" },
  FaultyFraming: { _tag: "Close", reason: "FaultyFraming" },
  LeftoverBytes: { _tag: "Close", reason: "LeftoverBytes" }
}

/**
 * The connection carries nothing more, and why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const close = (reason: CloseReason): KeepAlive => closes[reason]

/**
 * What decides. A field sent on several lines is given as one value joined with `", "`.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeepAliveInput {
  /** The minor version. */
  readonly version: 0 | 1
  readonly framing: Framing
  /** The value of `Connection`: a list of tokens in any case. */
  readonly connection: string | undefined
  /** The value of `Keep-Alive`. */
  readonly keepAlive: string | undefined
  /** Whether the framing is read though it breaks the rules: `Framing.isFaulty`. */
  readonly faulty?: boolean | undefined
}

/**
 * The verdict of a head (RFC 9112 section 9.3). Pure. What only the end of the answer can tell (`LeftoverBytes`) is
 * added by the decoder.
 *
 * @since 0.1.0
 * @category rules
 */
export const verdict = (input: KeepAliveInput): KeepAlive => {
  const { connection, framing, keepAlive, version } = input
  if (framing._tag === "Tunnel") return closes.Upgraded
  if (connection !== undefined && connection !== "keep-alive" && internal.hasToken(connection, "close")) {
    return closes.ConnectionClose
  }
  if (version === 0 && (connection === undefined || !internal.hasToken(connection, "keep-alive"))) return closes.Http10
  if (framing._tag === "UntilClose") return closes.DelimitedByClose
  if (input.faulty === true) return closes.FaultyFraming
  return keepAlive === undefined ? keep : hinted(keepAlive)
}

/** Peers repeat themselves: the last hints read, and what they mean. */
let lastHints = ""
/** Longer ones are not worth remembering. */
const longestHints = 64
let lastVerdict = keep

const hinted = (hints: string): KeepAlive => {
  if (hints === lastHints) return lastVerdict
  const timeout = internal.numericParameter(hints, "timeout")
  const max = internal.numericParameter(hints, "max")
  const meant: KeepAlive =
    timeout === undefined && max === undefined
      ? keep
      : { _tag: "Keep", timeoutMillis: timeout === undefined ? undefined : timeout * 1000, max }
  if (hints.length <= longestHints) {
    // A copy: part of a text keeps the whole of it, which is a peer's head.
    lastHints = hints.split("").join("")
    lastVerdict = meant
  }
  return meant
}
