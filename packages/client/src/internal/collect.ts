/**
 * Bodies collected in memory. What has come already is answered without waiting; the wait, where there is one, is one.
 *
 * @internal
 */
import type { ResponseError } from "@effect/platform/HttpClientError"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as AsyncContexts from "@hotaru/pool/AsyncContexts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Collector } from "./bodyContract.js"
import type { PooledResponse } from "./response.js"
import { responseError } from "./translate.js"

const decoder = new TextDecoder()

export const text = (self: PooledResponse): Effect.Effect<string, ResponseError> => collected(self, decodeText)

export const json = (self: PooledResponse): Effect.Effect<unknown, ResponseError> => collected(self, parseJson)

export const urlParams = (self: PooledResponse): Effect.Effect<UrlParams.UrlParams, ResponseError> =>
  collected(self, (bytes) => UrlParams.fromInput(new URLSearchParams(decodeText(bytes))))

/** Its own copy, exactly as long as the body: whoever gets it may write to it or give it away. */
export const arrayBuffer = (self: PooledResponse): Effect.Effect<ArrayBuffer, ResponseError> =>
  collected(self, (bytes) => bytes.buffer as ArrayBuffer, true)

export const formData = (self: PooledResponse): Effect.Effect<FormData, ResponseError> =>
  Effect.flatMap(
    collected(self, (bytes) => bytes),
    (bytes) =>
      Effect.tryPromise({
        try: () => new Response(bytes as BodyInit, { headers: contentType(self) }).formData() as Promise<FormData>,
        catch: (cause) => responseError(self, cause)
      })
  )

const contentType = (self: PooledResponse): Record<string, string> => {
  const value = self.headers["content-type"]
  return value === undefined ? {} : { "content-type": value }
}

/** A body for people to look at, if it was collected before. */
export const shown = (self: PooledResponse): unknown => {
  const bytes = self.body.collected
  if (bytes === undefined) return undefined
  const type = self.headers["content-type"] ?? ""
  try {
    if (type.includes("application/json")) return parseJson(bytes)
    if (type.includes("text/") || type.includes("urlencoded")) return decodeText(bytes)
  } catch {
    // What cannot be parsed is not shown.
  }
  return undefined
}

const decodeText = (bytes: Uint8Array): string => (bytes.length === 0 ? "" : decoder.decode(bytes))

const parseJson = (bytes: Uint8Array): unknown => {
  const text = decodeText(bytes)
  return text === "" ? null : JSON.parse(text)
}

const collected = <A>(
  self: PooledResponse,
  decode: (bytes: Uint8Array) => A,
  copy = false
): Effect.Effect<A, ResponseError> =>
  Effect.withFiberRuntime((fiber) => {
    const override = fiber.currentContext.unsafeMap.get(HttpIncomingMessage.MaxBodySize.key)
    let limit = self.limits.maxBodySize
    let limitName = "maxBodySize"
    if (override !== undefined) {
      limit = override._tag === "None" ? Infinity : Number(override.value)
      limitName = "MaxBodySize"
    }
    const now = self.body.collect(limit, limitName, copy)
    return now === undefined ? wait(self, { limit, limitName, copy }, decode) : finish(self, now, decode)
  })

const finish = <A>(
  self: PooledResponse,
  result: Uint8Array | Error,
  decode: (bytes: Uint8Array) => A
): Effect.Effect<A, ResponseError> => {
  if (!(result instanceof Uint8Array)) return Effect.fail(responseError(self, result))
  try {
    return Exit.succeed(decode(result))
  } catch (cause) {
    return Effect.fail(responseError(self, cause))
  }
}

const wait = <A>(
  self: PooledResponse,
  wanted: Omit<Collector, "resume">,
  decode: (bytes: Uint8Array) => A
): Effect.Effect<A, ResponseError> =>
  Effect.suspend(() => {
    let collector: Collector | undefined
    const listen = (resume: (effect: Effect.Effect<Uint8Array | Error>) => void) => {
      collector = { ...wanted, resume: (result) => resume(Exit.succeed(result)) }
      self.body.wait(collector)
    }
    return Effect.uninterruptibleMask((restore) =>
      AsyncContexts.wait(self.body.contexts, restore, listen, {
        onFailure: (cause) => {
          if (collector !== undefined) self.body.leave(collector)
          return Effect.failCause(cause)
        },
        onSuccess: (result) => finish(self, result, decode)
      })
    )
  })
