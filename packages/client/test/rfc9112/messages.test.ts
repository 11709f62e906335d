import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { clientLayer, get } from "../support.js"

describe("RFC 9112 section 3.2.1, MUST: the target is path and query of the URL, and / where the path is empty", () => {
  for (const [url, target] of [
    ["http://a.test", "/"],
    ["http://a.test/", "/"],
    ["http://a.test?b=c", "/?b=c"],
    ["http://a.test#d", "/"],
    ["http://a.test/a?b=c#d", "/a?b=c"],
    ["http://a.test/../a/./b", "/a/b"],
    ["http://a.test//b.test/c", "//b.test/c"],
    ["http://a.test/\u00fc b", "/%C3%BC%20b"],
    ["http://user@a.test/a", "/a"]
  ] as const) {
    it.effect(`${target} for ${url}`, () => {
      const server = ScriptedServer.always(Wire.ok())
      return Effect.gen(function* () {
        yield* Effect.flatMap(HttpClient.execute(HttpClientRequest.get(url)), (response) => response.text)
        assert.strictEqual(server.requests[0]!.target, target)
      }).pipe(Effect.provide(clientLayer(server)))
    })
  }
})

/** Asks twice; answers how each call ended, and how many connections it took. */
const twice = (first: ScriptedServer.Reply, method: "GET" | "HEAD" = "GET") => {
  let asked = 0
  const server = ScriptedServer.make(() => (asked++ === 0 ? first : Wire.ok("second")))
  return Effect.gen(function* () {
    const call = (request: HttpClientRequest.HttpClientRequest) =>
      Effect.match(
        Effect.flatMap(HttpClient.execute(request), (response) => response.text),
        {
          onFailure: (error) => (error.cause as { readonly _tag?: string } | undefined)?._tag ?? error._tag,
          onSuccess: (text) => text
        }
      )
    const outcomes = [yield* call(HttpClientRequest.make(method)("http://a.test/")), yield* call(get())]
    const { sockets } = yield* FakeNetwork.FakeNetwork
    return { outcomes, connections: sockets.length, firstIsClosed: sockets[0]!.destroyed !== undefined }
  }).pipe(Effect.provide(clientLayer(server)))
}

describe("RFC 9112 section 6.3, MUST: an answer whose end cannot be known is discarded, and its connection closed", () => {
  for (const [what, bytes] of [
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"],
    ["a length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a coding that nobody knows", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nok"],
    ["chunks that cannot be decoded", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nok\r\n0\r\n\r\n"]
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { connections, firstIsClosed, outcomes } = yield* twice(bytes)
        assert.deepStrictEqual(outcomes, ["MalformedResponse", "second"])
        assert.strictEqual(connections, 2)
        assert.isTrue(firstIsClosed)
      })
    )
  }
})

describe("RFC 9112 section 6.1, MUST: an answer that is framed faultily is processed where that can be done in one way only, and its connection closed", () => {
  for (const [what, bytes] of [
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
    [
      "chunks in HTTP/1.0 with keep-alive",
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ],
    ["padded sizes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2   \r\nok\r\n0   \r\n\r\n"],
    ["blanks around an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 ; a = b\r\nok\r\n0\r\n\r\n"],
    ["one length on two lines", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"],
    ["a list of one length", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"]
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { connections, firstIsClosed, outcomes } = yield* twice(bytes)
        assert.deepStrictEqual(outcomes, ["ok", "second"])
        assert.strictEqual(connections, 2)
        assert.isTrue(firstIsClosed)
      })
    )
  }
})

describe("RFC 9112 section 6.3, MUST NOT: bytes behind an answer are taken for the next one", () => {
  const forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

  for (const [what, bytes, method, text] of [
    ["behind a body with a length", `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${forged}`, "GET", "ok"],
    [
      "behind chunks",
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${forged}`,
      "GET",
      "ok"
    ],
    ["for the body of HEAD", `HTTP/1.1 200 OK\r\nContent-Length: ${forged.length}\r\n\r\n${forged}`, "HEAD", ""],
    ["for the body of 204", `HTTP/1.1 204 No Content\r\n\r\n${forged}`, "GET", ""],
    ["for the body of 304", `HTTP/1.1 304 Not Modified\r\nContent-Length: ${forged.length}\r\n\r\n${forged}`, "GET", ""]
  ] as const) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const { connections, outcomes } = yield* twice(bytes, method)
        assert.deepStrictEqual(outcomes, [text, "second"])
        assert.strictEqual(connections, 2)
      })
    )
  }
})

describe("RFC 9112 section 9.6, MUST: no request follows an answer with close", () => {
  for (const [what, bytes] of [
    ["close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
    ["close among others, in upper case", "HTTP/1.1 200 OK\r\nConnection: a, CLOSE\r\nContent-Length: 2\r\n\r\nok"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"]
  ] as const) {
    it.effect(`${what}, though the server leaves the connection open`, () =>
      Effect.gen(function* () {
        const { connections, firstIsClosed, outcomes } = yield* twice(bytes)
        assert.deepStrictEqual(outcomes, ["ok", "second"])
        assert.strictEqual(connections, 2)
        assert.isTrue(firstIsClosed)
      })
    )
  }
})
