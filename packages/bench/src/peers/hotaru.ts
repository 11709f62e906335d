/** Ours: as it is, with a time limit for each request, and with bodies read without a `Stream`. */
import * as HttpClient from "@effect/platform/HttpClient"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Count, checkStatus } from "../Work.js"
import { onLayer } from "./onPlatform.js"
import { inFiber, type Make, type Settings } from "./Peer.js"

const options = ({ connections, tls }: Settings): NodePooledHttpClient.NodePooledHttpClientOptions => ({
  maxConnectionsPerHost: connections,
  // By default no more than 32 are kept; the others keep all.
  maxIdlePerHost: connections,
  ...(tls === undefined ? {} : { connector: { tls: { ca: tls.ca } } })
})

export const hotaru: Make = (settings) =>
  onLayer("hotaru", settings.origin, NodePooledHttpClient.layer(options(settings)))

export const hotaruLimited: Make = (settings) =>
  onLayer(
    "hotaru, requestTimeout",
    settings.origin,
    NodePooledHttpClient.layer({ ...options(settings), safety: { requestTimeout: 30_000 } })
  )

export const hotaruForEachChunk: Make = (settings) =>
  Effect.map(Layer.build(NodePooledHttpClient.layer(options(settings))), (context) => {
    const client = Context.get(context, HttpClient.HttpClient)
    return {
      name: "hotaru, forEachChunk",
      operation: (work) => {
        if (work._tag !== "Streamed") return undefined
        const once = Effect.flatMap(client.get(settings.origin + work.path), (response) => {
          checkStatus(work, response.status)
          const count = new Count(work)
          return Effect.map(PooledHttpClient.forEachChunk(response, count.add), () => count.end())
        })
        return inFiber(once)
      }
    }
  })
