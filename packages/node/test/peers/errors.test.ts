import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { closedPort, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const failure = (url: string) => Effect.flip(Effect.flatMap(HttpClient.get(url), (_) => _.text))

overPeers("errors", (behaves) => {
  behaves(
    "a refused connection is a transport error that carries its cause",
    Effect.gen(function* () {
      const error = yield* failure(`http://127.0.0.1:${yield* closedPort}/x`)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
      assert.strictEqual(error.request.method, "GET")
      assert.strictEqual(error.methodAndUrl.startsWith("GET http://127.0.0.1:"), true)
      assert.strictEqual((error.cause as any).code, "ECONNREFUSED")
    })
  )

  for (const url of ["http://", "http://[::", "http://a b/", "http://host:99999/", "http://exa mple/"]) {
    behaves(
      `${JSON.stringify(url)} is an invalid URL`,
      Effect.gen(function* () {
        const error = yield* failure(url)
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.strictEqual(error.reason, "InvalidUrl")
      })
    )
  }

  for (const url of ["ftp://127.0.0.1/", "ws://127.0.0.1/", "file:///etc/hosts", "data:text/plain,x"]) {
    behaves(
      `${url} is no URL for HTTP`,
      Effect.gen(function* () {
        const error = yield* failure(url)
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.strictEqual(error.reason, "InvalidUrl")
      }),
      {
        undici: {
          because: "the platform's undici layer calls it a transport error",
          instead: Effect.gen(function* () {
            const error = yield* failure(url)
            assert.strictEqual(error.reason, "Transport")
          })
        },
        node: {
          because: "the platform's node layer dies of it",
          instead: Effect.gen(function* () {
            const exit = yield* Effect.exit(failure(url))
            assert.strictEqual(exit._tag === "Failure" && exit.cause._tag, "Die")
          })
        }
      }
    )
  }

  behaves(
    "a connection that closes before the head is a transport error",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.end())
      const error = yield* failure(server.url)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
    })
  )

  behaves(
    "a connection that is reset before the head is a transport error",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.reset())
      const error = yield* failure(server.url)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
    })
  )

  behaves(
    "a connection that closes within the head is a transport error",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => {
        reply.raw("HTTP/1.1 200 OK\r\ncontent-le")
        reply.end()
      })
      const error = yield* failure(server.url)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
    })
  )

  for (const [what, head] of [
    ["a body of known length", "content-length: 100"],
    ["a chunked body", "transfer-encoding: chunked"]
  ] as const) {
    const half = head.startsWith("content") ? "half" : "4\r\nhalf\r\n"
    for (const how of ["end", "reset"] as const) {
      behaves(
        `${what} cut short by ${how === "end" ? "an end" : "a reset"} fails every accessor`,
        Effect.gen(function* () {
          let reset = (): void => {}
          const server = yield* serve((_, reply) => {
            reply.raw(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${half}`)
            if (how === "end") reply.end()
            else reset = () => reply.reset()
          })
          const accessors = {
            text: (response) => response.text,
            json: (response) => response.json,
            arrayBuffer: (response) => response.arrayBuffer,
            urlParamsBody: (response) => response.urlParamsBody,
            stream: (response) => Stream.runDrain(response.stream)
          } satisfies Record<
            string,
            (
              response: import("@effect/platform").HttpClientResponse.HttpClientResponse
            ) => Effect.Effect<unknown, HttpClientError.ResponseError>
          >
          for (const [name, accessor] of Object.entries(accessors)) {
            const response = yield* HttpClient.get(server.url)
            const reading = yield* Effect.fork(accessor(response))
            // Only now: a reset that overtakes the bytes is the case of a reset before the head.
            reset()
            const error = yield* Effect.flip(Fiber.join(reading))
            assert.instanceOf(error, HttpClientError.ResponseError, name)
            assert.strictEqual(error.reason, "Decode", name)
            assert.strictEqual(error.response.status, 200, name)
          }
        })
      )
    }
  }

  behaves(
    "what is no HTTP is a transport error",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => {
        reply.raw("SSH-2.0-OpenSSH_9.2\r\n")
        reply.end()
      })
      const error = yield* failure(server.url)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
    })
  )

  behaves(
    "two lengths that differ are refused",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) =>
        reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd")
      )
      const error = yield* failure(server.url)
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Transport")
    })
  )

  behaves(
    "a header value with a line break is refused before a byte is sent",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({}))
      const request = HttpClientRequest.get(server.url).pipe(HttpClientRequest.setHeader("x-a", "b\r\nx-injected: c"))
      const exit = yield* Effect.exit(HttpClient.execute(request))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  behaves(
    "a code unit that latin1 would turn into a line break is refused, too",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({}))
      const request = HttpClientRequest.get(server.url).pipe(
        HttpClientRequest.setHeader("x-a", "b\u010d\u010ax-injected: c")
      )
      const exit = yield* Effect.exit(HttpClient.execute(request))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  behaves(
    "after a failure the next request is served",
    Effect.gen(function* () {
      let broken = true
      const server = yield* serve((_, reply) => (broken ? reply.reset() : reply.send({ body: "well" })))
      yield* failure(server.url)
      broken = false
      assert.strictEqual(yield* Effect.flatMap(HttpClient.get(server.url), (_) => _.text), "well")
    })
  )
})

overPeers("many at once", (behaves) => {
  behaves(
    "200 requests in parallel, each gets its own answer",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => {
        // Answers out of order.
        const answer = () => reply.send({ body: request.target })
        if (Number(request.target.slice(1)) % 3 === 0) setImmediate(answer)
        else answer()
      })
      const answers = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, i) => `/${i}`),
        (path) => Effect.flatMap(HttpClient.get(server.url + path), (_) => _.text),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers,
        Array.from({ length: 200 }, (_, i) => `/${i}`)
      )
    })
  )

  behaves(
    "sequential requests share one connection",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => reply.send({ body: request.target }))
      for (let i = 0; i < 20; i++) {
        assert.strictEqual(yield* Effect.flatMap(HttpClient.get(`${server.url}/${i}`), (_) => _.text), `/${i}`)
      }
      assert.strictEqual(server.connections.length, 1)
    }),
    {
      undici: { because: "undici opens a second one now and then", unstable: true },
      node: {
        because: "the platform's node layer has an agent without keep-alive",
        instead: Effect.gen(function* () {
          const server = yield* serve((request, reply) => reply.send({ body: request.target }))
          for (let i = 0; i < 3; i++) yield* Effect.flatMap(HttpClient.get(server.url), (_) => _.text)
          assert.strictEqual(server.connections.length, 3)
        })
      }
    }
  )
})
