/**
 * A server whose handlers ask another server, and that loses none of their requests when it is told to end: the recipe
 * of docs/shutdown.md, run in a test. `server.ts <upstream URL>` prints its port, then the target of each request.
 */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { HttpClient } from "@effect/platform"
import { NodePooledHttpClient } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ManagedRuntime from "effect/ManagedRuntime"

const upstream = process.argv[2] ?? ""
const print = (line: string | number) => process.stdout.write(`${line}\n`)

// The pool lives in a runtime of its own, which nothing but `stop` ends.
const runtime = ManagedRuntime.make(
  NodePooledHttpClient.layer({
    maxConnectionsPerHost: 8,
    // No handler may take longer than this: it bounds the wait in `stop`.
    safety: { requestTimeout: "5 seconds" }
  })
)

const ask = (target: string) =>
  Effect.flatMap(HttpClient.get(`${upstream}${target}`), (response) =>
    Effect.map(response.text, (body) => ({ status: response.status, body }))
  )

let stopping = false

const handle = async (target: string, response: ServerResponse) => {
  const ended = once(response, "close")
  const exit = await runtime.runPromiseExit(ask(target))
  const { body, status } = Exit.getOrElse(exit, () => ({ status: 502, body: "the other server did not answer" }))
  response.statusCode = status
  // The client must not send another request on a connection that is about to close.
  if (stopping) response.setHeader("connection", "close")
  response.end(body)
  // Until the last byte has been given to the system, or the client has gone.
  await ended
}

const handlers = new Set<Promise<void>>()

const server = createServer((request, response) => {
  const target = request.url ?? "/"
  print(target)
  const handler = handle(target, response).finally(() => handlers.delete(handler))
  handlers.add(handler)
})

const stop = async () => {
  stopping = true
  // 1. Stop listening, and close the connections of clients that are idle.
  server.close()
  server.closeIdleConnections()
  // 2. Await the handlers; a connection that is still busy may bring another one.
  while (handlers.size > 0) await Promise.all(handlers)
  // What is left never carried a whole request.
  server.closeAllConnections()
  // 3. Close the layer: the pool drains, and nothing keeps the process alive any more.
  await runtime.dispose()
}

process.once("SIGTERM", stop)
server.listen(0, "127.0.0.1", () => print((server.address() as AddressInfo).port))
