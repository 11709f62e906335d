/** Carries a request of the soak out and judges its answer. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as PooledHttpClient from "@hotaru/client/PooledHttpClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Content from "./Content.js"
import { isOnce, type Operation } from "./Operation.js"
import { ofCause, Verdict } from "./Verdict.js"

/** Where the proxies are. */
export interface Urls {
  readonly plain: string
  readonly secure: string
}

const pieceSize = 16 * 1024

const body = ({ id, sent, upload }: Operation): HttpBody.HttpBody => {
  if (upload === "none") return HttpBody.empty
  const bytes = Content.make(id, sent)
  if (upload === "bytes") return HttpBody.uint8Array(bytes)
  const pieces = Stream.unfold(0, (at) =>
    at >= bytes.length
      ? Option.none()
      : Option.some([bytes.subarray(at, at + pieceSize) as Uint8Array, at + pieceSize] as const)
  )
  return HttpBody.stream(pieces, undefined, upload === "stream" ? undefined : sent)
}

const request = (operation: Operation, urls: Urls): HttpClientRequest.HttpClientRequest => {
  const { asked, framing, id, keyed, method, pause, secure, sent, upload } = operation
  const once = isOnce(operation) ? "once" : "any"
  const url = `${secure ? urls.secure : urls.plain}/${id}/${asked}/${framing}/${pause}/${sent}/${once}`
  const made = HttpClientRequest.make(method)(url, keyed ? { headers: { "idempotency-key": String(id) } } : {})
  return upload === "none" ? made : HttpClientRequest.setBody(made, body(operation))
}

const read = (
  operation: Operation,
  response: HttpClientResponse,
  check: Content.Check
): Effect.Effect<void, HttpClientError> => {
  switch (operation.reading) {
    case "at once":
      return Effect.map(response.arrayBuffer, (buffer) => check.take(new Uint8Array(buffer)))
    case "stream":
      return Stream.runForEach(response.stream, (bytes) => Effect.sync(() => check.take(bytes)))
    case "each":
      return PooledHttpClient.forEachChunk(response, (bytes) => check.take(bytes))
    case "pull":
      return Effect.catchAll(
        Effect.forever(Effect.map(PooledHttpClient.pull(response), (bytes) => check.take(bytes))),
        Option.match({ onNone: () => Effect.void, onSome: (error) => Effect.fail(error) })
      )
  }
}

const judge = (operation: Operation, response: HttpClientResponse, check: Content.Check): Verdict => {
  const { framing, id } = operation
  if (!check.isPrefix) return Verdict.Wrong({ what: "content of another" })
  const length = operation.method === "HEAD" ? 0 : operation.asked
  if (check.received === length) return Verdict.Right()
  return framing === "close"
    ? Verdict.CutShort()
    : Verdict.Wrong({ what: `${check.received} of ${length} bytes, and no error (${id}, status ${response.status})` })
}

const withHead = (
  operation: Operation,
  response: HttpClientResponse,
  rest: Effect.Effect<Verdict, HttpClientError>
): Effect.Effect<Verdict, HttpClientError> => {
  if (response.status !== 200) return Effect.succeed(Verdict.Wrong({ what: `status ${response.status}` }))
  const id = response.headers["x-id"]
  return id === String(operation.id) ? rest : Effect.succeed(Verdict.Wrong({ what: `the answer to ${id}` }))
}

const exchange = (
  operation: Operation,
  urls: Urls,
  client: HttpClient.HttpClient
): Effect.Effect<Verdict, HttpClientError> => {
  const made = request(operation, urls)
  const check = new Content.Check(operation.id, operation.asked)
  switch (operation.fate) {
    case "whole":
    case "interrupted":
      return Effect.flatMap(client.execute(made), (response) =>
        withHead(
          operation,
          response,
          Effect.map(read(operation, response, check), () => judge(operation, response, check))
        )
      )
    case "unread":
      return Effect.flatMap(client.execute(made), (response) =>
        withHead(operation, response, Effect.succeed(Verdict.GivenUp()))
      )
    case "scope closed":
      return Effect.scoped(
        Effect.flatMap(HttpClient.withScope(client).execute(made), (response) =>
          withHead(operation, response, Effect.succeed(Verdict.GivenUp()))
        )
      )
    case "first piece":
      return Effect.flatMap(client.execute(made), (response) =>
        withHead(
          operation,
          response,
          Effect.map(Stream.runHead(response.stream), (bytes) => {
            if (Option.isSome(bytes)) check.take(bytes.value)
            return check.isPrefix ? Verdict.GivenUp() : Verdict.Wrong({ what: "content of another" })
          })
        )
      )
  }
}

const verdictOf = (exit: Exit.Exit<Verdict, HttpClientError>): Verdict =>
  Exit.match(exit, { onFailure: ofCause, onSuccess: (verdict) => verdict })

/** Never fails: what goes wrong is a verdict. */
export const perform = (operation: Operation, urls: Urls, client: HttpClient.HttpClient): Effect.Effect<Verdict> => {
  const exchanged = exchange(operation, urls, client)
  if (operation.fate !== "interrupted") return Effect.map(Effect.exit(exchanged), verdictOf)
  return Effect.gen(function* () {
    const fiber = yield* Effect.fork(exchanged)
    yield* Effect.sleep(operation.millis)
    const exit = yield* Fiber.interrupt(fiber)
    return Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? Verdict.GivenUp() : verdictOf(exit)
  })
}
