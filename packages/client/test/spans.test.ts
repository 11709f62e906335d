import { Headers, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { clientLayer, get, socketNumber } from "./support.js"

interface Recorded {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly attributes: Map<string, unknown>
  readonly events: Array<readonly [name: string, attributes: unknown]>
  exit: Exit.Exit<unknown, unknown> | undefined
}

const recording = (sampled = true) => {
  const spans: Array<Recorded> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const recorded: Recorded = { name, kind, parent, attributes: new Map(), events: [], exit: undefined }
      spans.push(recorded)
      let status: Tracer.SpanStatus = { _tag: "Started", startTime }
      return {
        _tag: "Span",
        spanId: "1234567890abcdef",
        traceId: "1234567890abcdef1234567890abcdef",
        sampled,
        name,
        parent,
        context,
        links,
        kind,
        attributes: recorded.attributes,
        get status() {
          return status
        },
        end: (endTime, exit) => {
          status = { _tag: "Ended", startTime, endTime, exit }
          recorded.exit = exit
        },
        attribute: (key, value) => recorded.attributes.set(key, value),
        event: (name, _at, attributes) => recorded.events.push([name, attributes]),
        addLinks: () => {}
      }
    },
    context: (f) => f()
  })
  return { spans, tracer }
}

const server = ScriptedServer.always(Wire.ok("x", { "x-secret": "s", "x-open": "o" }))

const traced = <A, E, R>(effect: Effect.Effect<A, E, R>, sampled?: boolean, layer = clientLayer(server)) =>
  Effect.gen(function* () {
    const { spans, tracer } = recording(sampled)
    const result = yield* Effect.exit(Effect.withTracer(effect, tracer)).pipe(Effect.provide(layer))
    return { spans, result }
  })

describe("a request's span", () => {
  it.effect("describes request and response", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(
        HttpClient.get("http://ada:pw@a.test:8080/p?q=1#f", { headers: { authorization: "Bearer s", "x-open": "o" } })
      )
      const [span] = spans
      assert.strictEqual(span!.name, "http.client GET")
      assert.strictEqual(span!.kind, "client")
      const attributes = Object.fromEntries(span!.attributes)
      assert.deepStrictEqual(attributes, {
        "http.request.method": "GET",
        "server.address": "a.test",
        "server.port": 8080,
        "url.full": "http://a.test:8080/p?q=1#f",
        "url.path": "/p",
        "url.scheme": "http",
        "url.query": "q=1",
        "http.request.header.authorization": "<redacted>",
        "http.request.header.x-open": "o",
        "http.response.status_code": 200,
        "http.response.header.content-length": "1",
        "http.response.header.x-secret": "s",
        "http.response.header.x-open": "o"
      })
      assert.isTrue(Exit.isSuccess(span!.exit!))
    })
  )

  it.effect("redacts what the program says, and always has a port", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(
        Effect.locally(HttpClient.get("http://a.test/"), Headers.currentRedactedNames, [/^x-s/])
      )
      assert.strictEqual(spans[0]!.attributes.get("http.response.header.x-secret"), "<redacted>")
      assert.strictEqual(spans[0]!.attributes.get("server.port"), 80)
      assert.isFalse(spans[0]!.attributes.has("url.query"))
    })
  )

  it.effect("has no header attributes when nobody can see them", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(HttpClient.get("http://a.test/"), false)
      assert.isTrue(spans[0]!.attributes.has("http.response.status_code"))
      assert.isFalse([...spans[0]!.attributes.keys()].some((key) => key.includes("header")))
    })
  )

  it.effect("is sent on to the peer, and can be kept from it", () =>
    Effect.gen(function* () {
      const server = ScriptedServer.always(Wire.ok())
      const client = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.zip(client.execute(get()), HttpClient.withTracerPropagation(client, false).execute(get()))
      )
      const { result } = yield* traced(client, true, clientLayer(server))
      assert.strictEqual(
        server.requests[0]!.header("traceparent"),
        "00-1234567890abcdef1234567890abcdef-1234567890abcdef-01"
      )
      assert.isDefined(server.requests[0]!.header("b3"))
      assert.isUndefined(server.requests[1]!.header("traceparent"))
      if (Exit.isSuccess(result)) assert.isDefined(result.value[0].request.headers["traceparent"])
    })
  )

  it.effect("is not made when it is switched off, for all or for some", () =>
    Effect.gen(function* () {
      const off = yield* traced(Effect.withTracerEnabled(HttpClient.get("http://a.test/"), false))
      assert.strictEqual(off.spans.length, 0)
      const some = yield* traced(
        Effect.flatMap(HttpClient.HttpClient, (client) => {
          const quiet = HttpClient.withTracerDisabledWhen(client, (request) => request.url.includes("quiet"))
          return Effect.zip(quiet.get("http://a.test/quiet"), quiet.get("http://a.test/loud"))
        })
      )
      assert.deepStrictEqual(
        some.spans.map((span) => span.attributes.get("url.path")),
        ["/loud"]
      )
    })
  )

  it.effect("takes its name from the program, and its parent from the caller", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(
        Effect.flatMap(HttpClient.HttpClient, (client) =>
          HttpClient.withSpanNameGenerator(client, (request) => `call ${request.method}`).execute(get())
        ).pipe(Effect.withSpan("caller"))
      )
      assert.deepStrictEqual(
        spans.map((span) => span.name),
        ["caller", "call GET"]
      )
      const parent = Option.getOrThrow(spans[1]!.parent)
      assert.strictEqual(parent._tag === "Span" ? parent.name : "", "caller")
    })
  )

  it.effect("ends with the failure or interruption of its request, refused ones included", () =>
    Effect.gen(function* () {
      const bad = yield* traced(HttpClient.execute(get().pipe(HttpClientRequest.setHeader("a", "\n"))))
      assert.isTrue(Exit.isFailure(bad.spans[0]!.exit!))
      const interrupted = yield* traced(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(HttpClient.execute(get()))
          yield* socketNumber(0)
          yield* Fiber.interrupt(fiber)
        }),
        true,
        clientLayer()
      )
      assert.isTrue(Exit.isInterrupted(interrupted.spans[0]!.exit!))
    })
  )

  for (const [what, budget, names] of [
    ["a retry", 10, ["hotaru.retry"]],
    ["a retry that the pool refuses", 0, ["hotaru.retry.refused"]]
  ] as const) {
    it.effect(`shows ${what} as an event, with the connection's id and the reason`, () =>
      Effect.gen(function* () {
        let id = 0
        const run = Effect.gen(function* () {
          const network = yield* FakeNetwork.FakeNetwork
          yield* HttpClient.execute(get())
          yield* network.settle
          yield* Effect.exit(HttpClient.execute(get()))
          id = network.sockets[0]!.id
        })
        // Its first connection ends under the second request.
        const server = ScriptedServer.make(({ connection, exchange }) =>
          connection === 1 && exchange === 2 ? [ScriptedServer.end] : Wire.ok("x")
        )
        const layer = clientLayer(server, { pool: { retryBudgetPerHost: budget } })
        const { spans } = yield* traced(run, true, layer)
        const reason = { "hotaru.connection.id": id, "hotaru.retry.reason": "the peer closed it" }
        const refusal = budget === 0 ? { "hotaru.retry.refusal": "RetryBudget" } : {}
        assert.deepStrictEqual(
          spans[1]!.events,
          names.map((name) => [name, { ...reason, ...refusal }])
        )
      })
    )
  }

  it.effect("is the parent of what runs in the request's body", () =>
    Effect.gen(function* () {
      const { Stream } = yield* Effect.promise(() => import("effect"))
      const body = Stream.fromEffect(Effect.succeed(new Uint8Array([1])).pipe(Effect.withSpan("producer")))
      const { spans } = yield* traced(
        HttpClient.post("http://a.test/").pipe(
          Effect.zipRight(
            HttpClient.execute(HttpClientRequest.post("http://a.test/").pipe(HttpClientRequest.bodyStream(body)))
          )
        )
      )
      const producer = spans.find((span) => span.name === "producer")!
      const parent = Option.getOrThrow(producer.parent)
      assert.strictEqual(parent._tag === "Span" ? parent.name : "", "http.client POST")
    })
  )

  it("needs no layer of its own", () => {
    assert.isTrue(Layer.isLayer(clientLayer(server)))
  })
})
