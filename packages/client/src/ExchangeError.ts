/**
 * What can go wrong in an exchange once there is a request to send.
 *
 * The client fails with `@effect/platform`'s `RequestError` and `ResponseError`; their `cause` is one of these (or one of
 * `@hotaru/pool`'s, when no connection could be had). Each says whose fault it is, how far the exchange got, and
 * whether sending the request again is safe.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { described } from "./internal/impostors.js"
import { innermost } from "./internal/innermost.js"
import { count, written } from "./internal/plural.js"
import { type Breakage, notSentAgain, type Progress } from "./internal/progress.js"
import * as Words from "./internal/words.js"

export {
  /**
   * What is known of a connection that ended before its answer was complete.
   *
   * @since 0.1.0
   * @category models
   */
  type Breakage,
  /**
   * Whose doing it is: what the caller passed or asked for, what the peer sent, or what happened in between.
   *
   * @since 0.1.0
   * @category models
   */
  type Fault,
  /**
   * The progress of a request of which nothing was sent.
   *
   * @since 0.1.0
   * @category constructors
   */
  nothingSent,
  /**
   * How far an exchange got.
   *
   * @since 0.1.0
   * @category models
   */
  type Progress,
  /**
   * Why a request that might have been sent again on a fresh connection was not: its host's retry budget is used up
   * (`retryBudgetPerHost`), or the pool is closing.
   *
   * @since 0.1.0
   * @category models
   */
  type RetryRefusal
} from "./internal/progress.js"

/**
 * The request may not be sent as it is: a method, target, header, length or body that HTTP/1.1 cannot carry or that
 * could smuggle. Nothing was written. The message never shows a header's value.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<
  Progress & {
    readonly fault: "caller"
    /** Which part of the request. */
    readonly field: string
    /** The header's name, where the part is a header. */
    readonly name?: string | undefined
    readonly problem: string
  }
> {
  override get message(): string {
    return `Invalid ${this.field}${this.name === undefined ? "" : ` ${JSON.stringify(this.name)}`}: ${this.problem}`
  }
}

/**
 * The method is not among `HttpSafety.allowedMethods`.
 *
 * @since 0.1.0
 * @category errors
 */
export class MethodNotAllowed extends Data.TaggedError("MethodNotAllowed")<
  Progress & { readonly fault: "caller"; readonly method: string; readonly allowed: ReadonlyArray<string> }
> {
  override get message(): string {
    return `The method ${this.method} is not allowed here; allowed are ${this.allowed.join(", ")} (allowedMethods)`
  }
}

/**
 * The stream of the request's body failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestBodyFailed extends Data.TaggedError("RequestBodyFailed")<
  Progress & { readonly fault: "caller"; readonly cause: unknown }
> {
  override get message(): string {
    return `The request's body failed: ${innermost(this.cause)} (${written(this.bytesWritten)})`
  }
}

/**
 * The stream of the request's body was longer or shorter than its announced length, or its bytes are not as many any
 * more as when the request was made: their memory was given away or resized.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestBodyLength extends Data.TaggedError("RequestBodyLength")<
  Progress & {
    readonly fault: "caller"
    /** Bytes announced. */
    readonly announced: number
    /** Bytes there were: all that the stream gave, or had given when it went over. */
    readonly given: number
  }
> {
  override get message(): string {
    return `The request's body was announced with ${count(this.announced, "byte")} and gave ${this.given}`
  }
}

/**
 * The connection ended or broke before the answer was complete.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionBroken extends Data.TaggedError("ConnectionBroken")<
  Breakage & {
    /** What was being waited for. */
    readonly during: "head" | "body"
    /** Milliseconds for which the connection had been idle when the request got it, where it was reused. */
    readonly idle?: number | undefined
  }
> {
  override get message(): string {
    const connection = this.reusedConnection ? "A reused connection" : "The connection"
    const started = this.responseStarted ? "after the answer had begun" : "without a byte of an answer"
    return `${connection} broke ${started}, ${written(this.bytesWritten)}: ${this.detail}${Words.stale(this)}${notSentAgain(this.retryRefused)}`
  }
}

/**
 * The connection ended or broke under the first request it carried, without having answered a byte: the peer accepts
 * connections and closes them. A balancer without a server behind it does, and so does one that refuses us for a reason
 * it does not give. Where the peer said why (a TLS alert), the cause is a `ConnectError` of phase `tls` instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClosedBeforeUse extends Data.TaggedError("ClosedBeforeUse")<
  Breakage & {
    /** Whether the connection was in TLS, whose handshake had succeeded then. */
    readonly overTls?: boolean | undefined
    /** Whether there was a client certificate to give. */
    readonly clientCertificate?: boolean | undefined
  }
> {
  override get message(): string {
    return `The peer accepted the connection and closed it before it had answered anything, ${written(this.bytesWritten)}: ${this.detail}; ${Words.whyClosed(this)}${notSentAgain(this.retryRefused)}`
  }
}

/**
 * What the peer sent is not HTTP/1.1, or is ambiguous.
 *
 * @since 0.1.0
 * @category errors
 */
export class MalformedResponse extends Data.TaggedError("MalformedResponse")<
  Progress & {
    readonly fault: "peer"
    /** The codec's name for it. */
    readonly kind: string
    readonly problem: string
    /** The section of the RFC that says so. */
    readonly section?: string | undefined
    /**
     * The first bytes that the peer sent on the connection, a character for a byte and at most 40, where they are no
     * HTTP. Those of a reused connection are not shown: they may be a part of an answer to somebody else.
     */
    readonly sample?: string | undefined
  }
> {
  override get message(): string {
    const sample = this.sample === undefined ? "" : `; ${described(this.sample)}`
    return `Malformed response (${this.kind}): ${this.problem}${this.section === undefined ? "" : ` [${this.section}]`}${sample}`
  }
}

/**
 * The answer is over a limit of `HttpSafety`, or of the platform's `MaxBodySize`.
 *
 * @since 0.1.0
 * @category errors
 */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<
  Progress & {
    readonly fault: "peer"
    /** The limit's name. */
    readonly limit: string
    /** The limit's value. */
    readonly value: number
    /** What was announced or had come, where that is known. */
    readonly actual?: number | undefined
  }
> {
  override get message(): string {
    const actual = this.actual === undefined ? "" : ` (${this.actual})`
    const remedy =
      this.limit === "MaxBodySize" ? "HttpIncomingMessage.withMaxBodySize" : `HttpSafety.withLimits({ ${this.limit} })`
    return `The response is over the limit ${this.limit} = ${this.value}${actual}, which ${remedy} can raise`
  }
}

/**
 * A time limit of `HttpSafety` passed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExchangeTimeout extends Data.TaggedError("ExchangeTimeout")<
  Progress & {
    readonly fault: "peer"
    readonly limit: "headersTimeout" | "bodyTimeout" | "requestTimeout"
    /** Milliseconds allowed. */
    readonly timeout: number
  }
> {
  override get message(): string {
    const connection = this.reusedConnection ? "a reused connection" : "a new connection"
    const sent = this.bytesWritten === 0 ? written(0) : `${written(this.bytesWritten)}, on ${connection}`
    return `${Words.whatTook(this)} ${this.limit} = ${this.timeout} ms: ${sent}; HttpSafety.withLimits({ ${this.limit} }) can raise it`
  }
}

/**
 * The response's content type is not among `HttpSafety.allowedContentTypes`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContentTypeRefused extends Data.TaggedError("ContentTypeRefused")<
  Progress & {
    readonly fault: "peer"
    readonly contentType: string | undefined
    readonly allowed: ReadonlyArray<string>
  }
> {
  override get message(): string {
    return `The response's content type is ${this.contentType ?? "not given"}; allowed are ${this.allowed.join(", ")} (allowedContentTypes)`
  }
}

/**
 * The body came whole and is encoded (`Content-Encoding`), which this client does not undo: `text`, `json`, `urlParamsBody`
 * and `formData` cannot read it. `arrayBuffer` and `stream` give its bytes as they were sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyEncoded extends Data.TaggedError("BodyEncoded")<
  Progress & {
    readonly fault: "peer"
    /** The codings, in the order in which they were applied: `gzip`. */
    readonly encodings: ReadonlyArray<string>
    /** What the request's `accept-encoding` said, if it said anything. */
    readonly accepted: string | undefined
  }
> {
  override get message(): string {
    const encodings = this.encodings.join(", ")
    const remedy =
      this.accepted === undefined
        ? `send "accept-encoding: identity", or have the server send it as it is`
        : `leave out the request's "accept-encoding: ${this.accepted}"`
    return `The response's body is encoded (content-encoding: ${encodings}), and this client does not decode: ${remedy}, or read it by arrayBuffer or stream and decode it`
  }
}

/**
 * The body was given up before it was complete: its reader was interrupted, nobody read it in time, or its scope was
 * closed.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyAbandoned extends Data.TaggedError("BodyAbandoned")<
  Progress & { readonly fault: "caller"; readonly reason: string }
> {
  override get message(): string {
    return `The response's body was abandoned: ${this.reason}`
  }
}

/**
 * The body went through a stream, which keeps nothing; it cannot be read again. A body collected by `text`, `json` or
 * `arrayBuffer` can.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyAlreadyConsumed extends Data.TaggedError("BodyAlreadyConsumed")<
  Progress & { readonly fault: "caller" }
> {
  override get message(): string {
    return "The response's body was read as a stream before and is gone; collect it (text, json, arrayBuffer) to read it twice"
  }
}

/**
 * The scope of a scoped request closed before its answer came.
 *
 * @since 0.1.0
 * @category errors
 */
export class ExchangeAborted extends Data.TaggedError("ExchangeAborted")<Progress & { readonly fault: "caller" }> {
  override get message(): string {
    return "The request's scope closed before its answer came"
  }
}

/**
 * Any of them.
 *
 * @since 0.1.0
 * @category errors
 */
export type ExchangeError =
  | InvalidRequest
  | MethodNotAllowed
  | RequestBodyFailed
  | RequestBodyLength
  | ConnectionBroken
  | ClosedBeforeUse
  | MalformedResponse
  | LimitExceeded
  | ExchangeTimeout
  | ContentTypeRefused
  | BodyEncoded
  | BodyAbandoned
  | BodyAlreadyConsumed
  | ExchangeAborted
