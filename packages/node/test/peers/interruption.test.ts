import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

overPeers("interruption", (behaves) => {
  behaves(
    "while waiting for the head closes the connection",
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const fiber = yield* Effect.fork(HttpClient.get(server.url))
      yield* server.until(() => server.requests.length === 1)
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      yield* server.until(() => server.open === 0)
    })
  )

  behaves(
    "while collecting a body closes the connection",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome"))
      const fiber = yield* Effect.fork(Effect.flatMap(HttpClient.get(server.url), (_) => _.text))
      yield* server.until(() => server.requests.length === 1)
      yield* Effect.sleep("20 millis") // Lets the head arrive: an earlier interruption is the case above.
      yield* Fiber.interrupt(fiber)
      yield* server.until(() => server.open === 0)
    })
  )

  behaves(
    "while streaming a body closes the connection",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome"))
      const response = yield* HttpClient.get(server.url)
      const reading = yield* Effect.makeLatch(false)
      const fiber = yield* response.stream.pipe(
        Stream.runForEach(() => reading.open),
        Effect.fork
      )
      yield* reading.await
      yield* Fiber.interrupt(fiber)
      yield* server.until(() => server.open === 0)
    })
  )

  behaves(
    "while sending a body closes the connection and runs the stream's finalizer",
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      let released = false
      const body = Stream.concat(Stream.make(new Uint8Array(10)), Stream.never).pipe(
        Stream.ensuring(
          Effect.sync(() => {
            released = true
          })
        )
      )
      const fiber = yield* Effect.fork(
        HttpClient.execute(HttpClientRequest.post(server.url).pipe(HttpClientRequest.setBody(HttpBody.stream(body))))
      )
      yield* server.until(() => server.connections.some((_) => _.bytesRead > 0))
      yield* Fiber.interrupt(fiber)
      yield* server.until(() => server.open === 0)
      assert.isTrue(released)
    })
  )

  behaves(
    "Effect.timeout ends a request that is not answered",
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const error = yield* Effect.flip(HttpClient.get(server.url).pipe(Effect.timeout("50 millis")))
      assert.strictEqual(error._tag, "TimeoutException")
      yield* server.until(() => server.requests.length === 0 || server.open === 0)
    })
  )

  behaves(
    "Effect.timeoutOption around a whole exchange ends it in the middle of the body",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome"))
      const result = yield* Effect.flatMap(HttpClient.get(server.url), (_) => _.text).pipe(
        Effect.timeoutOption("100 millis")
      )
      assert.isTrue(Option.isNone(result))
      yield* server.until(() => server.open === 0)
    })
  )

  behaves(
    "of the loser of a race leaves the winner alone",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        if (request.target === "/quick") reply.send({ body: "quick" })
      })
      const get = (path: string) => Effect.flatMap(HttpClient.get(server.url + path), (_) => _.text)
      assert.strictEqual(yield* Effect.race(get("/slow"), get("/quick")), "quick")
      assert.strictEqual(yield* get("/quick"), "quick")
    })
  )

  behaves(
    "after a complete exchange hurts nobody",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => reply.send({ body: request.target }))
      const get = (path: string) => Effect.flatMap(HttpClient.get(server.url + path), (_) => _.text)
      for (let i = 0; i < 20; i++) {
        const fiber = yield* Effect.fork(Effect.zipRight(get(`/${i}`), Effect.never))
        yield* server.until(() => server.requests.length === 2 * i + 1)
        const next = yield* Effect.fork(get(`/next/${i}`))
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Fiber.join(next), `/next/${i}`)
      }
    })
  )
})
