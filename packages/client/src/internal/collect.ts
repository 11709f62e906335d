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
import { encodingsOf } from "./rules.js"
import { responseError } from "./translate.js"

const decoder = new TextDecoder()

export const text = (self: PooledResponse): Effect.Effect<string, ResponseError> =>
  collected(self, decodeText, understood)

export const json = (self: PooledResponse): Effect.Effect<unknown, ResponseError> =>
  collected(self, parseJson, understood)

export const urlParams = (self: PooledResponse): Effect.Effect<UrlParams.UrlParams, ResponseError> =>
  collected(self, (bytes) => UrlParams.fromInput(new URLSearchParams(decodeText(bytes))), understood)

/** Its own copy, exactly as long as the body: whoever gets it may write to it or give it away. */
export const arrayBuffer = (self: PooledResponse): Effect.Effect<ArrayBuffer, ResponseError> =>
  collected(self, (bytes) => bytes.buffer as ArrayBuffer, ownCopy)

export const formData = (self: PooledResponse): Effect.Effect<FormData, ResponseError> =>
  Effect.flatMap(
    collected(self, (bytes) => bytes, understood),
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
  if (bytes === undefined || encodingsOf(self.head).length > 0) return undefined
  const type = self.headers["content-type"] ?? ""
  try {
    if (type.includes("application/json")) return parseJson(bytes)
    if (type.includes("text/") || type.includes("urlencoded")) return decodeText(bytes)
  } catch {
    // What cannot be parsed is not shown.
  }
  return undefined
}

/** What the request said that it takes, which only a caller writes. */
const acceptedBy = (self: PooledResponse): string | undefined => self.request.headers["accept-encoding"]

const decodeText = (bytes: Uint8Array): string => (bytes.length === 0 ? "" : decoder.decode(bytes))

const parseJson = (bytes: Uint8Array): unknown => {
  const text = decodeText(bytes)
  return text === "" ? null : JSON.parse(text)
}

/** How the bytes are wanted. */
interface Wanted {
  /** As an array of the reader's own. */
  readonly copy: boolean
  /** As they are, also where an encoding was applied that is not undone. */
  readonly encoded: boolean
}

const understood: Wanted = { copy: false, encoded: false }
const ownCopy: Wanted = { copy: true, encoded: true }

const collected = <A>(
  self: PooledResponse,
  decode: (bytes: Uint8Array) => A,
  wanted: Wanted
): Effect.Effect<A, ResponseError> =>
  Effect.withFiberRuntime((fiber) => {
    const override = fiber.currentContext.unsafeMap.get(HttpIncomingMessage.MaxBodySize.key)
    let limit = self.limits.maxBodySize
    let limitName = "maxBodySize"
    if (override !== undefined) {
      limit = override._tag === "None" ? Infinity : Number(override.value)
      limitName = "MaxBodySize"
    }
    const now = self.body.collect(limit, limitName, wanted.copy)
    return now === undefined
      ? wait(self, { limit, limitName, copy: wanted.copy }, decode, wanted)
      : finish(self, now, decode, wanted)
  })

const finish = <A>(
  self: PooledResponse,
  result: Uint8Array | Error,
  decode: (bytes: Uint8Array) => A,
  wanted: Wanted
): Effect.Effect<A, ResponseError> => {
  if (!ArrayBuffer.isView(result)) return Effect.fail(responseError(self, result))
  if (!wanted.encoded && result.length > 0) {
    const encodings = encodingsOf(self.head)
    if (encodings.length > 0) return Effect.fail(responseError(self, self.body.encoded(encodings, acceptedBy(self))))
  }
  try {
    return Exit.succeed(decode(result))
  } catch (cause) {
    return Effect.fail(responseError(self, cause))
  }
}

const wait = <A>(
  self: PooledResponse,
  asked: Omit<Collector, "resume">,
  decode: (bytes: Uint8Array) => A,
  wanted: Wanted
): Effect.Effect<A, ResponseError> =>
  Effect.suspend(() => {
    let collector: Collector | undefined
    const listen = (resume: (effect: Effect.Effect<Uint8Array | Error>) => void) => {
      collector = { ...asked, resume: (result) => resume(Exit.succeed(result)) }
      self.body.wait(collector)
    }
    return Effect.uninterruptibleMask((restore) =>
      AsyncContexts.wait(self.body.contexts, restore, listen, {
        onFailure: (cause) => {
          if (collector !== undefined) self.body.leave(collector)
          return Effect.failCause(cause)
        },
        onSuccess: (result) => finish(self, result, decode, wanted)
      })
    )
  })
