import type { HttpClient, HttpClientError } from "@effect/platform"
import { HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import type { HttpSafety } from "@hotaru/client"
import { PooledHttpClient } from "@hotaru/client"
import type { ConnectionPool, Connector, PoolConfig } from "@hotaru/pool"
import { FakeNetwork, type FakeSocket, type ScriptedServer } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export interface Options {
  readonly safety?: Partial<HttpSafety.HttpSafety>
  readonly pool?: Partial<PoolConfig.PoolConfig>
  readonly manualTurns?: boolean
}

export type Env = HttpClient.HttpClient | ConnectionPool.ConnectionPool | Connector.Connector | FakeNetwork.FakeNetwork

/** The client over a fake network on which every dial succeeds, served by the server if there is one. */
export const clientLayer = (server?: ScriptedServer.ScriptedServer, options: Options = {}): Layer.Layer<Env> =>
  Layer.provideMerge(
    PooledHttpClient.layerWith({ safety: options.safety }),
    FakeNetwork.poolLayer(options.pool, { autoAccept: server ?? true, manualTurns: options.manualTurns })
  )

/** Waits until everything has come to rest, then hands out the connection of that number. */
export const socketNumber = (index: number): Effect.Effect<FakeSocket.FakeSocket, never, FakeNetwork.FakeNetwork> =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    yield* network.settle
    const socket = network.sockets[index]
    assert.isDefined(socket, `there is no connection number ${index}, only ${network.sockets.length}`)
    return socket!
  })

export const get = (path = "/"): HttpClientRequest.HttpClientRequest => HttpClientRequest.get(`http://a.test${path}`)

export const post = (path = "/"): HttpClientRequest.HttpClientRequest => HttpClientRequest.post(`http://a.test${path}`)

/** The tag of our error inside the platform's, with the platform's reason: `RequestError Transport ConnectionBroken`. */
export const kindOf = (error: HttpClientError.HttpClientError): string =>
  `${error._tag} ${error.reason} ${(error.cause as { readonly _tag?: string } | undefined)?._tag}`
