/** Effect's layer on undici, with a dispatcher of its own. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onLayer } from "./onPlatform.js"
import type { Make } from "./Peer.js"
import { undiciAgent } from "./undiciAgent.js"

export const effectUndici: Make = (settings) =>
  Effect.flatMap(undiciAgent(settings), (agent) =>
    onLayer(
      "layerUndici",
      settings.origin,
      Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, Layer.succeed(NodeHttpClient.Dispatcher, agent))
    )
  )
