/**
 * Why an answer could not be read.
 *
 * @since 0.1.0
 */
import type { Http1Limits } from "./Http1Limits.js"

/**
 * - `MalformedStatusLine`, `MalformedHeader`, `MalformedChunk`: the grammar of RFC 9112 sections 4, 5 and 7.
 * - `UnsupportedVersion`: neither HTTP/1.0 nor HTTP/1.1.
 * - `AmbiguousLength`: a bad `Content-Length`, two that differ, or one beside `Transfer-Encoding`: two readers could see
 *   two ends.
 * - `UnsupportedTransferCoding`: anything but `chunked`, once.
 * - `LimitExceeded`: one of `Http1Limits`; `limit` says which.
 * - `IncompleteHead`, `IncompleteBody`: the input ended too early; `received` and `expected` say how much.
 * - `NoResponse`: the input ended before the first byte of an answer.
 * - `UnexpectedBytes`: bytes came when no answer was expected.
 * - `UnexpectedUpgrade`: 101 to a request that did not ask for it.
 *
 * @since 0.1.0
 * @category models
 */
export type Http1ErrorKind =
  | "MalformedStatusLine"
  | "MalformedHeader"
  | "AmbiguousLength"
  | "MalformedChunk"
  | "UnsupportedTransferCoding"
  | "UnsupportedVersion"
  | "LimitExceeded"
  | "IncompleteHead"
  | "IncompleteBody"
  | "NoResponse"
  | "UnexpectedBytes"
  | "UnexpectedUpgrade"

/**
 * A plain value, not an exception: the codec throws nothing that a peer could cause.
 *
 * @since 0.1.0
 * @category models
 */
export interface Http1Error {
  readonly _tag: "Http1Error"
  readonly kind: Http1ErrorKind
  /** A sentence. It quotes single bytes by their code, and no field's value but a wrong `Content-Length`, cut short. */
  readonly problem: string
  /** Where the rule is written, as `"RFC 9112 section 6.3"`. */
  readonly section?: string
  readonly limit?: { readonly name: keyof Http1Limits; readonly value: number }
  /** Bytes: of the head (`IncompleteHead`), of the body's content (`IncompleteBody`), or not asked for (`UnexpectedBytes`). */
  readonly received?: number
  /** Bytes announced, when they were. */
  readonly expected?: number
}

/**
 * An error, with what is known beside its kind.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  kind: Http1ErrorKind,
  problem: string,
  more?: Omit<Http1Error, "_tag" | "kind" | "problem">
): Http1Error => ({ _tag: "Http1Error", kind, problem, ...more })

/**
 * The refusal of an answer that passes a limit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const limitExceeded = (name: keyof Http1Limits, value: number): Http1Error =>
  make("LimitExceeded", `The answer exceeds ${name} of Http1Limits, which is ${value}`, { limit: { name, value } })
