/**
 * The head of a request, checked and written before a connection is asked for.
 *
 * @internal
 */
import type { RequestHead } from "@hotaru/http1/RequestEncoder"
import * as RequestEncoder from "@hotaru/http1/RequestEncoder"
import * as ExchangeError from "../ExchangeError.js"
import type { Destination } from "./origin.js"
import type { RequestBody } from "./requestBody.js"
import type { Limits } from "./safety.js"

/** A request of which everything is decided but the connection. */
export interface Plan {
  readonly destination: Destination
  readonly body: RequestBody
  readonly limits: Limits
  readonly head: RequestHead
  /** The head as bytes, one code unit each. */
  readonly text: string
  /** Whether the body waits for the peer's word. */
  readonly expectsContinue: boolean
  /** Whether the request may be sent again without being carried out twice. */
  readonly repeatable: boolean
}

const expectsPayload = (method: string): boolean => method === "POST" || method === "PUT" || method === "PATCH"

export const plan = (
  destination: Destination,
  body: RequestBody,
  limits: Limits
): Plan | ExchangeError.InvalidRequest | ExchangeError.MethodNotAllowed => {
  const { origin, path, request } = destination
  const method: string = request.method
  if (limits.allowedMethods !== undefined && !limits.allowedMethods.includes(method)) {
    return new ExchangeError.MethodNotAllowed({
      ...ExchangeError.nothingSent,
      fault: "caller",
      method,
      allowed: limits.allowedMethods
    })
  }
  if (method === "CONNECT") {
    return invalid(
      "method",
      "CONNECT makes a tunnel, which an HttpClient has no use for; lease a connection from the pool instead"
    )
  }
  if (method === "TRACE" && body._tag !== "Empty") {
    return invalid("body", "a TRACE request has no content (RFC 9110 section 9.3.8)")
  }
  let headers: Readonly<Record<string, string>> = request.headers
  let expectsContinue = false
  if ("expect" in headers && headers["expect"]!.toLowerCase() === "100-continue") {
    if (body._tag === "Empty") {
      // RFC 9110 section 10.1.1: no expectation without content.
      const { expect: _, ...rest } = headers
      headers = rest
    } else {
      expectsContinue = true
    }
  }
  if (destination.authorization !== undefined && !("authorization" in headers)) {
    headers = { ...headers, authorization: destination.authorization }
  }
  if (body._tag !== "Empty" && body.contentType !== undefined && (body.ownsType || !("content-type" in headers))) {
    headers = { ...headers, "content-type": body.contentType }
  }
  const head: RequestHead = {
    method,
    target: path,
    host: origin.host,
    headers,
    framing: framingOf(body, expectsPayload(method) || "content-length" in headers),
    close: origin.unpooled || headers["connection"]?.toLowerCase().includes("close") === true
  }
  const text = RequestEncoder.encodeHead(head)
  if (typeof text !== "string") return invalid(text.field, text.problem, text.name)
  return {
    destination,
    body,
    limits,
    head,
    text,
    expectsContinue,
    repeatable: isRepeatable(method, headers) && isReplayable(body)
  }
}

const framingOf = (body: RequestBody, sayEmpty: boolean): RequestHead["framing"] => {
  switch (body._tag) {
    case "Empty":
      return sayEmpty ? emptyLength : RequestEncoder.none
    case "Bytes":
      return RequestEncoder.length(body.bytes.length)
    case "Stream":
      return body.length === undefined ? RequestEncoder.chunked : RequestEncoder.length(body.length)
  }
}

const emptyLength = RequestEncoder.length(0)

/**
 * The plan as it goes on a connection: the last request of one says so, and an origin that speaks HTTP/1.0 is asked to keep
 * it, unless the caller has said what is to become of it (RFC 9112 section 9.3, appendix C.2.2).
 */
export const onConnection = (plan: Plan, last: boolean): Plan => {
  if (plan.head.close) return plan
  if (last) return reencode(plan, { close: true })
  return plan.destination.origin.speaksHttp10 && !("connection" in plan.head.headers)
    ? reencode(plan, { keepAlive: true })
    : plan
}

/** The head with some of it changed. What was valid once stays valid. */
export const reencode = (
  plan: Plan,
  change: { readonly close?: true; readonly keepAlive?: true; readonly expect?: false }
): Plan => {
  const { expect, ...withoutExpect } = plan.head.headers
  const headers = change.expect === false ? withoutExpect : plan.head.headers
  const head: RequestHead = {
    ...plan.head,
    headers: change.keepAlive === true ? { ...headers, connection: "keep-alive" } : headers,
    close: change.close ?? plan.head.close
  }
  const text = RequestEncoder.encodeHead(head)
  if (typeof text !== "string") throw new Error(`A valid head became invalid: ${text.field}: ${text.problem}`)
  return { ...plan, head, text, expectsContinue: plan.expectsContinue && change.expect !== false }
}

/** RFC 9110 section 9.2.1, and what the field has agreed on for the others. */
const isRepeatable = (method: string, headers: Readonly<Record<string, string>>): boolean =>
  method === "GET" ||
  method === "HEAD" ||
  method === "OPTIONS" ||
  method === "TRACE" ||
  "idempotency-key" in headers ||
  "x-idempotency-key" in headers

const isReplayable = (body: RequestBody): boolean => body._tag !== "Stream" || body.repeatable

const invalid = (field: string, problem: string, name?: string): ExchangeError.InvalidRequest =>
  new ExchangeError.InvalidRequest({ ...ExchangeError.nothingSent, fault: "caller", field, name, problem })
