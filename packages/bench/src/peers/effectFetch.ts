/** Effect's layer on `fetch`, with the same bound on connections as `fetch` itself has here. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onLayer } from "./onPlatform.js"
import type { Make } from "./Peer.js"
import { undiciAgent } from "./undiciAgent.js"

export const effectFetch: Make = (settings) =>
  Effect.flatMap(undiciAgent(settings), (dispatcher) => {
    const init = { dispatcher } as RequestInit
    return onLayer(
      "FetchHttpClient",
      settings.origin,
      Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.RequestInit, init))
    )
  })
