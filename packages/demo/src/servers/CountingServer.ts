/** A small HTTP server on loopback that counts its connections. */

import * as Http from "node:http"
import * as Https from "node:https"
import type { Socket } from "node:net"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Certificate } from "./Certificate.js"
import type { Counters } from "./Contract.js"

export interface CountingServer {
  readonly url: string
  readonly counters: () => Counters
}

export interface Options {
  /** With it the server speaks HTTPS. */
  readonly certificate?: Certificate
  /** Closes connections without a word, idle ones and ones with a request under way. */
  readonly hangsUp?: boolean
}

/** How often a server that hangs up closes whatever is idle. */
const idleSweep = "75 millis"

/** How many requests such a server answers on one connection. It drops the next one together with the connection. */
const answersPerConnection = 3

export const make = Effect.fnUntraced(function* (options: Options) {
  const counters = { requests: 0, accepted: 0, handshakes: 0, open: 0, peak: 0, hungUp: 0 }
  const answered = new WeakMap<Socket, number>()

  const node =
    options.certificate === undefined
      ? Http.createServer()
      : Https.createServer({ cert: options.certificate.cert, key: options.certificate.key })
  node.on("connection", (socket: Socket) => {
    counters.accepted++
    counters.peak = Math.max(counters.peak, ++counters.open)
    socket.once("close", () => counters.open--)
  })
  node.on("secureConnection", () => counters.handshakes++)

  if (options.hangsUp === true) {
    // No idle limit is announced. Without one a client cannot know what comes.
    node.keepAliveTimeout = 0
    yield* Effect.sync(() => node.closeIdleConnections()).pipe(
      Effect.repeat(Schedule.spaced(idleSweep)),
      Effect.forkScoped
    )
  }

  const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })

  const answer = Effect.gen(function* () {
    counters.requests++
    const { id } = yield* HttpRouter.params
    if (options.hangsUp === true) {
      const { socket } = NodeHttpServerRequest.toIncomingMessage(yield* HttpServerRequest.HttpServerRequest)
      const count = answered.get(socket) ?? 0
      answered.set(socket, count + 1)
      if (count >= answersPerConnection) {
        counters.hungUp++
        socket.destroy()
        // The platform interrupts the handler of a request whose connection is gone.
        return yield* Effect.never
      }
    }
    return yield* HttpServerResponse.json({ id })
  })

  yield* HttpRouter.empty.pipe(
    HttpRouter.get("/items/:id", answer),
    HttpRouter.get("/slow/:id", Effect.delay(answer, "25 millis")),
    HttpServer.serveEffect(),
    Effect.provideService(HttpServer.HttpServer, server)
  )

  const scheme = options.certificate === undefined ? "http" : "https"
  const port = server.address._tag === "TcpAddress" ? server.address.port : 0
  return { url: `${scheme}://127.0.0.1:${port}`, counters: () => counters }
}) satisfies (options: Options) => Effect.Effect<CountingServer, HttpServerError.ServeError, Scope.Scope>
