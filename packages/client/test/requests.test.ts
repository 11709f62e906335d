import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpSafety, PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { clientLayer, get, kindOf, post } from "./support.js"

const echo = () =>
  ScriptedServer.make((request) =>
    Wire.ok(request.body, [
      ["x-method", request.method],
      ["x-target", request.target]
    ])
  )

/** Sends one request and looks at what the server read. */
const sent = (request: HttpClientRequest.HttpClientRequest) => {
  const server = echo()
  return Effect.gen(function* () {
    const response = yield* HttpClient.execute(request)
    yield* response.text
    const network = yield* FakeNetwork.FakeNetwork
    assert.deepStrictEqual(network.violations, [])
    return { request: server.requests[0]!, socket: network.sockets[0]!, response }
  }).pipe(Effect.provide(clientLayer(server)))
}

describe("a small request", () => {
  it.effect("gets its answer, and the next ones use the same connection", () => {
    const server = ScriptedServer.make((request) => Wire.ok(`${request.method} ${request.target}`))
    return Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const network = yield* FakeNetwork.FakeNetwork
      for (let i = 0; i < 3; i++) {
        const response = yield* client.get(`http://a.test/path?n=${i}`)
        assert.strictEqual(yield* response.text, `GET /path?n=${i}`)
      }
      assert.strictEqual(network.sockets.length, 1)
      assert.deepStrictEqual(network.violations, [])
      const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
      assert.strictEqual(stats.hits, 2)
      assert.strictEqual(stats.misses, 1)
    }).pipe(Effect.provide(clientLayer(server)))
  })

  it.effect("is one write, body and all", () =>
    Effect.gen(function* () {
      const { request, socket } = yield* sent(post().pipe(HttpClientRequest.bodyUnsafeJson({ a: 1 })))
      assert.strictEqual(socket.counts.writes, 1)
      assert.strictEqual(request.text, '{"a":1}')
      assert.strictEqual(request.header("content-type"), "application/json")
      assert.strictEqual(request.header("content-length"), "7")
    })
  )

  it.effect("is one write with 30 KiB of every byte there is", () =>
    Effect.gen(function* () {
      const bytes = Uint8Array.from({ length: 30 * 1024 }, (_, i) => i % 256)
      const { request, socket } = yield* sent(post().pipe(HttpClientRequest.bodyUint8Array(bytes)))
      assert.strictEqual(socket.counts.writes, 1)
      assert.deepStrictEqual(request.body, bytes)
    })
  )

  it.effect("with a large body goes in pieces and arrives whole", () =>
    Effect.gen(function* () {
      const bytes = Uint8Array.from({ length: 700 * 1024 + 1 }, (_, i) => i % 251)
      const { request } = yield* sent(post().pipe(HttpClientRequest.bodyUint8Array(bytes)))
      assert.deepStrictEqual(request.body, bytes)
    })
  )
})

describe("the head", () => {
  it.effect("names the host with its port, and the target without its fragment", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(
        HttpClientRequest.get("http://[::1]:8080/a?b=c#d").pipe(HttpClientRequest.appendUrlParam("e", "f g"))
      )
      assert.strictEqual(request.header("host"), "[::1]:8080")
      assert.strictEqual(request.target, "/a?b=c&e=f+g")
    })
  )

  it.effect("turns user info into Basic authorization and shows it nowhere", () =>
    Effect.gen(function* () {
      const { request, response } = yield* sent(HttpClientRequest.get("http://ada:s%C3%A9same@a.test/"))
      assert.strictEqual(request.header("authorization"), `Basic ${Buffer.from("ada:sésame").toString("base64")}`)
      assert.strictEqual(response.request.url, "http://a.test/")
    })
  )

  it.effect("keeps an authorization of the caller's over user info", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(
        HttpClientRequest.get("http://ada:lovelace@a.test/").pipe(HttpClientRequest.bearerToken("t"))
      )
      assert.strictEqual(request.header("authorization"), "Bearer t")
    })
  )

  for (const method of ["POST", "PUT", "PATCH"] as const) {
    it.effect(`says content-length: 0 for an empty ${method}`, () =>
      Effect.gen(function* () {
        for (const body of [HttpBody.empty, HttpBody.uint8Array(new Uint8Array(0)), HttpBody.text("")]) {
          const { request } = yield* sent(
            HttpClientRequest.make(method)("http://a.test/").pipe(HttpClientRequest.setBody(body))
          )
          assert.strictEqual(request.header("content-length"), "0")
        }
      })
    )
  }

  it.effect("says no length for an empty GET, HEAD, DELETE or OPTIONS", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "DELETE", "OPTIONS"] as const) {
        const { request } = yield* sent(HttpClientRequest.make(method)("http://a.test/"))
        assert.isUndefined(request.header("content-length"))
        assert.isUndefined(request.header("transfer-encoding"))
      }
    })
  )

  it.effect("says close when pooling is off, and on the last request of a connection", () => {
    const server = echo()
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* Effect.flatMap(HttpClient.execute(get()), (response) => response.text)
      assert.deepStrictEqual(
        server.requests.map((request) => request.header("connection")),
        [undefined, "close", undefined]
      )
      assert.deepStrictEqual(server.perConnection, [2, 1])
    }).pipe(
      Effect.provide(clientLayer(server, { pool: { maxRequestsPerConnection: 2 } })),
      Effect.zipRight(
        Effect.gen(function* () {
          const server = echo()
          yield* Effect.flatMap(HttpClient.execute(get()), (response) => response.text).pipe(
            Effect.provide(clientLayer(server, { pool: { enablePooling: false } }))
          )
          assert.strictEqual(server.requests[0]!.header("connection"), "close")
        })
      )
    )
  })
})

describe("a body", () => {
  const kinds: ReadonlyArray<readonly [string, () => HttpBody.HttpBody, string | RegExp, string | undefined]> = [
    ["text", () => HttpBody.text("grüße"), "grüße", "text/plain"],
    ["a raw string", () => HttpBody.raw("raw"), "raw", undefined],
    ["raw bytes", () => HttpBody.raw(new Uint8Array([104, 105])), "hi", undefined],
    [
      "a raw view",
      () => HttpBody.raw(new DataView(new Uint8Array([120, 104, 105, 120]).buffer, 1, 2)),
      "hi",
      undefined
    ],
    ["a raw ArrayBuffer", () => HttpBody.raw(new Uint8Array([104, 105]).buffer), "hi", undefined],
    [
      "raw URLSearchParams",
      () => HttpBody.raw(new URLSearchParams({ a: "b c" })),
      "a=b+c",
      "application/x-www-form-urlencoded;charset=UTF-8"
    ],
    ["a raw Blob", () => HttpBody.raw(new Blob(["blob"], { type: "text/x" })), "blob", "text/x"],
    ["a raw iterable of bytes", () => HttpBody.raw([new Uint8Array([104]), new Uint8Array([105])]), "hi", undefined],
    ["a raw ReadableStream", () => HttpBody.raw(new Blob(["stream"]).stream()), "stream", undefined],
    ["nothing, raw", () => HttpBody.raw(undefined), "", undefined],
    [
      "a stream",
      () => HttpBody.stream(Stream.make(new Uint8Array([104]), new Uint8Array([105]))),
      "hi",
      "application/octet-stream"
    ]
  ]
  for (const [name, make, text, type] of kinds) {
    it.effect(`goes out as it is: ${name}`, () =>
      Effect.gen(function* () {
        const { request } = yield* sent(post().pipe(HttpClientRequest.setBody(make())))
        assert.strictEqual(request.text, text)
        assert.strictEqual(request.header("content-type"), type)
      })
    )
  }

  it.effect("of form data has a boundary and a length, and files keep their names and bytes", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append('na"me', "va\nlue")
      form.append("file", new File([new Uint8Array([0, 255])], "f\r\n.bin", { type: "x/y" }))
      const { request } = yield* sent(post().pipe(HttpClientRequest.bodyFormData(form)))
      const type = request.header("content-type")!
      assert.match(type, /^multipart\/form-data; boundary=/)
      assert.strictEqual(Number(request.header("content-length")), request.body.length)
      const parsed = yield* Effect.promise(() =>
        new Response(request.body as BodyInit, { headers: { "content-type": type } }).formData()
      )
      assert.strictEqual(parsed.get('na"me'), "va\r\nlue")
      const file = parsed.get("file") as unknown as File
      assert.strictEqual(file.type, "x/y")
      assert.deepStrictEqual(new Uint8Array(yield* Effect.promise(() => file.arrayBuffer())), new Uint8Array([0, 255]))
    })
  )

  it.effect("with a length is framed by it, without one it goes in chunks", () =>
    Effect.gen(function* () {
      const stream = Stream.make(new Uint8Array([104]), new Uint8Array(0), new Uint8Array([105]))
      const known = yield* sent(post().pipe(HttpClientRequest.bodyStream(stream, { contentLength: 2 })))
      assert.strictEqual(known.request.header("content-length"), "2")
      assert.strictEqual(known.request.text, "hi")
      const unknown = yield* sent(post().pipe(HttpClientRequest.bodyStream(stream)))
      assert.strictEqual(unknown.request.header("transfer-encoding"), "chunked")
      assert.strictEqual(unknown.request.text, "hi")
    })
  )
})

describe("what cannot be sent is refused before a connection is asked for", () => {
  const cases: ReadonlyArray<readonly [string, HttpClientRequest.HttpClientRequest, string]> = [
    [
      "a method with a line end",
      HttpClientRequest.make("GET\r\nX: y" as "GET")("http://a.test/"),
      "RequestError Encode InvalidRequest"
    ],
    ["CONNECT", HttpClientRequest.make("CONNECT" as "GET")("http://a.test/"), "RequestError Encode InvalidRequest"],
    [
      "a header name with a space",
      get().pipe(HttpClientRequest.setHeader("a b", "c")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a value with CR and LF",
      get().pipe(HttpClientRequest.setHeader("a", "b\r\nc: d")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a value that latin1 would make one",
      get().pipe(HttpClientRequest.setHeader("a", "\u010d\u010a")),
      "RequestError Encode InvalidRequest"
    ],
    ["a value with NUL", get().pipe(HttpClientRequest.setHeader("a", "\0")), "RequestError Encode InvalidRequest"],
    [
      "a wrong length",
      post().pipe(HttpClientRequest.bodyText("abc"), HttpClientRequest.setHeader("content-length", "4")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a length without a body",
      get().pipe(HttpClientRequest.setHeader("content-length", "4")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a transfer coding",
      post().pipe(HttpClientRequest.bodyText("abc"), HttpClientRequest.setHeader("transfer-encoding", "chunked")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "an upgrade",
      get().pipe(HttpClientRequest.setHeader("upgrade", "websocket")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a second host",
      get().pipe(HttpClientRequest.setHeader("host", "a.test, b.test")),
      "RequestError Encode InvalidRequest"
    ],
    [
      "a body that is none",
      post().pipe(HttpClientRequest.setBody(HttpBody.raw(42))),
      "RequestError Encode InvalidRequest"
    ],
    ["a relative URL", HttpClientRequest.get("/path"), "RequestError InvalidUrl InvalidUrl"],
    ["a URL that is none", HttpClientRequest.get("http://a b/"), "RequestError InvalidUrl InvalidUrl"],
    ["an unsupported scheme", HttpClientRequest.get("ftp://a.test/"), "RequestError InvalidUrl InvalidUrl"],
    ["port 0", HttpClientRequest.get("http://a.test:0/"), "RequestError InvalidUrl InvalidUrl"],
    ["CR and LF in a path", HttpClientRequest.get("http://a.test/x\r\ny"), "RequestError InvalidUrl InvalidUrl"],
    ["TAB in a host", HttpClientRequest.get("http://a.t\test/"), "RequestError InvalidUrl InvalidUrl"],
    ["LF in a scheme", HttpClientRequest.get("ht\ntp://a.test/"), "RequestError InvalidUrl InvalidUrl"],
    ["NUL in a query", HttpClientRequest.get("http://a.test/?x\0"), "RequestError InvalidUrl InvalidUrl"],
    ["LF at the end", HttpClientRequest.get("http://a.test/\n"), "RequestError InvalidUrl InvalidUrl"]
  ]
  for (const [name, request, kind] of cases) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const network = yield* FakeNetwork.FakeNetwork
        const error = yield* Effect.flip(HttpClient.execute(request))
        assert.strictEqual(kindOf(error), kind)
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
        assert.strictEqual(network.dials.length, 0)
      }).pipe(Effect.provide(clientLayer()))
    )
  }

  it.effect("a method that is not allowed", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const error = yield* Effect.flip(HttpClient.execute(post()))
      assert.strictEqual(kindOf(error), "RequestError Encode MethodNotAllowed")
      assert.strictEqual(network.dials.length, 0)
    }).pipe(HttpSafety.withLimits({ allowedMethods: ["GET"] }), Effect.provide(clientLayer()))
  )

  it.effect("a blob URL, also of an origin that is known", () =>
    Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      yield* HttpClient.execute(get())
      const error = yield* Effect.flip(HttpClient.execute(HttpClientRequest.get("blob:http://a.test/x")))
      assert.strictEqual(kindOf(error), "RequestError InvalidUrl InvalidUrl")
      assert.notInclude(network.sockets[0]!.receivedText, "/x")
    }).pipe(Effect.provide(clientLayer(ScriptedServer.always(Wire.ok()))))
  )

  it.effect("a refused URL is shown on one line", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.execute(HttpClientRequest.get("http://a.test/x\r\nforged: line")))
      assert.include(error.message, "it contains a control character, U+000D")
      assert.include(error.message, "/x%0D%0Aforged: line")
      assert.notMatch(error.message, /[\r\n]/)
    }).pipe(Effect.provide(clientLayer()))
  )

  it.effect("and no message shows a secret", () =>
    Effect.gen(function* () {
      for (const request of [
        get().pipe(HttpClientRequest.setHeader("authorization", "Bearer hunter2\r\n")),
        HttpClientRequest.get("http://ada:hunter2@/"),
        HttpClientRequest.get("ftp://ada:hunter2@a.test/"),
        HttpClientRequest.get("http://ada:hunter2@a.test:99999/"),
        HttpClientRequest.get("http://ada:pass/hunter2@a.test/"),
        HttpClientRequest.get("ada:hunter2@a.test/"),
        HttpClientRequest.get("ht\ttp://ada:hunter2@a.test/")
      ]) {
        const error = yield* Effect.flip(HttpClient.execute(request))
        assert.notInclude(error.message, "hunter2")
        assert.notInclude((error.cause as Error).message, "hunter2")
        assert.notInclude(error.request.url, "hunter2")
      }
    }).pipe(Effect.provide(clientLayer()))
  )
})

describe("a URL", () => {
  it.effect("with a hash of the request's keeps it off the wire", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(HttpClientRequest.modify(get("/x"), { hash: "y" }))
      assert.strictEqual(request.target, "/x")
      assert.strictEqual(Option.getOrUndefined(HttpClientRequest.modify(get("/x"), { hash: "y" }).hash), "y")
    })
  )
})
