/**
 * The span of a request: names, attributes and switches of `HttpClient.make`, made and ended by hand because that
 * costs a fifth of `Effect.useSpan`. Different on purpose: `server.address` is the host, `server.port` is always there,
 * what is secret in a URL, user info included, is in no attribute, and header attributes are set only where somebody can see them.
 *
 * @internal
 */
import type * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as TraceContext from "@effect/platform/HttpTraceContext"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RetryRefusal } from "../ExchangeError.js"
import type { Destination } from "./origin.js"
import type { RetryTrace } from "./readerContract.js"
import { redactField, redactParams, redactUrl, type Secrets } from "./secrets.js"

type RuntimeFiber = Fiber.RuntimeFiber<HttpClientResponse, HttpClientError>

/** Effect's own tracer keeps spans in memory only; nobody reads header attributes there. */
const nativeTracer = Context.get(DefaultServices.liveServices, Tracer.Tracer)

export const isDisabled = (fiber: RuntimeFiber, request: HttpClientRequest.HttpClientRequest): boolean =>
  !fiber.getFiberRef(FiberRef.currentTracerEnabled) || fiber.getFiberRef(HttpClient.currentTracerDisabledWhen)(request)

/**
 * What `Effect.makeSpan` makes, without what it does beside: it writes the runtime flags into a copy of the fiber's
 * refs, and costs three steps of the fiber.
 */
export const make = (fiber: RuntimeFiber, request: HttpClientRequest.HttpClientRequest): Tracer.Span => {
  const services = fiber.currentDefaultServices
  const links = fiber.getFiberRef(FiberRef.currentTracerSpanLinks)
  const span = Context.get(services, Tracer.Tracer).span(
    Context.get(fiber.currentContext, HttpClient.SpanNameGenerator)(request),
    parentOf(Option.fromNullable(fiber.currentContext.unsafeMap.get(Tracer.ParentSpan.key))),
    Context.empty(),
    Chunk.isEmpty(links) ? [] : Chunk.toReadonlyArray(links),
    now(fiber),
    "client",
    options
  )
  const annotations = fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)
  if (!HashMap.isEmpty(annotations)) HashMap.forEach(annotations, (value, key) => span.attribute(key, value))
  return span
}

const options: Tracer.SpanOptions = { kind: "client", captureStackTrace: false }

/** The nearest span that takes children. */
const parentOf = (parent: Option.Option<Tracer.AnySpan>): Option.Option<Tracer.AnySpan> => {
  if (Option.isNone(parent) || !Context.get(parent.value.context, Tracer.DisablePropagation)) return parent
  return parent.value._tag === "Span" ? parentOf(parent.value.parent) : Option.none()
}

const headersAreSeen = (fiber: RuntimeFiber, span: Tracer.Span): boolean =>
  span.sampled && Context.get(fiber.currentDefaultServices, Tracer.Tracer) !== nativeTracer

/** Describes the request. */
export const begin = (fiber: RuntimeFiber, span: Tracer.Span, destination: Destination, secrets: Secrets): void => {
  const { hash, origin, path, request } = destination
  const query = path.indexOf("?")
  const shown = query === -1 ? undefined : redactParams(path.slice(query + 1), secrets)
  const pathname = query === -1 ? path : path.slice(0, query)
  const target = shown === undefined ? path : `${pathname}?${shown}`
  span.attribute("http.request.method", request.method)
  span.attribute("server.address", origin.key.host)
  span.attribute("server.port", origin.key.port)
  span.attribute("url.full", origin.name + target + (hash === "" ? "" : redactUrl(hash, secrets)))
  span.attribute("url.path", pathname)
  span.attribute("url.scheme", origin.key.useTls ? "https" : "http")
  if (shown !== undefined) span.attribute("url.query", shown)
  if (headersAreSeen(fiber, span)) headers(span, "http.request.header.", request.headers, secrets)
}

/** The request with the headers that let the peer continue the trace, unless that is switched off. */
export const propagate = (
  fiber: RuntimeFiber,
  span: Tracer.Span,
  request: HttpClientRequest.HttpClientRequest
): HttpClientRequest.HttpClientRequest =>
  fiber.getFiberRef(HttpClient.currentTracerPropagation)
    ? HttpClientRequest.setHeaders(request, TraceContext.toHeaders(span))
    : request

/** Describes the response. */
export const answered = (
  fiber: RuntimeFiber,
  span: Tracer.Span,
  response: HttpClientResponse,
  secrets: Secrets
): void => {
  span.attribute("http.response.status_code", response.status)
  if (headersAreSeen(fiber, span)) headers(span, "http.response.header.", response.headers, secrets)
}

/**
 * Ends the span without the response in its exit: a span lives on in a tracer's queue, and in what the stream of a body
 * runs with, and would hold the response and its body where nobody else does any more.
 */
export const end = (fiber: RuntimeFiber, span: Tracer.Span, exit: Exit.Exit<unknown, unknown>): void => {
  if (span.status._tag === "Ended") return
  span.end(now(fiber), Exit.isSuccess(exit) ? Exit.void : exit)
}

export const now = (fiber: RuntimeFiber): bigint =>
  fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
    ? Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos()
    : BigInt(0)

const headers = (span: Tracer.Span, prefix: string, values: Headers.Headers, secrets: Secrets): void => {
  for (const name of Object.keys(values)) span.attribute(prefix + name, redactField(name, values[name]!, secrets))
}

/**
 * A request that is sent again, or is not, as events of its span. It does not hold the fiber: its exchange outlives the
 * request, known to what watches over dropped responses, and what a fiber has ended with may hold the response.
 */
export class Retries implements RetryTrace {
  private readonly clock: Clock.Clock | undefined

  constructor(
    fiber: RuntimeFiber,
    private readonly span: Tracer.Span
  ) {
    this.clock = fiber.getFiberRef(FiberRef.currentTracerTimingEnabled)
      ? Context.get(fiber.currentDefaultServices, Clock.Clock)
      : undefined
  }

  retried(connectionId: number, reason: string): void {
    this.tell("hotaru.retry", { "hotaru.connection.id": connectionId, "hotaru.retry.reason": reason })
  }

  refused(connectionId: number, reason: string, refusal: RetryRefusal): void {
    this.tell("hotaru.retry.refused", {
      "hotaru.connection.id": connectionId,
      "hotaru.retry.reason": reason,
      "hotaru.retry.refusal": refusal
    })
  }

  private tell(name: string, attributes: Record<string, unknown>): void {
    this.span.event(name, this.clock?.unsafeCurrentTimeNanos() ?? BigInt(0), attributes)
  }
}
