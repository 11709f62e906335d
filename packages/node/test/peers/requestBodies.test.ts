import { Readable } from "node:stream"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, UrlParams } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { echo, type LoopbackServer, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const send = (server: LoopbackServer, body: HttpBody.HttpBody, headers: Record<string, string> = {}) =>
  HttpClient.execute(HttpClientRequest.post(server.url, { headers }).pipe(HttpClientRequest.setBody(body))).pipe(
    Effect.flatMap((response) => response.text)
  )

const bytes = (text: string) => new TextEncoder().encode(text)

/** Parses what was sent as a form, with a parser that is neither ours nor the peer's. */
const parseForm = (server: LoopbackServer): Promise<FormData> =>
  new Response(new Uint8Array(server.last.body), {
    headers: { "content-type": server.last.header("content-type")! }
  }).formData()

const aForm = () => {
  const form = new FormData()
  form.append("name", "value")
  form.append("name", "another \u00e9")
  form.append("file", new File([bytes("file contents")], 'a "b".txt', { type: "text/plain" }))
  form.append("blob", new Blob([new Uint8Array([0, 1, 2, 255])]))
  return form
}

overPeers("request bodies of known length", (behaves) => {
  behaves(
    "text goes out with its type and length",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.text("h\u00e9llo"))
      assert.strictEqual(server.last.text, "h\u00e9llo")
      assert.strictEqual(server.last.header("content-type"), "text/plain")
      assert.strictEqual(server.last.header("content-length"), "6")
      assert.isFalse(server.last.chunked)
    })
  )

  behaves(
    "json goes out with its type and length",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, yield* HttpBody.json({ a: [1, "\u2713"] }))
      assert.deepStrictEqual(JSON.parse(server.last.text), { a: [1, "\u2713"] })
      assert.strictEqual(server.last.header("content-type"), "application/json")
      assert.strictEqual(server.last.header("content-length"), String(server.last.body.length))
    })
  )

  behaves(
    "a schema's encoded value goes out as json",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const request = yield* HttpClientRequest.schemaBodyJson(Schema.Struct({ at: Schema.Date }))(
        HttpClientRequest.post(server.url),
        { at: new Date(0) }
      )
      yield* Effect.flatMap(HttpClient.execute(request), (_) => _.text)
      assert.strictEqual(server.last.text, '{"at":"1970-01-01T00:00:00.000Z"}')
    })
  )

  behaves(
    "urlParams go out as a form",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.urlParams(UrlParams.fromInput({ a: "1 2", b: ["x", "&"] })))
      assert.strictEqual(server.last.text, "a=1+2&b=x&b=%26")
      assert.strictEqual(server.last.header("content-type"), "application/x-www-form-urlencoded")
    })
  )

  behaves(
    "bytes go out as they are",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      yield* send(server, HttpBody.uint8Array(all))
      assert.deepStrictEqual([...server.last.body], [...all])
      assert.strictEqual(server.last.header("content-type"), "application/octet-stream")
      // A view into a larger buffer sends its part alone.
      yield* send(server, HttpBody.uint8Array(all.subarray(100, 103), "x/y"))
      assert.deepStrictEqual([...server.last.body], [100, 101, 102])
      assert.strictEqual(server.last.header("content-type"), "x/y")
      assert.strictEqual(server.last.header("content-length"), "3")
    })
  )

  behaves(
    "a body that is larger than any buffer of ours arrives whole",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const big = Uint8Array.from({ length: 300_001 }, (_, i) => i % 251)
      const response = yield* HttpClient.execute(
        HttpClientRequest.put(server.url).pipe(HttpClientRequest.bodyUint8Array(big))
      )
      yield* response.text
      assert.isTrue(server.last.body.equals(big))
    })
  )

  behaves(
    "DELETE and GET may carry a body",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      for (const method of ["DELETE", "OPTIONS"] as const) {
        const request = HttpClientRequest.make(method)(server.url)
        yield* Effect.flatMap(HttpClient.execute(HttpClientRequest.setBody(request, HttpBody.text("x"))), (_) => _.text)
        assert.strictEqual(server.last.text, "x", method)
      }
    })
  )
})

overPeers("forms", (behaves) => {
  behaves(
    "a form with texts, a file and a blob arrives as multipart/form-data",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.formData(aForm()))
      assert.match(server.last.header("content-type")!, /^multipart\/form-data; boundary=/)
      const form = yield* Effect.promise(() => parseForm(server))
      assert.deepStrictEqual(form.getAll("name"), ["value", "another \u00e9"])
      const file = form.get("file") as File
      assert.strictEqual(file.name, 'a "b".txt')
      assert.strictEqual(file.type, "text/plain")
      assert.strictEqual(yield* Effect.promise(() => file.text()), "file contents")
      const blob = form.get("blob") as File
      assert.deepStrictEqual([...new Uint8Array(yield* Effect.promise(() => blob.arrayBuffer()))], [0, 1, 2, 255])
    }),
    { undici: { because: "undici 7 cannot send a FormData of Node 20", unstable: true } }
  )

  behaves(
    "a form record arrives",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.formDataRecord({ a: "1", b: ["x", "y"], n: 2, no: undefined }))
      const form = yield* Effect.promise(() => parseForm(server))
      assert.strictEqual(form.get("a"), "1")
      assert.deepStrictEqual(form.getAll("b"), ["x", "y"])
      assert.strictEqual(form.get("n"), "2")
      assert.isFalse(form.has("no"))
    }),
    { undici: { because: "undici 7 cannot send a FormData of Node 20", unstable: true } }
  )
})

overPeers("raw bodies", (behaves, peer) => {
  const kinds: ReadonlyArray<readonly [kind: string, make: () => unknown, sent: string]> = [
    ["a string", () => "text \u00e9", "text \u00e9"],
    ["bytes", () => bytes("bytes"), "bytes"],
    ["a Buffer", () => Buffer.from("buffer"), "buffer"],
    ["a view of other elements", () => new Uint16Array([0x6161, 0x6262]), "aabb"],
    ["an ArrayBuffer", () => bytes("array buffer").buffer, "array buffer"],
    ["a Blob", () => new Blob(["blob", " ", bytes("parts")]), "blob parts"],
    ["URLSearchParams", () => new URLSearchParams({ a: "1 2" }), "a=1+2"],
    ["a Readable", () => Readable.from([Buffer.from("read"), Buffer.from("able")]), "readable"],
    ["a ReadableStream", () => new Blob(["web stream"]).stream(), "web stream"],
    [
      "an async iterable of bytes",
      () =>
        (async function* () {
          yield bytes("async ")
          yield bytes("iterable")
        })(),
      "async iterable"
    ],
    ["an iterable of bytes", () => [bytes("iter"), bytes("able")], "iterable"]
  ]
  const nodeTakesOnly = "node:http takes strings and bytes only"
  for (const [kind, make, sent] of kinds) {
    const simple = ["a string", "bytes", "a Buffer"].includes(kind)
    behaves(
      `${kind} arrives`,
      Effect.gen(function* () {
        const server = yield* serve(echo)
        yield* send(server, HttpBody.raw(make(), { contentType: "x/raw" }))
        assert.strictEqual(server.last.text, sent)
        assert.strictEqual(server.last.header("content-type"), "x/raw")
      }),
      {
        ...(simple
          ? {}
          : {
              node: {
                because: nodeTakesOnly,
                instead: Effect.gen(function* () {
                  const server = yield* serve(echo)
                  yield* Effect.exit(send(server, HttpBody.raw(make())))
                  assert.strictEqual(server.requests.length, 0)
                })
              } as const
            }),
        ...(kind === "URLSearchParams"
          ? { undici: { because: "undici refuses URLSearchParams", instead: refuses(make) } as const }
          : {})
      }
    )
  }

  behaves(
    "an announced length is sent",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.raw("12345", { contentLength: 5, contentType: "x/raw" }))
      assert.strictEqual(server.last.header("content-length"), "5")
      assert.strictEqual(server.last.text, "12345")
    })
  )

  if (peer.name === "hotaru") {
    for (const [kind, make, type] of [
      ["a FormData", aForm, /^multipart\/form-data; boundary=/],
      ["a Blob with a type", () => new Blob(["x"], { type: "text/css" }), /^text\/css$/]
    ] as const) {
      behaves(
        `${kind} brings its own type`,
        Effect.gen(function* () {
          const server = yield* serve(echo)
          yield* send(server, HttpBody.raw(make()))
          assert.match(server.last.header("content-type") ?? "", type)
        })
      )
    }
    behaves(
      "what is no body is refused before a connection is asked for",
      Effect.gen(function* () {
        const server = yield* serve(echo)
        for (const nonsense of [42, { a: 1 }, true, Symbol("x")]) {
          const error = yield* Effect.flip(send(server, HttpBody.raw(nonsense)))
          assert.instanceOf(error, HttpClientError.RequestError)
          assert.strictEqual(error.reason, "Encode")
        }
        assert.strictEqual(server.connections.length, 0)
        // An iterable shows only at its first element that it holds no bytes.
        const error = yield* Effect.flip(send(server, HttpBody.raw([1, 2])))
        assert.strictEqual(error.reason, "Encode")
        assert.strictEqual(server.requests.length, 0)
      })
    )
  }
})

function refuses(make: () => unknown) {
  return Effect.gen(function* () {
    const server = yield* serve(echo)
    const exit = yield* Effect.exit(send(server, HttpBody.raw(make())))
    assert.strictEqual(exit._tag, "Failure")
    assert.strictEqual(server.requests.length, 0)
  })
}

overPeers("streamed request bodies", (behaves) => {
  const pieces = ["one ", "two ", "", "three"].map(bytes)

  behaves(
    "without a length it goes out in chunks",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.stream(Stream.fromIterable(pieces), "x/stream"))
      assert.isTrue(server.last.chunked)
      assert.isUndefined(server.last.header("content-length"))
      assert.strictEqual(server.last.text, "one two three")
      assert.strictEqual(server.last.header("content-type"), "x/stream")
    })
  )

  behaves(
    "with a length it goes out with that length",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.stream(Stream.fromIterable(pieces), "x/stream", 13))
      assert.isFalse(server.last.chunked)
      assert.strictEqual(server.last.header("content-length"), "13")
      assert.strictEqual(server.last.text, "one two three")
    })
  )

  behaves(
    "an empty stream is an empty body",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* send(server, HttpBody.stream(Stream.empty))
      assert.strictEqual(server.last.text, "")
      assert.strictEqual(server.last.method, "POST")
    })
  )

  behaves(
    "a piece is sent when it is there, not when the next one comes",
    Effect.gen(function* () {
      let seen = ""
      const server = yield* serve(() => {}, {
        onHead: (request, reply) => {
          seen += request.text
          reply.connection.socket.prependListener("data", (bytes: Buffer) => {
            seen += bytes.toString()
          })
          return true
        }
      })
      yield* Effect.fork(send(server, HttpBody.stream(Stream.concat(Stream.make(bytes("first")), Stream.never), "x/y")))
      yield* server.until(() => seen.includes("first"))
    })
  )

  behaves(
    "a stream that fails midway fails the request, and the server never takes it for a whole one",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const body = Stream.concat(Stream.make(bytes("half")), Stream.fail("broken"))
      const error = yield* Effect.flip(send(server, HttpBody.stream(body)))
      assert.instanceOf(error, HttpClientError.RequestError)
      assert.strictEqual(error.reason, "Encode")
      yield* server.until(() => server.open === 0)
      assert.strictEqual(server.requests.length, 0)
    }),
    {
      undici: {
        because: "the platform's undici layer reports the failure as Transport",
        instead: Effect.gen(function* () {
          const server = yield* serve(echo)
          const body = Stream.concat(Stream.make(bytes("half")), Stream.fail("broken"))
          const error = yield* Effect.flip(send(server, HttpBody.stream(body)))
          assert.instanceOf(error, HttpClientError.RequestError)
          assert.strictEqual(error.reason, "Transport")
          yield* server.until(() => server.open === 0)
          assert.strictEqual(server.requests.length, 0)
        })
      },
      node: {
        because: "the platform's node layer leaves the half-sent request open",
        instead: Effect.gen(function* () {
          const server = yield* serve(echo)
          const body = Stream.concat(Stream.make(bytes("half")), Stream.fail("broken"))
          const error = yield* Effect.flip(send(server, HttpBody.stream(body)))
          assert.instanceOf(error, HttpClientError.RequestError)
          assert.strictEqual(error.reason, "Encode")
          assert.strictEqual(server.requests.length, 0)
        })
      }
    }
  )

  behaves(
    "a stream that dies fails the request with the defect or an error, never with success",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const body = Stream.concat(Stream.make(bytes("half")), Stream.die("bug"))
      const exit = yield* Effect.exit(send(server, HttpBody.stream(body)))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(server.requests.length, 0)
    })
  )

  for (const [what, announced] of [
    ["longer", 9],
    ["shorter", 20]
  ] as const) {
    behaves(
      `a stream ${what} than announced fails the request`,
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const error = yield* Effect.flip(send(server, HttpBody.stream(Stream.fromIterable(pieces), "x/y", announced)))
        assert.instanceOf(error, HttpClientError.RequestError)
        yield* server.until(() => server.open === 0)
      }),
      {
        node:
          what === "shorter"
            ? { because: "node:http sends what there is and waits for ever", unstable: true }
            : {
                because: "node:http sends more than it announced",
                instead: Effect.gen(function* () {
                  const server = yield* serve(echo)
                  yield* send(server, HttpBody.stream(Stream.fromIterable(pieces), "x/y", announced))
                  assert.strictEqual(server.last.text, "one two t")
                })
              }
      }
    )
  }

  behaves(
    "a file's contents arrive with their length",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const file = new File(["from a file"], "x.txt", { type: "text/plain" })
      yield* send(server, HttpBody.fileWeb(file))
      assert.strictEqual(server.last.text, "from a file")
      assert.strictEqual(server.last.header("content-length"), "11")
      assert.strictEqual(server.last.header("content-type"), "text/plain")
    })
  )

  behaves(
    "a stream's finalizer runs when the request is over",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      let released = 0
      const body = Stream.ensuring(
        Stream.fromChunk(Chunk.fromIterable(pieces)),
        Effect.sync(() => released++)
      )
      yield* send(server, HttpBody.stream(body))
      assert.strictEqual(released, 1)
    })
  )
})
