/**
 * What `PooledHttpClient.followRedirects` met on its way, and why it stopped.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * How redirects are followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface RedirectOptions {
  /** How many are followed. 10. */
  readonly maxRedirects?: number | undefined
  /**
   * What becomes of one more: `"fail"` is a `ResponseError` with the cause {@link TooManyRedirects}, `"respond"` hands out
   * the response that redirects, as it is. `"fail"`.
   */
  readonly atLimit?: "fail" | "respond" | undefined
}

/**
 * A response that redirected.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redirect {
  readonly status: number
  /** That of the request which it answered. */
  readonly method: string
  /** Where the request went, without user info and without the values of secret parameters. */
  readonly url: string
}

/**
 * The server redirected once more than `maxRedirects` allows. The response's body was given up.
 *
 * @since 0.1.0
 * @category errors
 */
export class TooManyRedirects extends Data.TaggedError("TooManyRedirects")<{
  readonly fault: "peer"
  readonly safeToRetry: false
  readonly maxRedirects: number
  /** Every response that redirected, in order; the last one was not followed. */
  readonly history: ReadonlyArray<Redirect>
}> {
  override get message(): string {
    const last = this.history.slice(-3).map(({ method, status, url }) => `${status} for ${method} ${url}`)
    const limit = `${this.maxRedirects} ${this.maxRedirects === 1 ? "redirect was" : "redirects were"} followed (maxRedirects), and the server sent another`
    return `${limit}; its last answers: ${last.join(", ")}. The error's history has them all. Raise maxRedirects, or take the response with atLimit: "respond"`
  }
}

/**
 * A redirect (307, 308, or another that keeps the method) asks for the request's body again, and the body can be read only
 * once: a `Readable`, a `ReadableStream` or an iterator. Nothing was sent to where the redirect leads. The response's body
 * was given up.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyNotRepeatable extends Data.TaggedError("BodyNotRepeatable")<{
  readonly fault: "caller"
  readonly safeToRetry: false
  readonly status: number
  /** Where the redirect leads, without user info and without the values of secret parameters. */
  readonly location: string
  /** Every response that redirected, in order; the last one was not followed. */
  readonly history: ReadonlyArray<Redirect>
}> {
  override get message(): string {
    return `The redirect (${this.status}) to ${this.location} asks for the request's body again, which can be read only once: it is a Readable, a ReadableStream or an iterator. Send an Effect stream (HttpBody.stream), which is run again, or bytes; or send the request to that URL`
  }
}
