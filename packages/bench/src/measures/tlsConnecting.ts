/** Clients that open a TLS connection for each request: a small GET, its text, and the connection is closed. */
import * as https from "node:https"
import * as tls from "node:tls"
import type { HttpClient } from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Undici from "undici"
import { onLayer } from "../peers/onPlatform.js"
import { inCallback, inPromise, type Operation } from "../peers/Peer.js"
import { checkStatus, checkText, type Text } from "../Work.js"

export interface Target {
  readonly origin: string
  readonly ca: string
  /** At most so many connections at a time. */
  readonly connections: number
}

/** What the work takes; its connections are closed with the scope. */
type Make = (target: Target, work: Text) => Effect.Effect<Operation, never, Scope.Scope>

/** The floor: a socket, one write, the end of the answer, and the newest session for the next one. */
const bare: Make = ({ ca, origin }, work) =>
  Effect.sync(() => {
    const { host, hostname, port } = new URL(origin)
    const request = `GET ${work.path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`
    const secureContext = tls.createSecureContext({ ca })
    let session: Buffer | undefined
    return inCallback((done) => {
      let answer = ""
      let ended = false
      const end = (failure?: unknown) => {
        if (ended) return
        ended = true
        socket.destroy()
        done(failure)
      }
      const socket = tls.connect({ host: hostname, port: Number(port), secureContext, session })
      socket.setNoDelay(true)
      socket.once("secureConnect", () => socket.write(request, "latin1"))
      socket.on("session", (newest) => {
        session = newest
      })
      socket.on("data", (bytes: Buffer) => {
        answer += bytes.toString("latin1")
        const head = answer.indexOf("\r\n\r\n")
        if (head < 0 || answer.length < head + 4 + work.expected.length) return
        try {
          checkStatus(work, Number(answer.slice(9, 12)))
          checkText(work, answer.slice(head + 4))
          end()
        } catch (error) {
          end(error)
        }
      })
      socket.on("error", end)
      socket.on("close", () => end(new Error("the socket was closed")))
    })
  })

/** With a bound on its sockets an agent uses one again for those in line, kept alive or not. */
const nodeHttps: Make = ({ ca, origin }, work) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new https.Agent({ ca, keepAlive: false })),
      (agent) => Effect.sync(() => agent.destroy())
    ),
    (agent) => {
      const url = origin + work.path
      return inCallback((done) => {
        const request = https.get(url, { agent }, (response) => {
          let text = ""
          response.setEncoding("utf8")
          response.on("data", (piece: string) => {
            text += piece
          })
          response.on("error", done)
          response.on("end", () => {
            try {
              checkStatus(work, response.statusCode)
              checkText(work, text)
              done()
            } catch (error) {
              done(error)
            }
          })
        })
        request.on("error", done)
      })
    }
  )

/** With no pipelining at all undici closes a connection behind its first answer. */
const undiciAgent = ({ ca, connections }: Target) =>
  Effect.acquireRelease(
    Effect.sync(() => new Undici.Agent({ connections, pipelining: 0, connect: { ca } })),
    (agent) => Effect.promise(() => agent.close())
  )

const undici: Make = (target, work) =>
  Effect.map(undiciAgent(target), (dispatcher) => {
    const url = target.origin + work.path
    return inPromise(async () => {
      const { body, statusCode } = await Undici.request(url, { dispatcher })
      checkStatus(work, statusCode)
      checkText(work, await body.text())
    })
  })

const onPlatform =
  <R>(layer: (target: Target) => Layer.Layer<HttpClient | R>): Make =>
  (target, work) =>
    Effect.map(onLayer("", target.origin, layer(target)), (peer) => peer.operation(work)!)

const layerUndici = onPlatform((target) =>
  Layer.provide(
    NodeHttpClient.layerUndiciWithoutDispatcher,
    Layer.scoped(NodeHttpClient.Dispatcher, undiciAgent(target))
  )
)

const layer = onPlatform(({ ca }) =>
  Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ ca, keepAlive: false }))
)

const hotaru = onPlatform(({ ca, connections }) =>
  NodePooledHttpClient.layer({
    enablePooling: false,
    maxConnectionsPerHost: connections,
    maxConnectingPerHost: connections,
    connector: { tls: { ca } }
  })
)

/** By name, in the order in which tables show them. */
export const clients = {
  "tls.connect": bare,
  "undici.request": undici,
  "node:https": nodeHttps,
  hotaru,
  layerUndici,
  "NodeHttpClient.layer": layer
} satisfies Readonly<Record<string, Make>>

export const names = Object.keys(clients) as ReadonlyArray<keyof typeof clients>

export const essential: typeof names = ["tls.connect", "undici.request", "node:https", "hotaru"]
