import {
  Cookies,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  UrlParams
} from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type LoopbackServer, type Reply, type ReplyOptions, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const answering = (options: ReplyOptions) => serve((_, reply) => reply.send(options))
const answeringRaw = (raw: string, then: (reply: Reply) => void = () => {}) =>
  serve((_, reply) => {
    reply.raw(raw)
    then(reply)
  })
const get = (server: LoopbackServer) => HttpClient.get(server.url)
const text = (bytes: Iterable<Uint8Array>) => Buffer.concat([...bytes]).toString("utf8")

overPeers("what a response says of itself", (behaves) => {
  behaves(
    "its status",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) => reply.send({ status: Number(request.target.slice(1)) }))
      for (const status of [200, 201, 299, 301, 400, 404, 500, 599]) {
        const response = yield* HttpClient.get(`${server.url}/${status}`)
        assert.strictEqual(response.status, status)
        yield* response.text
      }
    })
  )

  behaves(
    "its headers, in lower case, repeated ones joined",
    Effect.gen(function* () {
      const server = yield* answering({
        headers: [
          ["X-One", "1"],
          ["X-Many", "a"],
          ["x-many", "b"],
          ["X-Empty", ""]
        ]
      })
      const response = yield* get(server)
      assert.strictEqual(response.headers["x-one"], "1")
      assert.strictEqual(response.headers["x-many"], "a, b")
      assert.strictEqual(response.headers["x-empty"], "")
      assert.isUndefined(response.headers["x-none"])
      yield* response.text
    })
  )

  behaves(
    "white space around a header's value is no part of it",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ headers: { "x-space": "  v \t " } }))
      assert.strictEqual(response.headers["x-space"], "v")
      yield* response.text
    }),
    {
      undici: {
        because: "undici keeps it behind the value",
        instead: Effect.gen(function* () {
          const response = yield* get(yield* answering({ headers: { "x-space": "  v \t " } }))
          assert.strictEqual(response.headers["x-space"], "v \t ")
        })
      }
    }
  )

  behaves(
    "a header is found by its schema",
    Effect.gen(function* () {
      const server = yield* answering({ headers: { "x-count": "7" } })
      const response = yield* get(server)
      const decoded = yield* HttpClientResponse.schemaHeaders(Schema.Struct({ "x-count": Schema.NumberFromString }))(
        response
      )
      assert.strictEqual(decoded["x-count"], 7)
      yield* response.text
    })
  )

  behaves(
    "its cookies, one for each set-cookie",
    Effect.gen(function* () {
      const server = yield* answering({
        headers: [
          ["Set-Cookie", "a=1; Path=/; HttpOnly"],
          ["set-cookie", "b=2; Max-Age=60"],
          ["x", "y"]
        ]
      })
      const response = yield* get(server)
      assert.deepStrictEqual(Cookies.toRecord(response.cookies), { a: "1", b: "2" })
      const cookie = Option.getOrThrow(Cookies.get(response.cookies, "a"))
      assert.isTrue(cookie.options?.httpOnly)
      assert.strictEqual(cookie.options?.path, "/")
      yield* response.text
    })
  )

  behaves(
    "no cookies where none are set",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({}))
      assert.isTrue(Cookies.isEmpty(response.cookies))
      yield* response.text
    })
  )

  behaves(
    "the address of the peer",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({}))
      assert.strictEqual(Option.getOrNull(response.remoteAddress), "127.0.0.1")
      yield* response.text
    }),
    {
      undici: {
        because: "the platform's undici layer does not know it",
        instead: Effect.gen(function* () {
          const response = yield* get(yield* answering({}))
          assert.isNull(Option.getOrNull(response.remoteAddress))
        })
      }
    }
  )

  behaves(
    "as JSON: request and status",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ status: 201 }))
      yield* response.text
      const shown = response.toJSON() as any
      assert.strictEqual(shown._id, "@effect/platform/HttpClientResponse")
      assert.strictEqual(shown.status, 201)
      assert.strictEqual(shown.request.method, "GET")
      assert.isObject(shown.headers)
    })
  )
})

overPeers("reading a body", (behaves) => {
  behaves(
    "text decodes UTF-8",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "gr\u00fc\u00df \u{1f600}" }))
      assert.strictEqual(yield* response.text, "gr\u00fc\u00df \u{1f600}")
    })
  )

  behaves(
    "a character cut in two by chunks is one",
    Effect.gen(function* () {
      const server = yield* answeringRaw(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\xc3\r\n1\r\n\xbc\r\n0\r\n\r\n"
      )
      assert.strictEqual(yield* Effect.flatMap(get(server), (_) => _.text), "\u00fc")
    })
  )

  behaves(
    "text a second time gives the same",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "once" }))
      assert.strictEqual(yield* response.text, "once")
      assert.strictEqual(yield* response.text, "once")
    })
  )

  behaves(
    "json parses",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: '{"a":[1,null]}' }))
      assert.deepStrictEqual(yield* response.json, { a: [1, null] })
    })
  )

  behaves(
    "json of an empty body is null",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "" }))
      assert.isNull(yield* response.json)
    })
  )

  behaves(
    "json of what is none is a decode error that knows request and response",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "{nonsense" }))
      const error = yield* Effect.flip(response.json)
      assert.instanceOf(error, HttpClientError.ResponseError)
      assert.strictEqual(error.reason, "Decode")
      assert.strictEqual(error.response.status, 200)
      assert.strictEqual(error.request.method, "GET")
    })
  )

  behaves(
    "text and json of one response",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "[1]" }))
      assert.strictEqual(yield* response.text, "[1]")
      assert.deepStrictEqual(yield* response.json, [1])
    })
  )

  behaves(
    "schemaBodyJson, schemaJson and matchStatus decode",
    Effect.gen(function* () {
      const server = yield* answering({ status: 201, headers: { "x-a": "b" }, body: '{"n":"5"}' })
      const Body = Schema.Struct({ n: Schema.NumberFromString })
      assert.deepStrictEqual(yield* Effect.flatMap(get(server), HttpClientResponse.schemaBodyJson(Body)), { n: 5 })
      const whole = yield* Effect.flatMap(
        get(server),
        HttpClientResponse.schemaJson(Schema.Struct({ status: Schema.Literal(201), body: Body }))
      )
      assert.deepStrictEqual(whole, { status: 201, body: { n: 5 } })
      const matched = yield* Effect.flatMap(
        get(server),
        HttpClientResponse.matchStatus({
          "2xx": (response) => Effect.map(response.text, (_) => `ok ${_}`),
          orElse: () => Effect.succeed("else")
        })
      )
      assert.strictEqual(matched, 'ok {"n":"5"}')
      const error = yield* Effect.flip(
        Effect.flatMap(get(server), HttpClientResponse.schemaBodyJson(Schema.Struct({ m: Schema.String })))
      )
      assert.strictEqual(error._tag, "ParseError")
    })
  )

  behaves(
    "arrayBuffer is exactly the body",
    Effect.gen(function* () {
      const body = Uint8Array.from({ length: 300 }, (_, i) => i % 256)
      const response = yield* get(yield* answering({ headers: { "x-secret": "head" }, body }))
      const buffer: ArrayBuffer = yield* response.arrayBuffer
      assert.strictEqual(buffer.byteLength, 300)
      assert.deepStrictEqual([...new Uint8Array(buffer)], [...body])
      assert.isTrue(buffer instanceof ArrayBuffer)
    }),
    {
      node: {
        because: "the platform's node layer answers with a Buffer view over a larger slab",
        instead: Effect.gen(function* () {
          const response = yield* get(yield* answering({ body: "abc" }))
          const buffer = yield* response.arrayBuffer
          assert.strictEqual(Buffer.from(new Uint8Array(buffer)).toString(), "abc")
        })
      }
    }
  )

  behaves(
    "urlParamsBody parses a form",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "a=1+2&b=%C3%BC&a=3" }))
      assert.deepStrictEqual(UrlParams.toRecord(yield* response.urlParamsBody), { a: ["1 2", "3"], b: "\u00fc" })
      const decoded = yield* Effect.flatMap(
        get(yield* answering({ body: "a=1" })),
        HttpClientResponse.schemaBodyUrlParams(Schema.Struct({ a: Schema.NumberFromString }))
      )
      assert.deepStrictEqual(decoded, { a: 1 })
    })
  )

  behaves(
    "formData parses a form with a file",
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "1")
      form.append("f", new File(["contents"], "f.txt", { type: "text/plain" }))
      const encoded = new Response(form)
      const body = new Uint8Array(yield* Effect.promise(() => encoded.arrayBuffer()))
      const server = yield* answering({ headers: { "content-type": encoded.headers.get("content-type")! }, body })
      const parsed = yield* Effect.flatMap(get(server), (_) => _.formData)
      assert.strictEqual(parsed.get("a"), "1")
      assert.strictEqual(yield* Effect.promise(() => (parsed.get("f") as File).text()), "contents")
    }),
    {
      undici: {
        because: "undici's request API has no formData",
        instead: Effect.gen(function* () {
          const server = yield* answering({ headers: { "content-type": "multipart/form-data; boundary=b" }, body: "" })
          const error = yield* Effect.flip(Effect.flatMap(get(server), (_) => _.formData))
          assert.strictEqual((error as any).cause.code, "UND_ERR_NOT_SUPPORTED")
        })
      }
    }
  )

  behaves(
    "formData of what is none is a decode error",
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.flatMap(get(yield* answering({ body: "text" })), (_) => _.formData))
      assert.instanceOf(error, HttpClientError.ResponseError)
      assert.strictEqual(error.reason, "Decode")
    })
  )

  behaves(
    "stream gives the bytes",
    Effect.gen(function* () {
      const body = Uint8Array.from({ length: 200_000 }, (_, i) => i % 253)
      const response = yield* get(yield* answering({ body }))
      const chunks = yield* Stream.runCollect(response.stream)
      assert.isTrue(Buffer.concat(Chunk.toReadonlyArray(chunks)).equals(body))
    })
  )

  behaves(
    "HttpClientResponse.stream unwraps a request to its body",
    Effect.gen(function* () {
      const server = yield* answering({ body: "streamed" })
      const chunks = yield* Stream.runCollect(HttpClientResponse.stream(get(server)))
      assert.strictEqual(text(chunks), "streamed")
    })
  )

  behaves(
    "a stream gives each piece when it arrives, and execute ends at the head",
    Effect.gen(function* () {
      let reply: Reply | undefined
      const server = yield* serve((_, r) => {
        reply = r
        r.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
      })
      const response = yield* get(server)
      const pull = yield* Stream.toPull(response.stream)
      let received = ""
      const take = (upTo: string) =>
        Effect.repeat(
          Effect.map(pull, (chunk) => (received += text(chunk))),
          { until: (_) => _.endsWith(upTo) }
        )
      reply!.raw("5\r\nfirst\r\n")
      yield* take("first")
      reply!.raw("6\r\nsecond\r\n")
      yield* take("second")
      reply!.raw("0\r\n\r\n")
      assert.isTrue(Option.isNone(yield* Effect.flip(pull)))
      assert.strictEqual(received, "firstsecond")
    })
  )

  behaves(
    "an empty body is an empty stream",
    Effect.gen(function* () {
      const response = yield* get(yield* answering({ body: "" }))
      assert.strictEqual(text(yield* Stream.runCollect(response.stream)), "")
    })
  )

  behaves(
    "taking a part of a stream is enough",
    Effect.gen(function* () {
      const body = new Uint8Array(2_000_000)
      const server = yield* answering({ body })
      const response = yield* get(server)
      const first = yield* Stream.runHead(response.stream)
      assert.isTrue(Option.isSome(first) && first.value.length > 0)
      // The next request is answered on whatever connection.
      const again = yield* get(server)
      assert.strictEqual((yield* again.arrayBuffer).byteLength, 2_000_000)
    })
  )
})

overPeers("framing", (behaves) => {
  behaves(
    "chunked, with extensions and trailers",
    Effect.gen(function* () {
      const server = yield* answeringRaw(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"
      )
      assert.strictEqual(yield* Effect.flatMap(get(server), (_) => _.text), "hello world")
      assert.strictEqual(yield* Effect.flatMap(get(server), (_) => _.text), "hello world")
    })
  )

  behaves(
    "until the connection closes",
    Effect.gen(function* () {
      const server = yield* answeringRaw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end", (_) => _.end())
      assert.strictEqual(yield* Effect.flatMap(get(server), (_) => _.text), "to the end")
    })
  )

  behaves(
    "HTTP/1.0",
    Effect.gen(function* () {
      const server = yield* answeringRaw("HTTP/1.0 200 OK\r\n\r\nold", (_) => _.end())
      const response = yield* get(server)
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "old")
    })
  )

  behaves(
    "HEAD has no body, whatever its head says",
    Effect.gen(function* () {
      const server = yield* answeringRaw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nx-head: yes\r\n\r\n")
      for (let i = 0; i < 2; i++) {
        const response = yield* HttpClient.head(server.url)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers["content-length"], "1000")
        assert.strictEqual(yield* response.text, "")
      }
    })
  )

  for (const status of [204, 304]) {
    behaves(
      `${status} has no body`,
      Effect.gen(function* () {
        const server = yield* answeringRaw(`HTTP/1.1 ${status} Reason\r\netag: "x"\r\n\r\n`)
        for (let i = 0; i < 2; i++) {
          const response = yield* get(server)
          assert.strictEqual(response.status, status)
          assert.strictEqual(yield* response.text, "")
          assert.isNull(yield* response.json)
        }
      })
    )
  }

  behaves(
    "interim responses are passed over",
    Effect.gen(function* () {
      const server = yield* answeringRaw(
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n" +
          "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfinal"
      )
      const response = yield* get(server)
      assert.strictEqual(response.status, 200)
      assert.isUndefined(response.headers["link"])
      assert.strictEqual(yield* response.text, "final")
    })
  )

  behaves(
    "100 Continue that nobody asked for is passed over, too",
    Effect.gen(function* () {
      const server = yield* answeringRaw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
      const response = yield* HttpClient.execute(
        HttpClientRequest.post(server.url).pipe(HttpClientRequest.bodyText("body"))
      )
      assert.strictEqual(yield* response.text, "ok")
    }),
    {
      undici: {
        because: "undici refuses a 100 it has not asked for",
        instead: Effect.gen(function* () {
          const server = yield* answeringRaw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
          const error = yield* Effect.flip(HttpClient.post(server.url))
          assert.strictEqual(error.reason, "Transport")
        })
      }
    }
  )

  behaves(
    "a response in many small pieces is one",
    Effect.gen(function* () {
      const raw = "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      const server = yield* serve((_, reply) => {
        const step = (at: number): void => {
          if (at >= raw.length) return
          reply.raw(raw.slice(at, at + 1))
          setImmediate(step, at + 1)
        }
        step(0)
      })
      const response = yield* get(server)
      assert.strictEqual(response.headers["x-a"], "b")
      assert.strictEqual(yield* response.text, "abc")
    })
  )
})
