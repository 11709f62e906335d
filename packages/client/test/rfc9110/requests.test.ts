import { HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { clientLayer, get } from "../support.js"

/** Sends a request, follows where it is sent, and answers what the server read and where it ended. */
const sent = (request: HttpClientRequest.HttpClientRequest, handler: ScriptedServer.Handler = () => Wire.ok()) => {
  const server = ScriptedServer.make(handler)
  return Effect.gen(function* () {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
    const response = yield* client.execute(request)
    yield* response.text
    return { request: server.requests[0]!, requests: server.requests, response }
  }).pipe(Effect.provide(clientLayer(server)))
}

const expecting = (method: "GET" | "POST", body: HttpBody.HttpBody) =>
  HttpClientRequest.make(method)("http://a.test/").pipe(
    HttpClientRequest.setBody(body),
    HttpClientRequest.setHeader("expect", "100-continue")
  )

describe("RFC 9110 section 10.1.1, MUST NOT: 100-continue is expected without content", () => {
  for (const [what, request] of [
    ["no body", expecting("GET", HttpBody.empty)],
    ["an empty body", expecting("POST", HttpBody.text(""))],
    ["an empty body of bytes", expecting("POST", HttpBody.uint8Array(new Uint8Array(0)))]
  ] as const) {
    it.effect(`${what}: the field is left out`, () =>
      Effect.gen(function* () {
        assert.isUndefined((yield* sent(request)).request.header("expect"))
      })
    )
  }
})

describe("RFC 9110 section 10.2.2, MUST: a redirect inherits the fragment of the reference it came from", () => {
  for (const [from, location, to] of [
    ["http://a.test/a#here", "/b", "http://a.test/b#here"],
    ["http://a.test/a#here", "/b#there", "http://a.test/b#there"],
    ["http://a.test/a", "/b#there", "http://a.test/b#there"],
    ["http://a.test/a#here", "http://b.test/b", "http://b.test/b#here"]
  ] as const) {
    it.effect(`${from}, sent to ${location}, is ${to}; no fragment is sent`, () =>
      Effect.gen(function* () {
        const { requests, response } = yield* sent(HttpClientRequest.get(from), (request) =>
          request.target === "/a" ? Wire.response({ status: 302, headers: { location } }) : Wire.ok()
        )
        const { hash, url } = response.request
        assert.strictEqual(`${url}${hash._tag === "Some" ? `#${hash.value}` : ""}`, to)
        for (const { target } of requests) assert.notInclude(target, "#")
      })
    )
  }
})

describe("RFC 9110 section 15.4.9, MUST NOT: 308 changes the method", () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
    it.effect(method, () =>
      Effect.gen(function* () {
        const { requests } = yield* sent(HttpClientRequest.make(method)("http://a.test/a"), (request) =>
          request.target === "/a" ? Wire.response({ status: 308, headers: { location: "/b" } }) : Wire.ok()
        )
        assert.deepStrictEqual(
          requests.map((request) => `${request.method} ${request.target}`),
          [`${method} /a`, `${method} /b`]
        )
      })
    )
  }
})

describe("RFC 9110 section 9.3.8, MUST NOT: TRACE has content", () => {
  const trace = HttpClientRequest.make("TRACE" as "GET")("http://a.test/")

  it.effect("without content it is sent, without a length", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(trace)
      assert.strictEqual(request.method, "TRACE")
      assert.isUndefined(request.header("content-length"))
    })
  )

  it.effect("with content it is refused before a connection is asked for", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sent(HttpClientRequest.setBody(trace, HttpBody.text("content"))))
      assert.strictEqual(error.reason as string, "Encode")
    })
  )
})

describe("RFC 9110 section 9.3.7, MUST: OPTIONS with content says of what type it is", () => {
  const options = (body: HttpBody.HttpBody) =>
    HttpClientRequest.setBody(HttpClientRequest.options("http://a.test/"), body)

  it.effect("a body with a type", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(options(HttpBody.unsafeJson({ a: 1 })))
      assert.strictEqual(request.header("content-type"), "application/json")
    })
  )

  it.effect("bytes, which are application/octet-stream where the caller does not say", () =>
    Effect.gen(function* () {
      const { request } = yield* sent(options(HttpBody.uint8Array(new Uint8Array(2))))
      assert.strictEqual(request.header("content-type"), "application/octet-stream")
    })
  )
})

describe("RFC 9110 section 4.2.4, MUST NOT: user info appears in a target or a field of its own", () => {
  it.effect("neither in the target, in Host nor in what is said of the response", () =>
    Effect.gen(function* () {
      const { request, response } = yield* sent(HttpClientRequest.get("http://ada:lovelace@a.test/a"))
      assert.strictEqual(request.target, "/a")
      assert.strictEqual(request.header("host"), "a.test")
      assert.notInclude(response.request.url, "ada")
    })
  )
})

describe("RFC 9110 section 8.6, SHOULD: content has a length where it is known", () => {
  for (const [what, body, length] of [
    ["text, in bytes and not in characters", HttpBody.text("grüße"), "7"],
    ["JSON", HttpBody.unsafeJson({ a: "é" }), "10"],
    ["bytes", HttpBody.uint8Array(new Uint8Array(3)), "3"]
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const request = HttpClientRequest.post("http://a.test/").pipe(HttpClientRequest.setBody(body))
        const read = (yield* sent(request)).request
        assert.strictEqual(read.header("content-length"), length)
        assert.strictEqual(String(read.body.length), length)
        assert.isUndefined(read.header("transfer-encoding"))
      })
    )
  }
})

describe("RFC 9110 section 7.2, MUST: every request has one Host", () => {
  for (const [url, host] of [
    ["http://a.test/", "a.test"],
    ["http://a.test:8080/", "a.test:8080"],
    ["http://a.test:80/", "a.test"],
    ["http://[2001:db8::1]:81/", "[2001:db8::1]:81"],
    ["http://B\u00dcCHER.test/", "xn--bcher-kva.test"],
    ["http://a.test./", "a.test."]
  ] as const) {
    it.effect(`${host} for ${url}`, () =>
      Effect.gen(function* () {
        const { request } = yield* sent(HttpClientRequest.get(url))
        assert.deepStrictEqual(
          request.headers.filter(([name]) => name.toLowerCase() === "host").map(([, value]) => value),
          [host]
        )
      })
    )
  }

  it.effect("of where a redirect leads, not of where it came from", () =>
    Effect.gen(function* () {
      const { requests } = yield* sent(
        get("/a").pipe(HttpClientRequest.setHeader("host", "virtual.test")),
        (request) =>
          request.target === "/a" ? Wire.response({ status: 302, headers: { location: "http://b.test/b" } }) : Wire.ok()
      )
      assert.deepStrictEqual(
        requests.map((request) => request.header("host")),
        ["virtual.test", "b.test"]
      )
    })
  )
})
