/**
 * What a request carries, decided before a connection is asked for.
 *
 * @internal
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Stream from "effect/Stream"
import * as ExchangeError from "../ExchangeError.js"
import * as Brands from "./brands.js"
import * as Multipart from "./multipart.js"
import * as OneShot from "./oneShot.js"

export type RequestBody =
  | { readonly _tag: "Empty" }
  | {
      readonly _tag: "Bytes"
      readonly bytes: Uint8Array
      readonly contentType: string | undefined
      /** Whether the type belongs to the bytes and takes the place of the header: a form's has its boundary. */
      readonly ownsType: boolean
    }
  | {
      readonly _tag: "Stream"
      readonly stream: Stream.Stream<Uint8Array, unknown>
      /** Bytes, where that is known; without it the body goes in chunks. */
      readonly length: number | undefined
      /** Whether running the stream again gives the same bytes. */
      readonly repeatable: boolean
      readonly contentType: string | undefined
      readonly ownsType: boolean
      /** Lets go of what the stream would have read, if nobody has begun to. */
      readonly discard: (() => void) | undefined
    }

const empty: RequestBody = { _tag: "Empty" }

const bytesOf = (bytes: Uint8Array, contentType?: string, ownsType = false): RequestBody =>
  bytes.length === 0 ? empty : { _tag: "Bytes", bytes, contentType, ownsType }

const streamOf = (
  stream: Stream.Stream<Uint8Array, unknown>,
  length: number | undefined,
  repeatable: boolean,
  contentType?: string,
  ownsType = false
): RequestBody => ({ _tag: "Stream", stream, length, repeatable, contentType, ownsType, discard: undefined })

/** A body that can be read once, and holds something open until it is. */
const onceOf = (
  value: ReadableStream | AsyncIterable<unknown>,
  length: number | undefined,
  stream: Stream.Stream<unknown, unknown>
): RequestBody => {
  OneShot.listen(value)
  return {
    _tag: "Stream",
    length,
    repeatable: false,
    contentType: undefined,
    ownsType: false,
    ...OneShot.begunOnce(toBytes(stream), () => OneShot.discard(value))
  }
}

const encoder = new TextEncoder()

/** The body of a request, or why it cannot be sent. */
export const prepare = (request: HttpClientRequest.HttpClientRequest): RequestBody | ExchangeError.InvalidRequest => {
  const body = request.body
  switch (body._tag) {
    case "Empty":
      return empty
    case "Uint8Array":
      return bytesOf(body.body)
    case "FormData":
      return multipart(request, body.formData)
    case "Stream":
      // An Effect stream may come from anywhere; nothing says that it gives the same bytes twice.
      return streamOf(body.stream, body.contentLength ?? announced(request), false)
    case "Raw":
      return raw(request, body)
  }
}

/** The length that a caller announced in the header, for a stream whose body does not say it. */
const announced = (request: HttpClientRequest.HttpClientRequest): number | undefined => {
  const header = request.headers["content-length"]
  return header !== undefined && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined
}

const multipart = (
  request: HttpClientRequest.HttpClientRequest,
  formData: FormData
): RequestBody | ExchangeError.InvalidRequest => {
  const encoded = Multipart.encode(formData, request.headers["content-type"])
  if (typeof encoded === "string") {
    return new ExchangeError.InvalidRequest({
      ...ExchangeError.nothingSent,
      fault: "caller",
      field: "header value",
      name: "content-type",
      problem: encoded
    })
  }
  return encoded.bytes !== undefined
    ? bytesOf(encoded.bytes, encoded.contentType, true)
    : streamOf(Multipart.toStream(encoded), encoded.length, true, encoded.contentType, true)
}

const raw = (
  request: HttpClientRequest.HttpClientRequest,
  body: HttpBody.Raw
): RequestBody | ExchangeError.InvalidRequest => {
  const value: unknown = body.body
  if (value === undefined || value === null) return empty
  if (typeof value === "string") return bytesOf(encoder.encode(value))
  const bytes = Brands.bytesIn(value)
  if (bytes !== undefined) return bytesOf(bytes)
  if (Brands.isUrlSearchParams(value)) {
    return bytesOf(encoder.encode(value.toString()), "application/x-www-form-urlencoded;charset=UTF-8")
  }
  if (Brands.isBlob(value)) {
    return streamOf(Multipart.fromBlob(value), value.size, true, value.type === "" ? undefined : value.type)
  }
  if (Brands.isFormData(value)) return multipart(request, value)
  const length = body.contentLength ?? announced(request)
  if (Brands.isReadableStream(value)) {
    const read = Stream.fromReadableStream<unknown, unknown>(
      () => value,
      (cause) => cause
    )
    return onceOf(value, length, read)
  }
  if (OneShot.isAsyncIterable(value)) {
    return onceOf(
      value,
      length,
      Stream.fromAsyncIterable(OneShot.leavable(value), (cause) => cause)
    )
  }
  if (typeof value === "object" && Symbol.iterator in value) {
    return streamOf(toBytes(Stream.fromIterable(value as Iterable<unknown>)), length, false)
  }
  return new ExchangeError.InvalidRequest({
    ...ExchangeError.nothingSent,
    fault: "caller",
    field: "body",
    problem: `a raw body may be a string, bytes, Blob, URLSearchParams, FormData, Readable, ReadableStream or an iterable of bytes, not ${describe(
      value
    )}`
  })
}

const toBytes = (stream: Stream.Stream<unknown, unknown>): Stream.Stream<Uint8Array, unknown> =>
  Stream.map(stream, (piece) => {
    if (piece instanceof Uint8Array) return piece
    if (typeof piece === "string") return encoder.encode(piece)
    const bytes = Brands.bytesIn(piece)
    if (bytes !== undefined) return bytes
    throw new TypeError(`The request's body gave ${describe(piece)} where bytes or a string were expected`)
  })

const describe = (value: unknown): string =>
  value === null ? "null" : typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value
