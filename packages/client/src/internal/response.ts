/**
 * The platform's response over an answer of ours.
 *
 * @internal
 */
import * as Cookies from "@effect/platform/Cookies"
import type * as Headers from "@effect/platform/Headers"
import type { ResponseError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import type * as UrlParams from "@effect/platform/UrlParams"
import type { Head } from "@hotaru/http1/Http1Event"
import type { Lease } from "@hotaru/pool/Lease"
import type * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as BodyStream from "./bodyStream.js"
import * as Collect from "./collect.js"
import { joinFields } from "./fields.js"
import { printable, printableHeaders } from "./printable.js"
import type { Answer } from "./readerContract.js"
import type { ResponseBody } from "./responseBody.js"
import { valuesOf } from "./rules.js"
import type { Limits } from "./safety.js"
import type { Secrets } from "./secrets.js"

export class PooledResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  // Private to the engine too: an uncaught error's response is printed by Node without asking the value how.
  readonly #sent: HttpClientRequest.HttpClientRequest
  readonly #head: Head
  readonly #body: ResponseBody
  readonly #lease: Lease
  #request: HttpClientRequest.HttpClientRequest | undefined = undefined
  #headers: Headers.Headers | undefined = undefined
  #cookies: Cookies.Cookies | undefined = undefined

  constructor(
    sent: HttpClientRequest.HttpClientRequest,
    answer: Answer,
    readonly limits: Limits,
    /** What the fiber that sent the request calls secret. */
    readonly secrets: Secrets
  ) {
    super()
    this.#sent = sent
    this.#head = answer.head
    this.#body = answer.body
    this.#lease = answer.lease
  }

  /** The answer's own parts, for what the platform's interface does not show. */
  get head(): Head {
    return this.#head
  }

  get body(): ResponseBody {
    return this.#body
  }

  get lease(): Lease {
    return this.#lease
  }

  /** Made when it is asked for, which few programs do. */
  get request(): HttpClientRequest.HttpClientRequest {
    if (this.#request === undefined) this.#request = printable(this.#sent, this.secrets)
    return this.#request
  }

  get status(): number {
    return this.head.status
  }

  get headers(): Headers.Headers {
    if (this.#headers === undefined) this.#headers = joinFields(this.head.rawHeaders)
    return this.#headers
  }

  get cookies(): Cookies.Cookies {
    if (this.#cookies === undefined) {
      this.#cookies = Cookies.fromSetCookie(valuesOf(this.head.rawHeaders, "set-cookie"))
    }
    return this.#cookies
  }

  get remoteAddress(): Option.Option<string> {
    return Option.fromNullable(this.lease.connection.facts.remoteAddress)
  }

  get text(): Effect.Effect<string, ResponseError> {
    return Collect.text(this)
  }

  get json(): Effect.Effect<unknown, ResponseError> {
    return Collect.json(this)
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, ResponseError> {
    return Collect.urlParams(this)
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, ResponseError> {
    return Collect.arrayBuffer(this)
  }

  get formData(): Effect.Effect<FormData, ResponseError> {
    return Collect.formData(this)
  }

  get stream(): Stream.Stream<Uint8Array, ResponseError> {
    return BodyStream.stream(this)
  }

  /** Shows the body only if somebody has collected it, and no secret of the heads. */
  toJSON(): unknown {
    const body = Collect.shown(this)
    return {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status,
      headers: printableHeaders(this.headers, this.secrets),
      remoteAddress: this.remoteAddress.toJSON(),
      ...(body === undefined ? {} : { body })
    }
  }
}
