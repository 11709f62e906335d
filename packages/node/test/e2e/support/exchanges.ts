/** Exchanges of every kind with `manySpeeds.mjs`; whatever answer one of them gets must be its own. */
import { HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

type Exchange = Effect.Effect<unknown, HttpClientError.HttpClientError, HttpClient.HttpClient>

const BIG = 200_000
const piece = new Uint8Array(5000).fill(97)

export const exchanges = (url: string): ReadonlyArray<(id: number) => Exchange> => {
  const get = (kind: string, id: number) => HttpClient.get(`${url}/${kind}/${id}`)
  const textOf = (kind: string, id: number) =>
    Effect.flatMap(get(kind, id), (response) =>
      Effect.map(response.text, (text) => assert.strictEqual(text, `/${kind}/${id}`))
    )
  const post = (kind: string, id: number, body: HttpBody.HttpBody) =>
    HttpClient.execute(HttpClientRequest.setBody(HttpClientRequest.post(`${url}/${kind}/${id}`), body)).pipe(
      Effect.flatMap((response) => response.text),
      Effect.map((text) => assert.strictEqual(text, `/${kind}/${id}`))
    )
  const pieces = (count: number) => HttpBody.stream(Stream.repeatValue(piece).pipe(Stream.take(count)))
  const small = (id: number) => textOf("small", id)
  return [
    small,
    small,
    small,
    (id) => textOf("late", id),
    (id) => get("small", id),
    (id) =>
      Effect.flatMap(get("drip", id), (response) =>
        Effect.map(response.text, (text) => assert.strictEqual(text, "dripdripdripdripdrip|end"))
      ),
    (id) =>
      Effect.flatMap(get("big", id), (response) =>
        Effect.map(response.arrayBuffer, (bytes) => assert.strictEqual(bytes.byteLength, BIG))
      ),
    (id) => Effect.flatMap(get("big", id), (response) => Stream.runDrain(response.stream)),
    (id) => Effect.flatMap(get("big", id), (response) => Stream.runHead(response.stream)),
    (id) =>
      Effect.flatMap(get("big", id), (response) => PooledHttpClient.forEachChunk(response, () => Effect.yieldNow())),
    // Closed by its scope when the head is there.
    (id) =>
      Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.scoped(HttpClient.withScope(client).get(`${url}/big/${id}`))
      ),
    (id) => post("upload", id, HttpBody.text("once")),
    (id) => post("upload", id, HttpBody.uint8Array(new Uint8Array(100_000))),
    (id) => post("upload", id, pieces(20)),
    (id) => post("early", id, pieces(20))
  ]
}
