/** A host that has an event stream open and refuses new connections. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

/** Answers `/events` with a stream that does not end. */
const start = Effect.acquireRelease(
  Effect.sync(() =>
    Http.createServer((request, response) => {
      if (request.url !== "/events") return void response.end("small")
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write("data: 1\n\n")
    })
  ),
  (server) => Effect.sync(() => void server.close().closeAllConnections())
)

const listen = (server: Http.Server, port: number): Effect.Effect<number> =>
  Effect.async((resume) => {
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

/** Open connections stay; new ones are refused. */
const stopListening = (server: Http.Server) => Effect.sync(() => void server.close())

type Env = HttpClient.HttpClient | ConnectionPool.ConnectionPool

const story = <A, E>(
  tell: (server: Http.Server, port: number, dialFailed: Effect.Effect<void>) => Effect.Effect<A, E, Env>
) =>
  Effect.gen(function* () {
    const server = yield* start
    const port = yield* listen(server, 0)
    yield* Effect.gen(function* () {
      const told = yield* Effect.flatMap(ConnectionPool.ConnectionPool, ({ subscribe }) => subscribe)
      const dialFailed = Queue.take(told).pipe(
        Effect.repeat({ until: ({ _tag }) => _tag === "OpenFailed" }),
        Effect.asVoid
      )
      const events = yield* HttpClient.get(`http://127.0.0.1:${port}/events`)
      const first = yield* Effect.makeLatch(false)
      yield* Effect.forkScoped(Stream.runForEach(events.stream, () => first.open))
      yield* first.await
      yield* stopListening(server)
      return yield* tell(server, port, dialFailed)
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0 })))
  })

const text = (port: number) => Effect.flatMap(HttpClient.get(`http://127.0.0.1:${port}/`), (response) => response.text)

describe("a host that has an event stream open and refuses new connections", () => {
  it.scoped("fails a GET with the refusal within a second, and not after the acquire timeout", () =>
    story((_, port, dialFailed) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.flip(text(port)))
        for (const wait of [100, 200, 400]) {
          yield* dialFailed
          yield* TestClock.adjust(wait)
        }
        const error = yield* Fiber.join(fiber)
        assert.include(error.message, "ECONNREFUSED")
      })
    )
  )

  it.scoped("answers the GET that was made meanwhile when it listens again 300 ms later", () =>
    story((server, port, dialFailed) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(text(port))
        for (const wait of [100, 200]) {
          yield* dialFailed
          yield* TestClock.adjust(wait)
        }
        yield* dialFailed
        yield* listen(server, port)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "small")
      })
    )
  )
})
