/**
 * Where we differ on purpose: what ours promises beyond the platform's layers, and what those do instead.
 */

import { inspect } from "node:util"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpIncomingMessage } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { serve } from "./support/LoopbackServer.js"
import { overPeers, type Table } from "./support/peers.js"

const both = (because: string): Table => ({ undici: { because }, node: { because } })

const textOf = (stream: Stream.Stream<Uint8Array, HttpClientError.ResponseError>) =>
  Stream.runFold(stream, "", (text, bytes) => text + Buffer.from(bytes).toString())

overPeers("reading a body in an encoding", (behaves) => {
  behaves(
    "text and json say which one, and give no garbage",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ headers: { "content-encoding": "gzip" }, body: "[1]" }))
      const response = yield* HttpClient.get(server.url)
      for (const reading of [response.text, response.json] as const) {
        const error = yield* Effect.flip<unknown, HttpClientError.ResponseError, never>(reading)
        assert.strictEqual((error.cause as { _tag: string })._tag, "BodyEncoded")
        assert.include(error.message, "gzip")
      }
    }),
    both("text succeeds with the raw bytes, and json parses them")
  )
})

overPeers("reading a body more than once", (behaves) => {
  behaves(
    "every accessor reads a collected body again, in any order",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "[1]" }))
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(yield* response.text, "[1]")
      assert.strictEqual(Buffer.from(yield* response.arrayBuffer).toString(), "[1]")
      assert.deepStrictEqual(yield* response.json, [1])
      assert.strictEqual(yield* textOf(response.stream), "[1]")
      assert.strictEqual(yield* textOf(response.stream), "[1]")
      assert.strictEqual(yield* response.text, "[1]")
    }),
    both("a second accessor hangs or fails, by kind")
  )

  behaves(
    "a streamed body is gone, and says so at once",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "streamed" }))
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(yield* textOf(response.stream), "streamed")
      for (const again of [response.text, response.arrayBuffer, textOf(response.stream)] as const) {
        const error = yield* Effect.flip<unknown, HttpClientError.ResponseError, never>(again)
        assert.strictEqual(error.reason, "Decode")
        assert.strictEqual((error.cause as { _tag: string })._tag, "BodyAlreadyConsumed")
      }
    }),
    both("the platform's layers answer with nothing, or hang")
  )

  behaves(
    "two readers at once get the same body",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => {
        reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")
        setImmediate(() => reply.raw("lf"))
      })
      const response = yield* HttpClient.get(server.url)
      const texts = yield* Effect.all([response.text, response.text], { concurrency: 2 })
      assert.deepStrictEqual(texts, ["half", "half"])
    })
  )

  behaves(
    "a reader that was interrupted leaves an error behind, no interruption",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nsome"))
      const response = yield* HttpClient.get(server.url)
      const fiber = yield* Effect.fork(response.text)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      const error = yield* Effect.flip(response.text)
      assert.strictEqual(error.reason, "Decode")
      assert.strictEqual((error.cause as { _tag: string })._tag, "BodyAbandoned")
      yield* server.until(() => server.open === 0)
    }),
    both("every later reader is interrupted, too")
  )

  behaves(
    "showing a response consumes nothing",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) =>
        reply.send({ headers: { "content-type": "text/plain" }, body: "to be read" })
      )
      const response = yield* HttpClient.get(server.url)
      JSON.stringify(response)
      inspect(response)
      assert.strictEqual(yield* textOf(response.stream), "to be read")
    }),
    { undici: { because: "toJSON reads the body: a later stream is empty or fails" } }
  )
})

overPeers("limits of a body", (behaves) => {
  behaves(
    "the platform's own MaxBodySize is obeyed",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "x".repeat(100) }))
      const read = Effect.flatMap(HttpClient.get(server.url), (response) => response.text)
      const error = yield* Effect.flip(read.pipe(HttpIncomingMessage.withMaxBodySize(Option.some(50))))
      assert.instanceOf(error, HttpClientError.ResponseError)
      assert.strictEqual(error.reason, "Decode")
      const whole = yield* read.pipe(HttpIncomingMessage.withMaxBodySize(Option.some(100)))
      assert.strictEqual(whole.length, 100)
    }),
    {
      undici: {
        because: "the platform's undici layer does not look at it",
        instead: Effect.gen(function* () {
          const server = yield* serve((_, reply) => reply.send({ body: "x".repeat(100) }))
          const read = Effect.flatMap(HttpClient.get(server.url), (response) => response.text)
          const text = yield* read.pipe(HttpIncomingMessage.withMaxBodySize(Option.some(50)))
          assert.strictEqual(text.length, 100)
        })
      }
    }
  )
})

const turns = (n: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const step = (left: number): void => {
      if (left === 0) resume(Effect.void)
      else setImmediate(step, left - 1)
    }
    step(n)
  })

overPeers("connections", (behaves, peer) => {
  behaves(
    "responses that nobody reads give their connection back",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "x".repeat(50_000) }))
      for (let i = 0; i < 20; i++) {
        yield* HttpClient.get(server.url)
        // Bodies are read ahead: some turns of the event loop, and this one is complete.
        yield* turns(30)
      }
      assert.isAtMost(server.connections.length, 2)
    }),
    {
      node: { because: "the platform's node layer has an agent without keep-alive" }
    }
  )

  behaves(
    "300 requests at once open no more than 128 connections",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: "ok" }))
      yield* Effect.all(
        Array.from({ length: 300 }, () => Effect.flatMap(HttpClient.get(server.url), (response) => response.text)),
        { concurrency: "unbounded" }
      )
      assert.isAtMost(server.maxOpen, 128)
    }),
    {
      undici: { because: "it opens 300" },
      node: { because: "it opens 300, though maybe not at the same time", unstable: true }
    }
  )

  behaves(
    "a GET on a connection that the server had just closed is sent again",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) =>
        request.index === 1 ? reply.send({ body: "ok" }) : reply.reset()
      )
      for (let i = 0; i < 5; i++) {
        assert.strictEqual(yield* Effect.flatMap(HttpClient.get(server.url), (response) => response.text), "ok")
      }
      assert.strictEqual(server.connections.length, 5)
    }),
    {
      undici: {
        because: "the failure reaches the caller",
        instead: Effect.gen(function* () {
          const server = yield* serve((request, reply) =>
            request.index === 1 ? reply.send({ body: "ok" }) : reply.reset()
          )
          const get = Effect.flatMap(HttpClient.get(server.url), (response) => response.text)
          // It may open a second connection once or twice; sooner or later it uses one again.
          const error = yield* Effect.flip(Effect.forever(get))
          assert.strictEqual(error.reason, "Transport")
        })
      }
    }
  )

  behaves(
    "an answer that comes during an upload is not lost, though the server stops reading",
    Effect.gen(function* () {
      const server = yield* serve(() => {}, {
        onHead: (_, reply) => {
          reply.raw("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 9\r\n\r\ntoo large")
          // Closing with bytes unread resets the connection: writes fail while the answer is still to be read.
          reply.connection.socket.pause()
          setImmediate(() => reply.connection.socket.destroy())
          return true
        }
      })
      const body = Stream.repeatValue(new Uint8Array(65_536)).pipe(Stream.take(1000))
      for (let i = 0; i < 10; i++) {
        const response = yield* HttpClient.execute(
          HttpClientRequest.post(server.url).pipe(HttpClientRequest.setBody(HttpBody.stream(body)))
        )
        assert.strictEqual(response.status, 413)
        assert.strictEqual(yield* response.text, "too large")
      }
    }),
    {
      undici: { because: "the write error wins over the answer, most of the time", unstable: true },
      node: { because: "the write error wins over the answer, most of the time", unstable: true }
    }
  )

  behaves(
    "bytes behind a response never answer the next request",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        reply.send({ body: request.target })
        if (request.target === "/first") reply.send({ body: "stray" })
      })
      const get = (path: string) => Effect.flatMap(HttpClient.get(server.url + path), (response) => response.text)
      for (let i = 0; i < 10; i++) {
        yield* get("/first")
        assert.strictEqual(yield* get("/second"), "/second")
      }
    })
  )

  behaves(
    "a request in flight is finished when the layer closes",
    Effect.gen(function* () {
      let answer = (): void => {}
      const server = yield* serve((_, reply) => {
        answer = () => reply.send({ body: "in time" })
      })
      const layer = yield* Layer.toRuntime(peer.layer).pipe(
        Effect.flatMap((runtime) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkDaemon(
              Effect.flatMap(HttpClient.get(server.url), (response) => response.text).pipe(Effect.provide(runtime))
            )
            yield* server.until(() => server.requests.length === 1)
            // The answer comes while the layer is closing.
            setTimeout(answer, 50)
            return fiber
          })
        ),
        Effect.scoped
      )
      assert.strictEqual(yield* Fiber.join(layer), "in time")
    }),
    {
      undici: { because: "closing its layer kills requests in flight" },
      node: { because: "closing its layer kills requests in flight" }
    }
  )
})
