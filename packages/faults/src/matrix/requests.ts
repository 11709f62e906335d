/** The requests of the matrix, one of each kind. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Stream from "effect/Stream"
import { content } from "./Answer.js"
import type { Method } from "./Cell.js"

const bytes = (length: number) => new Uint8Array(length).fill(content)

/** Longer than any head, so that a place in the content can be named. */
const small = () => HttpBody.uint8Array(bytes(1024))

const piece = bytes(16 * 1024)

/** Of no announced length. */
const stream = (pieces: number) => HttpBody.stream(Stream.repeatValue(piece).pipe(Stream.take(pieces)))

export const make = (method: Method, url: string, pieces: number): HttpClientRequest.HttpClientRequest => {
  switch (method) {
    case "GET":
      return HttpClientRequest.get(url)
    case "POST":
      return HttpClientRequest.post(url, { body: small() })
    case "PUT":
      return HttpClientRequest.put(url, { body: small() })
    case "POST, stream":
      return HttpClientRequest.post(url, { body: stream(pieces) })
    case "POST, key":
      return HttpClientRequest.post(url, { body: small(), headers: { "idempotency-key": "1" } })
  }
}
