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

/**
 * Whose doing it is: what the caller passed or asked for, what the peer sent, or what happened in between.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = "caller" | "peer" | "network"

/**
 * How far an exchange got.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** Whether the connection had carried a request before this one. */
  readonly reusedConnection: boolean
  /** Bytes of the request given to the connection. */
  readonly bytesWritten: number
  /** Whether any byte of an answer had come. */
  readonly responseStarted: boolean
  /**
   * Whether the request can be sent again without being carried out twice: nothing of it was written, or its method is
   * safe to repeat (GET, HEAD, OPTIONS, TRACE, or an `Idempotency-Key`) and so is its body.
   */
  readonly safeToRetry: boolean
}

/**
 * The progress of a request of which nothing was sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const nothingSent: Progress = {
  reusedConnection: false,
  bytesWritten: 0,
  responseStarted: false,
  // Sending it again is safe and pointless: whatever was wrong with it is still wrong.
  safeToRetry: false
}

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
    return `The request's body failed after ${this.bytesWritten} bytes were written`
  }
}

/**
 * The stream of the request's body was longer or shorter than its announced length.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestBodyLength extends Data.TaggedError("RequestBodyLength")<
  Progress & {
    readonly fault: "caller"
    /** Bytes announced. */
    readonly announced: number
    /** Bytes the stream gave, or had given when it went over. */
    readonly given: number
  }
> {
  override get message(): string {
    return `The request's body was announced with ${this.announced} bytes and gave ${this.given}`
  }
}

/**
 * The connection ended or broke before the answer was complete.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionBroken extends Data.TaggedError("ConnectionBroken")<
  Progress & {
    readonly fault: "peer" | "network"
    /** What was being waited for. */
    readonly during: "head" | "body"
    readonly detail: string
    readonly cause?: unknown
  }
> {
  override get message(): string {
    const connection = this.reusedConnection ? "A reused connection" : "The connection"
    const started = this.responseStarted ? "after the answer had begun" : "without a byte of an answer"
    return `${connection} broke ${started}, ${this.bytesWritten} bytes of the request written: ${this.detail}`
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
  }
> {
  override get message(): string {
    return `Malformed response (${this.kind}): ${this.problem}${this.section === undefined ? "" : ` [${this.section}]`}`
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
    return `The response is over the limit ${this.limit} = ${this.value}${this.actual === undefined ? "" : ` (${this.actual})`}`
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
    return `The exchange took longer than ${this.limit} = ${this.timeout} ms`
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
  | MalformedResponse
  | LimitExceeded
  | ExchangeTimeout
  | ContentTypeRefused
  | BodyAbandoned
  | BodyAlreadyConsumed
  | ExchangeAborted
