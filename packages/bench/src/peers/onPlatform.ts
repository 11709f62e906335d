/** Any client of the platform's interface: what is asked of it is the same, whatever layer it comes from. */
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ParseError } from "effect/ParseResult"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Count, checkBytes, checkHeader, checkJson, checkStatus, checkText, pieces, type Work } from "../Work.js"
import { inFiber, type Peer } from "./Peer.js"

type Once = Effect.Effect<void, HttpClientError | ParseError>

const run = (origin: string, client: HttpClient.HttpClient, work: Work): Once => {
  const url = origin + work.path
  const get = client.execute(HttpClientRequest.get(url))
  const checked = (response: HttpClientResponse.HttpClientResponse) => checkStatus(work, response.status)
  switch (work._tag) {
    case "Text": {
      const { header } = work
      return Effect.flatMap(get, (response) => {
        checked(response)
        if (header !== undefined) checkHeader(work, response.headers[header[0]])
        return Effect.map(response.text, (text) => checkText(work, text))
      })
    }
    case "Collected":
      return Effect.flatMap(get, (response) => {
        checked(response)
        return Effect.map(response.arrayBuffer, (bytes) => checkBytes(work, bytes))
      })
    case "Streamed":
      return Effect.flatMap(get, (response) => {
        checked(response)
        // Not `runForEachChunk`: of its dead links those that have grown old hold the younger ones and the pieces in them
        // until a full collection, and then it is collections that are measured, of whoever's pieces.
        const counted = Stream.runFold(response.stream, new Count(work), (count, piece) => {
          count.add(piece)
          return count
        })
        return Effect.map(counted, (count) => count.end())
      })
    case "Json": {
      const post = HttpClientRequest.post(url)
      const decode = HttpClientResponse.schemaBodyJson(work.schema)
      return Effect.suspend(() =>
        Effect.flatMap(client.execute(HttpClientRequest.bodyUnsafeJson(post, work.body)), (response) => {
          checked(response)
          return Effect.map(decode(response), (answer) => checkJson(work, answer))
        })
      )
    }
    case "Upload": {
      const put = HttpClientRequest.put(url)
      return Effect.suspend(() => {
        // One piece at a time, as they come from a file.
        const body = Stream.fromIteratorSucceed(pieces(work), 1)
        return Effect.flatMap(client.execute(HttpClientRequest.bodyStream(put, body)), (response) => {
          checked(response)
          return Effect.map(response.text, (text) => checkText(work, text))
        })
      })
    }
  }
}

export const onClient = (name: string, origin: string, client: HttpClient.HttpClient): Peer => ({
  name,
  operation: (work) => inFiber(run(origin, client, work))
})

/** The client of a layer. */
export const onLayer = <R>(
  name: string,
  origin: string,
  layer: Layer.Layer<HttpClient.HttpClient | R>
): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.map(Layer.build(layer), (context) => onClient(name, origin, Context.get(context, HttpClient.HttpClient)))
