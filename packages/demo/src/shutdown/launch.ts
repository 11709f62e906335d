/**
 * The same with `NodeHttpServer` and `Layer.launch`: the other recipe of docs/shutdown.md. The platform's server takes
 * its handlers away and then waits for the connections of its clients, which go on sending; `graceful` ends those first.
 */
import { createServer, type ServerResponse } from "node:http"
import { HttpClient, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const upstream = process.argv[2] ?? ""
const print = (line: string | number) => Effect.sync(() => void process.stdout.write(`${line}\n`))

const server = createServer()

/** Built after the handlers, so that its end comes before theirs: stops listening, and awaits what is under way. */
const graceful = Layer.scopedDiscard(
  Effect.suspend(() => {
    const underWay = new Set<ServerResponse>()
    let stopping = false
    let onNone = () => {}
    const isLast = (response: ServerResponse) => {
      if (!response.headersSent) response.setHeader("connection", "close")
    }
    server.prependListener("request", (_, response) => {
      underWay.add(response)
      if (stopping) isLast(response)
      response.once("close", () => {
        underWay.delete(response)
        if (underWay.size === 0) onNone()
      })
    })
    return Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        stopping = true
        for (const response of underWay) isLast(response)
        server.close()
        server.closeIdleConnections()
        onNone = () => {
          server.closeAllConnections()
          resume(Effect.void)
        }
        if (underWay.size === 0) onNone()
      })
    )
  })
)

const handler = Effect.gen(function* () {
  const { url } = yield* HttpServerRequest.HttpServerRequest
  yield* print(url)
  const response = yield* HttpClient.get(`${upstream}${url}`)
  return HttpServerResponse.text(yield* response.text, { status: response.status })
}).pipe(Effect.catchAll(() => HttpServerResponse.text("the other server did not answer", { status: 502 })))

const announced = Layer.effectDiscard(
  HttpServer.addressWith((address) => print(address._tag === "TcpAddress" ? address.port : address.path))
)

const Live = Layer.mergeAll(graceful, announced).pipe(
  Layer.provide(HttpServer.serve(handler)),
  Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
  // Around everything: the pool drains last.
  Layer.provide(NodePooledHttpClient.layer({ maxConnectionsPerHost: 8, safety: { requestTimeout: "5 seconds" } }))
)

NodeRuntime.runMain(Layer.launch(Live))
