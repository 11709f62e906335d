import { createServer } from "node:http"
import { HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

type Provided = Layer.Layer.Success<ReturnType<typeof NodeHttpServer.layer>>

/** Serves an application of the platform's on a loopback port until the scope closes; answers with its URL. */
export const serveApp = <E>(app: Layer.Layer<never, E, Provided>) =>
  Effect.gen(function* () {
    const server = createServer()
    const context = yield* Layer.build(
      Layer.provideMerge(
        app,
        NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })
      )
    )
    // A server of Node's that closes waits for every connection that has not carried a request yet. The clients here
    // close after their servers, and ours keeps a connection that it has opened in vain.
    yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
    const { address } = Context.get(context, HttpServer.HttpServer)
    return `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`
  })
