/** All peers, in the order in which tables show them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { bareSocket } from "./bareSocket.js"
import { effectFetch } from "./effectFetch.js"
import { effectNode } from "./effectNode.js"
import { effectUndici } from "./effectUndici.js"
import { globalFetch } from "./globalFetch.js"
import { hotaru, hotaruForEachChunk, hotaruLimited } from "./hotaru.js"
import { nodeHttp } from "./nodeHttp.js"
import type { Make, Peer, Settings } from "./Peer.js"
import { undiciDispatch } from "./undiciDispatch.js"
import { undiciRequest } from "./undiciRequest.js"

/** By name. */
export const peers = {
  "bare socket": bareSocket,
  "undici dispatch": undiciDispatch,
  "undici.request": undiciRequest,
  "node:http": nodeHttp,
  fetch: globalFetch,
  hotaru,
  "hotaru, requestTimeout": hotaruLimited,
  "hotaru, forEachChunk": hotaruForEachChunk,
  layerUndici: effectUndici,
  "NodeHttpClient.layer": effectNode,
  FetchHttpClient: effectFetch
} satisfies Readonly<Record<string, Make>>

export type PeerName = keyof typeof peers

export const names = Object.keys(peers) as ReadonlyArray<PeerName>

/** What the others are held against. */
export const references = ["layerUndici", "undici.request", "bare socket"] as const satisfies ReadonlyArray<PeerName>

/** Those that bounds speak of: a rough answer can do without the others, who are the slowest. */
export const essential: ReadonlyArray<PeerName> = [
  "bare socket",
  "undici dispatch",
  "undici.request",
  "hotaru",
  "layerUndici"
]

/** Those that differ from `hotaru` only where a measure asks for it. */
export const variants: ReadonlyArray<PeerName> = ["hotaru, requestTimeout", "hotaru, forEachChunk"]

/** Makes these, each with connections of its own. */
export const make = (
  settings: Settings,
  which: ReadonlyArray<PeerName> = names.filter((name) => !variants.includes(name))
): Effect.Effect<ReadonlyArray<Peer>, never, Scope.Scope> => Effect.forEach(which, (name) => peers[name](settings))
