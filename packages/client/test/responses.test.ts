import { Cookies, HttpClient, HttpClientRequest, HttpClientResponse, HttpIncomingMessage } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { type ExchangeError, HttpSafety, PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { clientLayer, get, kindOf, socketNumber } from "./support.js"

/** One answer, looked at. */
const answered = <A, E, R>(
  reply: ScriptedServer.Reply,
  look: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E, R>,
  options: ScriptedServer.ScriptedServerOptions = {}
) =>
  Effect.gen(function* () {
    const network = yield* FakeNetwork.FakeNetwork
    const result = yield* Effect.flatMap(HttpClient.execute(get()), look)
    assert.deepStrictEqual(network.violations, [])
    return result
  }).pipe(Effect.provide(clientLayer(ScriptedServer.always(reply, options))))

const collect = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(Stream.runCollect(response.stream), (chunks) => Buffer.concat([...chunks]).toString("latin1"))

describe("an answer", () => {
  it.effect("shows status, joined headers, raw headers and cookies", () =>
    answered(
      Wire.response({
        status: 201,
        headers: [
          ["X-A", "1"],
          ["x-a", "2"],
          ["Set-Cookie", "a=b; Path=/"],
          ["set-cookie", "c=d"],
          ["__proto__", "odd"]
        ]
      }),
      (response) =>
        Effect.sync(() => {
          assert.strictEqual(response.status, 201)
          assert.strictEqual(response.headers["x-a"], "1, 2")
          assert.strictEqual(Reflect.get(response.headers, "__proto__"), "odd")
          assert.deepStrictEqual(PooledHttpClient.rawHeaders(response).slice(1, 3), [
            ["X-A", "1"],
            ["x-a", "2"]
          ])
          assert.deepStrictEqual(Cookies.toRecord(response.cookies), { a: "b", c: "d" })
          assert.strictEqual(response.cookies.cookies["a"]!.options?.path, "/")
        })
    )
  )

  it.effect("tells its connection", () =>
    Effect.gen(function* () {
      const first = yield* HttpClient.execute(get())
      yield* first.text
      const second = yield* HttpClient.execute(get())
      const [a, b] = [first, second].map((response) => Option.getOrThrow(PooledHttpClient.connectionInfo(response)))
      assert.strictEqual(a!.id, b!.id)
      assert.deepStrictEqual([a!.reused, b!.reused], [false, true])
      assert.deepStrictEqual([a!.requestCount, b!.requestCount], [0, 1])
      assert.isTrue(Option.isNone(PooledHttpClient.connectionInfo(HttpClientResponse.fromWeb(get(), new Response()))))
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok("x")))))
  )

  it.effect("has an address if its connection has one", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      network.park()
      const fiber = yield* Effect.fork(HttpClient.execute(get()))
      const socket = (yield* network.nextDial).succeed({ remoteAddress: "192.0.2.1" })
      yield* socket.takeRequest
      socket.send(Wire.ok())
      const response = yield* fiber.await.pipe(Effect.flatten)
      assert.strictEqual(Option.getOrUndefined(response.remoteAddress), "192.0.2.1")
    }).pipe(Effect.provide(clientLayer()))
  )

  for (const [name, method, bytes] of [
    ["HEAD", "HEAD", Wire.response({ headers: { "content-length": "5" }, framing: "none" })],
    ["204", "GET", Wire.noContent()],
    ["304", "GET", Wire.response({ status: 304, headers: { "content-length": "5" }, framing: "none" })],
    ["an empty body", "GET", Wire.ok("")]
  ] as const) {
    it.effect(`without content gives its connection back at the head: ${name}`, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        for (let i = 0; i < 2; i++) yield* HttpClient.execute(HttpClientRequest.make(method)("http://a.test/"))
        const third = yield* HttpClient.execute(HttpClientRequest.make(method)("http://a.test/"))
        assert.strictEqual(yield* third.text, "")
        assert.strictEqual(yield* third.json, null)
        assert.strictEqual(yield* collect(third), "")
        assert.strictEqual(network.sockets.length, 1)
      }).pipe(Effect.provide(clientLayer(ScriptedServer.always(bytes))))
    )
  }

  it.effect("comes after any interim ones", () =>
    answered([Wire.interim(103, { link: "</a>" }), Wire.interim(102), Wire.ok("final")], (response) =>
      Effect.gen(function* () {
        assert.strictEqual(response.status, 200)
        assert.isUndefined(response.headers["link"])
        assert.strictEqual(yield* response.text, "final")
      })
    )
  )

  it.effect("that switches protocols unasked is an error, and its connection is closed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.execute(get()))
      assert.strictEqual(kindOf(error), "RequestError Transport MalformedResponse")
      assert.isDefined((yield* socketNumber(0)).destroyed)
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.head({ status: 101, headers: { upgrade: "x" } })))))
  )

  it.effect("that is malformed is an error that says how", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.execute(get()))
      assert.strictEqual(kindOf(error), "RequestError Transport MalformedResponse")
      assert.include(error.message, "MalformedHeader")
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always("HTTP/1.1 200 OK\r\nbad header : x\r\n\r\n"))))
  )

  const chunked = (chunk: string) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`
  for (const [limits, answer] of [
    [{ maxHeaders: 2 }, Wire.ok("", { a: "1", b: "2", c: "3" })],
    [{ maxHeaderSize: 40 }, Wire.ok("", { a: "1".repeat(40) })],
    [{ maxLineLength: 40 }, Wire.ok("", { a: "1".repeat(40) })],
    [{ maxInterimResponses: 1 }, "HTTP/1.1 102 Processing\r\n\r\n".repeat(2)],
    [{ maxChunkExtensions: 3 }, chunked("1;abcd\r\nx\r\n")]
  ] as const) {
    const [name, value] = Object.entries(limits)[0]!
    it.effect(`over ${name} is an error that names it and says how to raise it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.flatMap(HttpClient.execute(get()), (response) => response.text))
        assert.match(kindOf(error), / LimitExceeded$/)
        assert.include(error.message, `${name} = ${value}, which HttpSafety.withLimits({ ${name} }) can raise`)
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
        assert.isDefined((yield* socketNumber(0)).destroyed)
      }).pipe(HttpSafety.withLimits(limits), Effect.provide(clientLayer(ScriptedServer.always(answer))))
    )
  }
})

describe("a body", () => {
  it.effect("is the same for every accessor, in any order, as often as one likes", () =>
    answered(Wire.json({ a: [1] }), (response) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* response.json, { a: [1] })
        assert.strictEqual(yield* response.text, '{"a":[1]}')
        assert.strictEqual(Buffer.from(yield* response.arrayBuffer).toString(), '{"a":[1]}')
        assert.strictEqual(yield* collect(response), '{"a":[1]}')
        assert.strictEqual(yield* collect(response), '{"a":[1]}')
        assert.deepStrictEqual(
          yield* HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.Array(Schema.Number) }))(response),
          { a: [1] }
        )
      })
    )
  )

  it.effect("gives an ArrayBuffer that is its own and exact, and no other reader sees what is written to it", () =>
    answered(Wire.ok("hello"), (response) =>
      Effect.gen(function* () {
        const buffer = yield* response.arrayBuffer
        assert.strictEqual(buffer.byteLength, 5)
        new Uint8Array(buffer).fill(0)
        assert.strictEqual(yield* response.text, "hello")
        const pieces = yield* Stream.runCollect(response.stream)
        Chunk.unsafeGet(pieces, 0).fill(0)
        assert.strictEqual(yield* response.text, "hello")
      })
    )
  )

  it.effect("that was streamed is gone, and every reader is told so at once", () =>
    answered(Wire.ok("hello"), (response) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* collect(response), "hello")
        const errors = [
          yield* Effect.flip(response.text),
          yield* Effect.flip(response.arrayBuffer),
          yield* Effect.flip(collect(response)),
          yield* Effect.flip(PooledHttpClient.forEachChunk(response, () => {}))
        ]
        for (const error of errors) assert.strictEqual(kindOf(error), "ResponseError Decode BodyAlreadyConsumed")
      })
    )
  )

  it.effect("can be pulled a piece at a time, or walked through", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const response = yield* client.get("http://a.test/")
      const pull = PooledHttpClient.pull(response)
      let text = ""
      let ended = false
      while (!ended) {
        yield* Effect.matchEffect(pull, {
          onSuccess: (piece) =>
            Effect.sync(() => {
              text += Buffer.from(piece).toString()
            }),
          onFailure: (error) =>
            Effect.sync(() => {
              ended = Option.isNone(error)
            })
        })
      }
      assert.strictEqual(text, "one two three")
      let walked = ""
      yield* PooledHttpClient.forEachChunk(yield* client.get("http://a.test/"), (piece) => {
        walked += Buffer.from(piece).toString()
      })
      yield* PooledHttpClient.forEachChunk(yield* client.get("http://a.test/"), (piece) =>
        Effect.sync(() => {
          walked += Buffer.from(piece).toString()
        })
      )
      assert.strictEqual(walked, "one two threeone two three")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.always([Wire.head({ headers: { "content-length": "13" } }), "one ", "two ", "three"])
        )
      )
    )
  )

  it.effect("in chunks has trailers, once it was read", () =>
    answered(
      Wire.response({
        framing: { chunks: [2, 3] },
        body: "hello",
        trailers: [
          ["X-Sum", "1"],
          ["x-sum", "2"]
        ]
      }),
      (response) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* response.text, "hello")
          assert.deepStrictEqual({ ...PooledHttpClient.trailers(response) }, { "x-sum": "1, 2" })
          assert.isUndefined(response.headers["x-sum"])
        })
    )
  )

  it.effect("loses its byte order mark as text", () =>
    answered(Wire.ok(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])), (response) =>
      Effect.map(response.text, (text) => assert.strictEqual(text, "a"))
    )
  )

  it.effect("that is no JSON is a Decode error with the parser's as its cause", () =>
    answered(Wire.ok("{"), (response) =>
      Effect.map(Effect.flip(response.json), (error) => {
        assert.strictEqual(error.reason, "Decode")
        assert.instanceOf(error.cause, SyntaxError)
        // The parser's message quotes the body; an error's message may end up in a log.
        assert.strictEqual(
          error.message,
          "The response's body came whole, but it is not JSON (no content-type) (200 GET http://a.test/)"
        )
      })
    )
  )

  it.effect("can be URL parameters or form data", () =>
    answered(Wire.ok("a=b+c&d=", { "content-type": "application/x-www-form-urlencoded" }), (response) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* response.urlParamsBody, [
          ["a", "b c"],
          ["d", ""]
        ])
        assert.strictEqual((yield* response.formData).get("a"), "b c")
      })
    )
  )

  it.effect("is neither read nor shown by toJSON, unless it was collected", () =>
    answered(
      [Wire.head({ headers: { "content-length": "2", "content-type": "application/json" } }), "{}"],
      (response) =>
        Effect.gen(function* () {
          assert.notProperty(response.toJSON(), "body")
          yield* collect(response)
          assert.notProperty(response.toJSON(), "body")
        }).pipe(
          Effect.zipRight(
            answered(Wire.json({ a: 1 }), (response) =>
              Effect.gen(function* () {
                assert.notProperty(response.toJSON(), "body")
                yield* response.text
                assert.deepStrictEqual((response.toJSON() as { readonly body: unknown }).body, { a: 1 })
              })
            )
          )
        )
    )
  )

  it.effect("delimited by close ends with the connection, which is not used again", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      assert.strictEqual(yield* response.text, "until close")
      yield* Effect.flatMap(HttpClient.execute(get()), (response) => response.text)
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 2)
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.always([Wire.response({ body: "until close", framing: "close" }), ScriptedServer.end])
        )
      )
    )
  )

  it.effect("cut off is an error that says so, after what had come", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      let seen = ""
      const error = yield* Effect.flip(
        PooledHttpClient.forEachChunk(response, (piece) => {
          seen += Buffer.from(piece).toString()
        })
      )
      assert.strictEqual(seen, "half")
      assert.strictEqual(kindOf(error), "ResponseError Decode ConnectionBroken")
      const again = yield* HttpClient.execute(get())
      assert.strictEqual(kindOf(yield* Effect.flip(again.text)), "ResponseError Decode ConnectionBroken")
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.always([Wire.head({ headers: { "content-length": "8" } }), "half", ScriptedServer.reset])
        )
      )
    )
  )

  it.effect("and head are the same however the bytes are cut", () =>
    Effect.gen(function* () {
      const bytes = Wire.join(
        Wire.interim(103),
        Wire.response({ framing: { chunks: [1, 4] }, body: "hello wörld", headers: [["a", "b"]], trailers: { t: "u" } })
      )
      const cuts = [Wire.bytes, ...Array.from({ length: bytes.length - 1 }, (_, i) => Wire.cutsAt(i + 1))]
      for (const cut of cuts) {
        yield* answered(
          bytes,
          (response) =>
            Effect.gen(function* () {
              assert.strictEqual(response.headers["a"], "b")
              assert.strictEqual(yield* response.text, "hello wörld")
              assert.strictEqual(PooledHttpClient.trailers(response)["t"], "u")
            }),
          { cut }
        )
      }
    })
  )

  it.effect.prop(
    "of any bytes and any cut comes out as it went in, collected or streamed",
    [
      FastCheck.uint8Array({ maxLength: 3000 }),
      FastCheck.nat(),
      FastCheck.constantFrom("length", "chunked"),
      FastCheck.boolean()
    ],
    ([body, seed, framing, streamed]) =>
      answered(
        Wire.response({ body, framing: framing as "length" }),
        (response) =>
          Effect.gen(function* () {
            const got = streamed
              ? Buffer.concat([...(yield* Stream.runCollect(response.stream))])
              : Buffer.from(yield* response.arrayBuffer)
            assert.isTrue(got.equals(body))
          }),
        { cut: Wire.randomCuts(seed) }
      ),
    { fastCheck: { numRuns: 60 } }
  )
})

describe("limits of a body", () => {
  const long = ScriptedServer.always(Wire.ok("x".repeat(1000)))

  it.effect(
    "JSON of 12 MiB is read where no limit was set, and a length over 100 MiB is refused before a byte is read",
    () => {
      const big = ScriptedServer.always(Wire.ok(JSON.stringify("x".repeat(12 * 1024 * 1024))))
      const over = ScriptedServer.always(`HTTP/1.1 200 OK\r\nContent-Length: ${100 * 1024 * 1024 + 1}\r\n\r\n`)
      const read = Effect.flatMap(HttpClient.execute(get()), (response) => response.json)
      return Effect.gen(function* () {
        const value = yield* read.pipe(Effect.provide(clientLayer(big)))
        assert.strictEqual((value as string).length, 12 * 1024 * 1024)
        const error = yield* Effect.flip(read.pipe(Effect.provide(clientLayer(over))))
        assert.strictEqual(kindOf(error), "ResponseError Decode LimitExceeded")
        assert.include(error.message, "maxBodySize = 104857600 (104857601)")
      })
    }
  )

  it.effect("a head of 1,024 fields is read where no limit was set, and one of 1,025 is refused", () =>
    Effect.gen(function* () {
      const of = (count: number) => {
        const fields = Object.fromEntries(Array.from({ length: count - 1 }, (_, i) => [`x-${i}`, String(i)]))
        return clientLayer(ScriptedServer.always(Wire.ok("", fields)))
      }
      const response = yield* HttpClient.execute(get()).pipe(Effect.provide(of(1024)))
      assert.strictEqual(PooledHttpClient.rawHeaders(response).length, 1024)
      assert.strictEqual(response.headers["x-1022"], "1022")
      const error = yield* Effect.flip(HttpClient.execute(get()).pipe(Effect.provide(of(1025))))
      assert.strictEqual(kindOf(error), "RequestError Transport LimitExceeded")
      assert.include(error.message, "maxHeaders = 1024")
    })
  )

  it.effect("an announced length over the limit fails before a byte is read, and the connection survives", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      const error = yield* Effect.flip(response.text)
      assert.strictEqual(kindOf(error), "ResponseError Decode LimitExceeded")
      assert.include(error.message, "maxBodySize = 999")
    }).pipe(HttpSafety.withLimits({ maxBodySize: 999 }), Effect.provide(clientLayer(long)))
  )

  it.effect("a body in chunks fails when it goes over, and those who ask later are told that it is gone", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      assert.strictEqual(kindOf(yield* Effect.flip(response.text)), "ResponseError Decode LimitExceeded")
    }).pipe(
      HttpSafety.withLimits({ maxBodySize: 999 }),
      Effect.provide(
        clientLayer(
          ScriptedServer.always(Wire.response({ body: "x".repeat(1000), framing: "chunked" }), {
            cut: Wire.piecesOf(100)
          })
        )
      )
    )
  )

  it.effect("the platform's limit around the reader takes its place, also to lift it", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(get())
      const error = yield* Effect.flip(response.text.pipe(HttpIncomingMessage.withMaxBodySize(Option.some(10))))
      assert.include(error.message, "MaxBodySize = 10")
      const again = yield* HttpClient.execute(get())
      assert.strictEqual((yield* again.text.pipe(HttpIncomingMessage.withMaxBodySize(Option.none()))).length, 1000)
    }).pipe(HttpSafety.withLimits({ maxBodySize: 100 }), Effect.provide(clientLayer(long)))
  )

  it.effect("a stream has its own, which is off", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      assert.strictEqual((yield* collect(yield* client.execute(get()))).length, 1000)
      const limited = PooledHttpClient.withLimits(client, { maxStreamSize: 500 })
      const error = yield* Effect.flip(collect(yield* limited.execute(get())))
      assert.strictEqual(kindOf(error), "ResponseError Decode LimitExceeded")
      assert.include(error.message, "maxStreamSize = 500")
    }).pipe(HttpSafety.withLimits({ maxBodySize: 10 }), Effect.provide(clientLayer(long)))
  )

  // RFC 9110 section 8.3: readers differ in which of several they go by, in one field or in many.
  it.effect("of several content types each must be allowed", () =>
    Effect.gen(function* () {
      for (const [types, refused] of [
        [["application/json", "text/html"], "application/json, text/html"],
        [["text/html", "application/json"], "text/html, application/json"],
        [["application/json", ""], "application/json, "],
        [["application/json, text/html"], "application/json, text/html"],
        [["application/json;charset=utf-8, text/html"], "application/json;charset=utf-8, text/html"],
        [['application/json;a="\\", b", image/svg+xml'], 'application/json;a="\\", b", image/svg+xml'],
        [['application/json;a="b, text/html"', "image/png"], undefined],
        [["application/json", "Application/JSON;charset=utf-8"], undefined]
      ] as const) {
        const network = yield* FakeNetwork.FakeNetwork
        const fiber = yield* Effect.fork(Effect.either(Effect.flatMap(HttpClient.execute(get()), (one) => one.text)))
        const socket = yield* socketNumber(network.sockets.length === 0 ? 0 : network.sockets.length - 1)
        yield* socket.takeRequest
        const fields = types.map((type) => `content-type: ${type}\r\n`).join("")
        socket.send(`HTTP/1.1 200 OK\r\n${fields}content-length: 2\r\n\r\n{}`)
        const outcome = yield* Fiber.join(fiber)
        if (refused === undefined) {
          assert.deepStrictEqual(outcome, Either.right("{}"))
          continue
        }
        const error = Option.getOrThrow(Either.getLeft(outcome))
        assert.strictEqual(kindOf(error), "ResponseError Decode ContentTypeRefused")
        assert.strictEqual((error.cause as ExchangeError.ContentTypeRefused).contentType, refused)
      }
    }).pipe(
      HttpSafety.withLimits({ allowedContentTypes: ["application/*", "image/png"] }),
      Effect.provide(clientLayer())
    )
  )

  it.effect("a content type that is refused fails as a response error", () =>
    Effect.gen(function* () {
      const ok = yield* HttpClient.execute(get("/json"))
      assert.deepStrictEqual(yield* ok.json, {})
      const error = yield* Effect.flip(HttpClient.execute(get("/html")))
      assert.strictEqual(kindOf(error), "ResponseError Decode ContentTypeRefused")
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
      const third = yield* HttpClient.execute(get("/json"))
      assert.deepStrictEqual(yield* third.json, {})
      assert.strictEqual((yield* FakeNetwork.FakeNetwork).sockets.length, 1)
    }).pipe(
      HttpSafety.withLimits({ allowedContentTypes: ["application/json", "image/*"] }),
      Effect.provide(
        clientLayer(
          ScriptedServer.make((request) =>
            request.target === "/json"
              ? Wire.ok("{}", { "content-type": "Application/JSON; charset=utf-8" })
              : Wire.ok("<p>", { "content-type": "text/html" })
          )
        )
      )
    )
  )
})
