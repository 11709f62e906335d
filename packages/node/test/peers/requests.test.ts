import { Headers, HttpBody, HttpClient, HttpClientRequest, HttpClientResponse, UrlParams } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { echo, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const run = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

overPeers("the request line and the head", (behaves) => {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const) {
    behaves(
      `${method} goes out as ${method}`,
      Effect.gen(function* () {
        const server = yield* serve(echo)
        yield* run(HttpClientRequest.make(method)(`${server.url}/path`))
        assert.strictEqual(server.last.method, method)
        assert.strictEqual(server.last.target, "/path")
        assert.strictEqual(server.last.version, "HTTP/1.1")
      })
    )
  }

  behaves(
    "every short-hand of the client sends its method",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const client = yield* HttpClient.HttpClient
      yield* Effect.flatMap(client.get(server.url), (_) => _.text)
      yield* Effect.flatMap(client.head(server.url), (_) => _.text)
      yield* Effect.flatMap(client.post(server.url, { body: HttpBody.text("a") }), (_) => _.text)
      yield* Effect.flatMap(client.put(server.url, { body: HttpBody.text("b") }), (_) => _.text)
      yield* Effect.flatMap(client.patch(server.url, { body: HttpBody.text("c") }), (_) => _.text)
      yield* Effect.flatMap(client.del(server.url), (_) => _.text)
      yield* Effect.flatMap(client.options(server.url), (_) => _.text)
      assert.deepStrictEqual(
        server.requests.map((_) => [_.method, _.text]),
        [
          ["GET", ""],
          ["HEAD", ""],
          ["POST", "a"],
          ["PUT", "b"],
          ["PATCH", "c"],
          ["DELETE", ""],
          ["OPTIONS", ""]
        ]
      )
    })
  )

  behaves(
    "the accessors of the module and of the service are the same",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* Effect.flatMap(HttpClient.get(`${server.url}/a`, { headers: { "x-a": "1" } }), (_) => _.text)
      yield* Effect.flatMap(HttpClient.post(`${server.url}/b`), (_) => _.text)
      assert.deepStrictEqual(
        server.requests.map((_) => `${_.method} ${_.target}`),
        ["GET /a", "POST /b"]
      )
      assert.strictEqual(server.requests[0]!.header("x-a"), "1")
    })
  )

  for (const method of ["POST", "PUT", "PATCH"] as const) {
    behaves(
      `an empty ${method} says content-length: 0`,
      Effect.gen(function* () {
        const server = yield* serve(echo)
        yield* run(HttpClientRequest.make(method)(server.url))
        assert.strictEqual(server.last.header("content-length"), "0")
        assert.isUndefined(server.last.header("transfer-encoding"))
      })
    )
    behaves(
      `a ${method} with zero bytes says content-length: 0`,
      Effect.gen(function* () {
        const server = yield* serve(echo)
        yield* run(HttpClientRequest.make(method)(server.url).pipe(HttpClientRequest.bodyUint8Array(new Uint8Array(0))))
        assert.strictEqual(server.last.header("content-length"), "0")
        assert.isUndefined(server.last.header("transfer-encoding"))
      })
    )
  }

  behaves(
    "GET, HEAD and DELETE without a body announce none",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      for (const method of ["GET", "HEAD", "DELETE"] as const) {
        yield* run(HttpClientRequest.make(method)(server.url))
        assert.isUndefined(server.last.header("content-length"), method)
        assert.isUndefined(server.last.header("transfer-encoding"), method)
      }
    })
  )

  behaves(
    "host names the authority of the URL, once and first",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(server.url))
      const hosts = server.last.headers.filter(([name]) => name.toLowerCase() === "host")
      assert.deepStrictEqual(
        hosts.map(([, value]) => value),
        [`127.0.0.1:${server.port}`]
      )
      assert.strictEqual(server.last.headers[0]![0].toLowerCase(), "host")
    }),
    {
      node: {
        because: "node:http sends host after the caller's own fields",
        instead: Effect.gen(function* () {
          const server = yield* serve(echo)
          yield* run(HttpClientRequest.get(server.url))
          const hosts = server.last.headers.filter(([name]) => name.toLowerCase() === "host")
          assert.deepStrictEqual(
            hosts.map(([, value]) => value),
            [`127.0.0.1:${server.port}`]
          )
        })
      }
    }
  )

  behaves(
    "a host of the caller's own replaces it",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(server.url, { headers: { host: "virtual.test" } }))
      const hosts = server.last.headers.filter(([name]) => name.toLowerCase() === "host")
      assert.deepStrictEqual(
        hosts.map(([, value]) => value),
        ["virtual.test"]
      )
    })
  )

  behaves(
    "headers arrive with their values as given, in lower case",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(
        HttpClientRequest.get(server.url).pipe(
          HttpClientRequest.setHeaders({ "X-One": "1", "x-two": "a, b", "X-LATIN": "caf\u00e9", "x-empty": "" }),
          HttpClientRequest.setHeader("X-One", "uno"),
          HttpClientRequest.accept("text/plain")
        )
      )
      const seen = new Map(server.last.headers)
      assert.strictEqual(seen.get("x-one"), "uno")
      assert.strictEqual(seen.get("x-two"), "a, b")
      assert.strictEqual(seen.get("x-latin"), "caf\u00e9")
      assert.strictEqual(seen.get("x-empty"), "")
      assert.strictEqual(seen.get("accept"), "text/plain")
    })
  )

  behaves(
    "nothing is said about encodings, and nothing is decoded",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ headers: { "content-encoding": "gzip" }, body: "raw" }))
      const response = yield* HttpClient.get(server.url)
      const bytes = yield* response.arrayBuffer
      assert.isUndefined(server.last.header("accept-encoding"))
      assert.strictEqual(Buffer.from(bytes).toString(), "raw")
    })
  )

  behaves(
    "basic and bearer authorization arrive",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(server.url).pipe(HttpClientRequest.basicAuth("user", "pass")))
      assert.strictEqual(server.last.header("authorization"), "Basic dXNlcjpwYXNz")
      yield* run(HttpClientRequest.get(server.url).pipe(HttpClientRequest.bearerToken("token")))
      assert.strictEqual(server.last.header("authorization"), "Bearer token")
    })
  )
})

overPeers("the target", (behaves) => {
  behaves(
    "query parameters of the URL and of the request are joined",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(
        HttpClientRequest.get(`${server.url}/find?a=1`, { urlParams: { b: "two words", c: ["x", "y"] } }).pipe(
          HttpClientRequest.appendUrlParam("d", "\u00e9&=")
        )
      )
      assert.strictEqual(server.last.target, "/find?a=1&b=two+words&c=x&c=y&d=%C3%A9%26%3D")
    })
  )

  behaves(
    "setUrlParams replaces what was set before",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(
        HttpClientRequest.get(server.url, {
          urlParams: UrlParams.fromInput([
            ["a", "1"],
            ["a", "2"]
          ])
        }).pipe(HttpClientRequest.setUrlParams({ a: "3" }))
      )
      assert.strictEqual(server.last.target, "/?a=3")
    })
  )

  behaves(
    "a path is escaped where it must be and left alone where it is escaped",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(`${server.url}/a b/%2F/\u00fc`))
      assert.strictEqual(server.last.target, "/a%20b/%2F/%C3%BC")
    })
  )

  behaves(
    "an URL without a path asks for /",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(server.url))
      assert.strictEqual(server.last.target, "/")
    })
  )

  behaves(
    "the fragment stays at home",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(`${server.url}/page?q=1#part`))
      assert.strictEqual(server.last.target, "/page?q=1")
      yield* run(HttpClientRequest.get(`${server.url}/page`).pipe(HttpClientRequest.setHash("other")))
      assert.strictEqual(server.last.target, "/page")
    }),
    {
      undici: {
        because: "the platform's undici layer sends the fragment",
        instead: Effect.gen(function* () {
          const server = yield* serve(echo)
          yield* run(HttpClientRequest.get(`${server.url}/page?q=1#part`))
          assert.strictEqual(server.last.target, "/page?q=1#part")
        })
      }
    }
  )

  behaves(
    "an URL object will do",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(new URL("/object?x=1", server.url)))
      assert.strictEqual(server.last.target, "/object?x=1")
    })
  )

  behaves(
    "user and password of the URL become basic authorization",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      yield* run(HttpClientRequest.get(`http://user:p%40ss@127.0.0.1:${server.port}/`))
      assert.strictEqual(server.last.header("authorization"), `Basic ${btoa("user:p@ss")}`)
      assert.strictEqual(server.last.header("host"), `127.0.0.1:${server.port}`)
    }),
    {
      undici: {
        because: "the platform's undici layer drops user info",
        instead: Effect.gen(function* () {
          const server = yield* serve(echo)
          yield* run(HttpClientRequest.get(`http://user:p%40ss@127.0.0.1:${server.port}/`))
          assert.isUndefined(server.last.header("authorization"))
        })
      }
    }
  )

  behaves(
    "mapRequest with prependUrl makes a client of one server",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.mapRequest(HttpClientRequest.prependUrl(`${server.url}/api`)),
        HttpClient.mapRequest(HttpClientRequest.setHeader("x-client", "mapped")),
        HttpClient.mapRequestEffect((request) =>
          Effect.succeed(HttpClientRequest.appendUrlParam(request, "effect", "1"))
        )
      )
      yield* Effect.flatMap(client.get("/items"), (_) => _.text)
      assert.strictEqual(server.last.target, "/api/items?effect=1")
      assert.strictEqual(server.last.header("x-client"), "mapped")
    })
  )

  behaves(
    "the response knows the request it answers",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const request = HttpClientRequest.get(`${server.url}/me`)
      const response = yield* HttpClient.execute(request)
      assert.strictEqual(response.request.url, request.url)
      assert.strictEqual(response.request.method, "GET")
      const Echo = Schema.Struct({ target: Schema.String })
      assert.strictEqual((yield* HttpClientResponse.schemaBodyJson(Echo)(response)).target, "/me")
      assert.isTrue(Headers.has(response.headers, "content-type"))
    })
  )
})
