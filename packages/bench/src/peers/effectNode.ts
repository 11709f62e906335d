/** Effect's layer on `node:http`, with an agent that keeps its sockets; by default it keeps none. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Layer from "effect/Layer"
import { agentOptions } from "./nodeHttp.js"
import { onLayer } from "./onPlatform.js"
import type { Make } from "./Peer.js"

export const effectNode: Make = (settings) =>
  onLayer(
    "NodeHttpClient.layer",
    settings.origin,
    Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer(agentOptions(settings)))
  )
