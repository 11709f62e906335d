import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import { clientLayer, get, post } from "./support.js"

const redirect = (status: number, location: string) => Wire.response({ status, headers: { location }, body: "moved" })

/** Follows redirects of the server; answers the last response's status and what the server saw. */
const followed = (handler: ScriptedServer.Handler, request: HttpClientRequest.HttpClientRequest) => {
  const server = ScriptedServer.make(handler)
  return Effect.gen(function* () {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
    const response = yield* client.execute(request)
    yield* response.text
    const seen = server.requests.map((request) => `${request.method} ${request.key.host}${request.target}`)
    return { response, seen, requests: server.requests, sockets: (yield* FakeNetwork.FakeNetwork).sockets }
  }).pipe(Effect.provide(clientLayer(server)))
}

describe("followRedirects", () => {
  it.effect("follows relative and absolute locations, on the same connection where it can", () =>
    Effect.gen(function* () {
      const { seen, sockets } = yield* followed(
        (request) =>
          request.target === "/a?x=1"
            ? redirect(302, "b")
            : request.target === "/b"
              ? redirect(307, "http://b.test/c")
              : Wire.ok("c"),
        get("/a?x=1")
      )
      assert.deepStrictEqual(seen, ["GET a.test/a?x=1", "GET a.test/b", "GET b.test/c"])
      assert.strictEqual(sockets.length, 2)
    })
  )

  for (const [status, method, then, body] of [
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [302, "PUT", "PUT", "body"],
    [307, "POST", "POST", "body"],
    [308, "POST", "POST", "body"],
    [303, "HEAD", "HEAD", ""]
  ] as const) {
    it.effect(`makes a ${then} of a ${method} that met ${status}`, () =>
      Effect.gen(function* () {
        const request = HttpClientRequest.make(method as "POST")("http://a.test/").pipe((self) =>
          method === "HEAD" ? self : HttpClientRequest.bodyText(self, "body")
        )
        const { requests } = yield* followed(
          (request) =>
            request.target === "/"
              ? Wire.response({
                  status,
                  headers: { location: "/next" },
                  framing: request.method === "HEAD" ? "none" : "length"
                })
              : Wire.response({ framing: request.method === "HEAD" ? "none" : "length" }),
          request
        )
        assert.strictEqual(requests[1]!.method, then)
        assert.strictEqual(requests[1]!.text, body)
        if (body === "") assert.isUndefined(requests[1]!.header("content-type"))
      })
    )
  }

  it.effect("leaves credentials behind when the origin changes, and keeps them when it does not", () =>
    Effect.gen(function* () {
      const request = get("/a").pipe(
        HttpClientRequest.setHeaders({ authorization: "Bearer s", cookie: "a=b", "x-open": "o" })
      )
      const { requests } = yield* followed(
        (request) =>
          request.target === "/a"
            ? redirect(302, "/b")
            : request.target === "/b"
              ? redirect(302, "http://evil.test/c")
              : Wire.ok(),
        request
      )
      assert.strictEqual(requests[1]!.header("authorization"), "Bearer s")
      assert.strictEqual(requests[1]!.header("cookie"), "a=b")
      assert.isUndefined(requests[2]!.header("authorization"))
      assert.isUndefined(requests[2]!.header("cookie"))
      assert.strictEqual(requests[2]!.header("x-open"), "o")
    })
  )

  it.effect("takes no credentials out of a location", () =>
    Effect.gen(function* () {
      const { requests } = yield* followed(
        (request) => (request.target === "/a" ? redirect(302, "http://x:y@a.test/b") : Wire.ok()),
        get("/a")
      )
      assert.isUndefined(requests[1]!.header("authorization"))
    })
  )

  it.effect("hands out the answer as it is where there is nowhere to go", () =>
    Effect.gen(function* () {
      for (const location of ["http://[", "", "file:///etc/passwd", "blob:http://a.test/b"]) {
        const nowhere = yield* followed(
          (request) => (request.target === "/a" ? redirect(302, location) : Wire.ok()),
          get("/a")
        )
        assert.deepStrictEqual(nowhere.seen, ["GET a.test/a"])
        assert.strictEqual(nowhere.response.status, 302)
      }
    })
  )

  it.effect("keeps the user info of the caller's URL, for its origin only", () =>
    Effect.gen(function* () {
      const { requests } = yield* followed(
        (request) =>
          request.target === "/a"
            ? redirect(302, "/b")
            : request.target === "/b"
              ? redirect(302, "http://b.test/c")
              : Wire.ok(),
        HttpClientRequest.get("http://ada:secret@a.test/a")
      )
      assert.deepStrictEqual(
        requests.map((request) => request.header("authorization")),
        ["Basic YWRhOnNlY3JldA==", "Basic YWRhOnNlY3JldA==", undefined]
      )
    })
  )

  it.effect("gives no body back when it drops one, and asks only once for a plain answer", () =>
    Effect.gen(function* () {
      const { seen } = yield* followed(() => Wire.ok(), post("/a"))
      assert.deepStrictEqual(seen, ["POST a.test/a"])
    })
  )
})
