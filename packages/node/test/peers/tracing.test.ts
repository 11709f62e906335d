import { Headers, HttpClient, type HttpClientRequest, HttpTraceContext } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { closedPort, echo, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"
import { remembering } from "./support/tracing.js"

const get = (url: string, options?: HttpClientRequest.Options.NoBody) =>
  Effect.flatMap(HttpClient.get(url, options), (response) => Effect.as(response.text, response))

overPeers("spans", (behaves, peer) => {
  behaves(
    "a request is one client span with the conventional name and attributes",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ status: 201, headers: { "x-answer": "42" } }))
      const seen = remembering()
      yield* get(`${server.url}/a/b?q=1`, { headers: { "x-ask": "why" } }).pipe(Effect.withTracer(seen.tracer))
      const span = seen.only
      assert.strictEqual(span.name, "http.client GET")
      assert.strictEqual(span.kind, "client")
      assert.strictEqual(span.ends, 1)
      assert.isTrue(Exit.isSuccess(span.exit))
      const wanted = {
        "http.request.method": "GET",
        "url.full": `${server.url}/a/b?q=1`,
        "url.path": "/a/b",
        "url.scheme": "http",
        "url.query": "q=1",
        "server.port": server.port,
        "http.request.header.x-ask": "why",
        "http.response.status_code": 201,
        "http.response.header.x-answer": "42"
      }
      for (const [name, value] of Object.entries(wanted)) assert.strictEqual(span.attributes.get(name), value, name)
    })
  )

  behaves(
    "server.address is the host, and server.port is always there",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(server.url).pipe(Effect.withTracer(seen.tracer))
      assert.strictEqual(seen.only.attributes.get("server.address"), "127.0.0.1")
      assert.strictEqual(seen.only.attributes.get("server.port"), server.port)
    }),
    Object.fromEntries(
      (["undici", "node"] as const).map((name) => [
        name,
        {
          because: "the platform puts the origin there",
          instead: Effect.gen(function* () {
            const server = yield* serve(echo)
            const seen = remembering()
            yield* get(server.url).pipe(Effect.withTracer(seen.tracer))
            assert.strictEqual(seen.only.attributes.get("server.address"), server.url)
          })
        }
      ])
    )
  )

  behaves(
    "url.full shows no user info",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(`http://me:secret@127.0.0.1:${server.port}/`).pipe(Effect.withTracer(seen.tracer))
      for (const [name, value] of seen.only.attributes) assert.notInclude(String(value), "secret", name)
    }),
    Object.fromEntries(
      (["undici", "node"] as const).map((name) => [
        name,
        {
          because: "the platform shows it",
          instead: Effect.gen(function* () {
            const server = yield* serve(echo)
            const seen = remembering()
            yield* get(`http://me:secret@127.0.0.1:${server.port}/`).pipe(Effect.withTracer(seen.tracer))
            assert.include(String(seen.only.attributes.get("url.full")), "secret")
          })
        }
      ])
    )
  )

  behaves(
    "the span is a child of the caller's span",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(server.url).pipe(Effect.withSpan("caller"), Effect.withTracer(seen.tracer))
      const parent = Option.getOrThrow(seen.only.parent)
      assert.strictEqual(parent._tag === "Span" ? parent.name : "", "caller")
    })
  )

  behaves(
    "it ends with the head, not with the body",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"))
      const seen = remembering()
      yield* HttpClient.get(server.url).pipe(Effect.withTracer(seen.tracer))
      assert.strictEqual(seen.only.ends, 1)
    })
  )

  behaves(
    "a 500 is a success of the span",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ status: 500 }))
      const seen = remembering()
      yield* get(server.url).pipe(Effect.withTracer(seen.tracer))
      assert.isTrue(Exit.isSuccess(seen.only.exit))
      assert.strictEqual(seen.only.attributes.get("http.response.status_code"), 500)
    })
  )

  behaves(
    "a failure ends it with the failure",
    Effect.gen(function* () {
      const port = yield* closedPort
      const seen = remembering()
      const exit = yield* get(`http://127.0.0.1:${port}/`).pipe(Effect.withTracer(seen.tracer), Effect.exit)
      assert.isTrue(Exit.isFailure(exit))
      assert.isTrue(Exit.isFailure(seen.only.exit))
      assert.isUndefined(seen.only.attributes.get("http.response.status_code"))
    })
  )

  behaves(
    "an interruption ends it as interrupted",
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const seen = remembering()
      const fiber = yield* get(server.url).pipe(Effect.withTracer(seen.tracer), Effect.fork)
      yield* server.until(() => server.requests.length === 1)
      yield* Fiber.interrupt(fiber)
      const exit = seen.only.exit
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause))
      assert.strictEqual(seen.only.ends, 1)
    })
  )

  behaves(
    "headers that are secret by default are redacted, both ways",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ headers: { "set-cookie": "session=secret" } }))
      const seen = remembering()
      yield* get(server.url, {
        headers: { authorization: "Bearer secret", cookie: "a=secret", "x-api-key": "secret" }
      }).pipe(Effect.withTracer(seen.tracer))
      assert.strictEqual(server.last.header("authorization"), "Bearer secret")
      for (const [name, value] of seen.only.attributes) assert.notInclude(String(value), "secret", name)
      assert.strictEqual(seen.only.attributes.get("http.request.header.authorization"), "<redacted>")
      assert.strictEqual(seen.only.attributes.get("http.response.header.set-cookie"), "<redacted>")
    })
  )

  behaves(
    "so are the names that the program adds",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ headers: { "x-token": "secret", "x-open": "seen" } }))
      const seen = remembering()
      yield* get(server.url, { headers: { "x-private-one": "secret" } }).pipe(
        Effect.locally(Headers.currentRedactedNames, ["x-token", /^x-private-/]),
        Effect.withTracer(seen.tracer)
      )
      assert.strictEqual(seen.only.attributes.get("http.response.header.x-token"), "<redacted>")
      assert.strictEqual(seen.only.attributes.get("http.request.header.x-private-one"), "<redacted>")
      assert.strictEqual(seen.only.attributes.get("http.response.header.x-open"), "seen")
    })
  )

  behaves(
    "SpanNameGenerator names the span, by service and by combinator",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(server.url).pipe(
        Effect.provideService(HttpClient.SpanNameGenerator, (request) => `by service ${request.method}`),
        Effect.withTracer(seen.tracer)
      )
      const client = HttpClient.withSpanNameGenerator(yield* HttpClient.HttpClient, () => "by combinator")
      yield* Effect.flatMap(client.get(server.url), (_) => _.text).pipe(Effect.withTracer(seen.tracer))
      assert.deepStrictEqual(
        seen.clientSpans().map((_) => _.name),
        ["by service GET", "by combinator"]
      )
    })
  )

  behaves(
    "with tracing disabled there is no span and no header",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(server.url).pipe(Effect.withTracerEnabled(false), Effect.withTracer(seen.tracer))
      const client = HttpClient.withTracerDisabledWhen(yield* HttpClient.HttpClient, (request) =>
        request.url.endsWith("/health")
      )
      yield* client.get(`${server.url}/health`).pipe(
        Effect.flatMap((_) => _.text),
        Effect.withTracer(seen.tracer)
      )
      assert.strictEqual(seen.clientSpans().length, 0)
      assert.isUndefined(server.last.header("traceparent"))
      yield* client.get(`${server.url}/work`).pipe(
        Effect.flatMap((_) => _.text),
        Effect.withTracer(seen.tracer)
      )
      assert.strictEqual(seen.clientSpans().length, 1)
    })
  )

  behaves(
    "the span is propagated in the conventional headers",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* get(server.url).pipe(Effect.withTracer(seen.tracer))
      const span = seen.only
      assert.strictEqual(server.last.header("traceparent"), `00-${span.traceId}-${span.spanId}-01`)
      assert.isString(server.last.header("b3"))
      const parsed = HttpTraceContext.w3c(Headers.fromInput(server.last.headers))
      assert.strictEqual(Option.getOrThrow(parsed).spanId, span.spanId)
    })
  )

  behaves(
    "propagation can be switched off",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      const client = HttpClient.withTracerPropagation(yield* HttpClient.HttpClient, false)
      yield* Effect.flatMap(client.get(server.url), (_) => _.text).pipe(Effect.withTracer(seen.tracer))
      assert.strictEqual(seen.clientSpans().length, 1)
      assert.isUndefined(server.last.header("traceparent"))
      assert.isUndefined(server.last.header("b3"))
    })
  )

  behaves(
    "each of two requests has a span of its own",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const seen = remembering()
      yield* Effect.all([get(`${server.url}/1`), get(`${server.url}/2`)], { concurrency: 2 }).pipe(
        Effect.withTracer(seen.tracer)
      )
      const paths = seen.clientSpans().map((_) => _.attributes.get("url.path"))
      assert.deepStrictEqual([...paths].sort(), ["/1", "/2"])
    })
  )

  if (peer.name === "hotaru") {
    behaves(
      "the span of whoever built the layer is nobody's parent",
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const seen = remembering()
        yield* get(server.url).pipe(Effect.provide(peer.layer), Effect.withTracer(seen.tracer))
        assert.isTrue(Option.isNone(seen.only.parent))
      })
    )
  }
})
