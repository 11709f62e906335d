/** What goes along to another origin, and what does not. */
import { Cookies, Headers, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Ref from "effect/Ref"
import { clientLayer } from "./support.js"

const redirect = (location: string, headers: Wire.Fields = {}, status = 302) =>
  Wire.response({ status, headers: { location, ...headers } })

type Client = HttpClient.HttpClient

/** Sends a request that is led along the locations, one after the other; answers what the servers saw. */
const led = (
  locations: ReadonlyArray<string | Uint8Array>,
  request: HttpClientRequest.HttpClientRequest,
  through: (client: Client) => Client = (client) => client
) => {
  const server: ScriptedServer.ScriptedServer = ScriptedServer.make(() => {
    const next = locations[server.requests.length - 1]
    return next === undefined ? Wire.ok() : typeof next === "string" ? redirect(next) : next
  })
  return Effect.gen(function* () {
    const client = PooledHttpClient.followRedirects(through(yield* HttpClient.HttpClient))
    const response = yield* client.execute(request)
    yield* response.text
    assert.strictEqual(response.status, 200)
    assert.strictEqual(server.requests.length, locations.length + 1)
    return server.requests
  }).pipe(Effect.provide(clientLayer(server)))
}

const secrets = {
  authorization: "Bearer a",
  cookie: "b=b",
  "proxy-authorization": "Basic c",
  "x-api-key": "d"
}
const start = HttpClientRequest.get("https://a.test/start").pipe(
  HttpClientRequest.setHeaders({ ...secrets, "x-open": "o" })
)

const names = (request: ScriptedServer.ServedRequest) =>
  request.headers.map(([name]) => name.toLowerCase()).filter((name) => name in secrets || name === "x-open")

describe("followRedirects, on the way to another origin,", () => {
  for (const [what, location] of [
    ["another host", "https://b.test/"],
    ["a host below", "https://www.a.test/"],
    ["a host that differs by its last dot", "https://a.test./"],
    ["another port", "https://a.test:8443/"],
    ["the same host without TLS", "http://a.test/"],
    ["the same host and port without TLS", "http://a.test:443/"],
    ["a location without a scheme", "//b.test/"],
    ["a location with user info", "https://a.test@b.test/"]
  ] as const) {
    it.effect(`leaves every secret behind: ${what}`, () =>
      Effect.gen(function* () {
        const requests = yield* led([location], start)
        assert.deepStrictEqual(names(requests[1]!), ["x-open"])
      })
    )
  }

  for (const [what, location] of [
    ["a path", "/next"],
    ["the default port, written out", "https://a.test:443/next"],
    ["another case", "HTTPS://A.TEST/next"],
    ["user info of the peer's", "https://x:y@a.test/next"]
  ] as const) {
    it.effect(`takes all along where it is the same one: ${what}`, () =>
      Effect.gen(function* () {
        const requests = yield* led([location], start)
        assert.sameMembers(names(requests[1]!), [...Object.keys(secrets), "x-open"])
        assert.strictEqual(requests[1]!.header("authorization"), "Bearer a")
      })
    )
  }

  it.effect("leaves behind what was TLS's when a server without it sends it on, and back", () =>
    Effect.gen(function* () {
      const plain = HttpClientRequest.setUrl(start, "http://a.test/start")
      const requests = yield* led(["https://a.test/", "http://a.test/"], plain)
      assert.deepStrictEqual(requests.slice(1).map(names), [["x-open"], ["x-open"]])
    })
  )

  it.effect("does not fetch on the way back what it left behind, user info neither", () =>
    Effect.gen(function* () {
      const requests = yield* led(["https://b.test/", "https://a.test/", "/again", "https://a.test/and/again"], start)
      assert.deepStrictEqual(requests.slice(1).map(names), Array(4).fill(["x-open"]))
      const named = yield* led(
        ["https://b.test/", "https://a.test/", "https://ada:hunter2@a.test/3"],
        HttpClientRequest.get("https://ada:hunter2@a.test/")
      )
      assert.deepStrictEqual(
        named.map((request) => request.header("authorization")),
        ["Basic YWRhOmh1bnRlcjI=", undefined, undefined, undefined]
      )
    })
  )

  it.effect("leaves what the program calls secret, in whatever case it says so", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("http://a.test/").pipe(
        HttpClientRequest.setHeaders({
          ...secrets,
          "X-Tenant": "t",
          "x-internal-a": "i",
          "x-internal-b": "i",
          "x-token-1": "t",
          "x-token-2": "t",
          "x-token-3": "t",
          "x-open": "o"
        })
      )
      const requests = yield* led(["http://a.test/", "http://b.test/"], request).pipe(
        Effect.locally(Headers.currentRedactedNames, ["x-TENANT", /^X-Internal-/, /token/g])
      )
      const mine = (request: ScriptedServer.ServedRequest) =>
        request.headers.map(([name]) => name).filter((name) => /^x-|authorization|cookie/.test(name))
      assert.sameMembers(mine(requests[1]!), Object.keys(request.headers))
      // A list of the program's own, in place of the platform's, takes nothing off the platform's.
      assert.deepStrictEqual(mine(requests[2]!), ["x-open"])
    })
  )

  it.effect("leaves what is about the origin, and of a request that lost its body what was about the body", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.post("http://a.test/").pipe(
        HttpClientRequest.bodyText("body", "text/x"),
        HttpClientRequest.setHeaders({
          host: "virtual.test",
          referer: "http://a.test/?token=secret",
          origin: "http://a.test",
          "content-language": "en",
          "content-digest": "sha-256=:d:",
          "content-encoding": "gzip",
          "if-none-match": '"e"',
          accept: "text/plain"
        })
      )
      const seen = (request: ScriptedServer.ServedRequest) => [
        request.method,
        request.text,
        request.headers.map(([name, value]) => (name === "Host" ? `host ${value}` : name)).sort()
      ]
      const ours = yield* led([redirect("http://b.test/", {}, 303)], request)
      assert.deepStrictEqual(seen(ours[1]!), [
        "GET",
        "",
        ["accept", "b3", "host b.test", "if-none-match", "traceparent"]
      ])
      const kept = yield* led([redirect("/b", {}, 308)], request)
      assert.strictEqual(kept[1]!.text, "body")
      assert.includeMembers(
        kept[1]!.headers.map(([name]) => name),
        ["content-type", "content-language", "content-digest", "referer", "origin"]
      )
      assert.strictEqual(kept[1]!.header("host"), "virtual.test")
    })
  )

  it.effect("does not give it the token and the base URL that the client gives each request", () =>
    Effect.gen(function* () {
      const requests = yield* led(["/b", "http://b.test/c", "http://a.test/d"], HttpClientRequest.get("/a"), (client) =>
        client.pipe(
          HttpClient.mapRequest(HttpClientRequest.prependUrl("http://a.test")),
          HttpClient.mapRequest(HttpClientRequest.bearerToken("t"))
        )
      )
      assert.deepStrictEqual(
        requests.map((request) => [request.key.host, request.target, request.header("authorization")]),
        [
          ["a.test", "/a", "Bearer t"],
          ["a.test", "/b", "Bearer t"],
          ["b.test", "/c", undefined],
          ["a.test", "/d", undefined]
        ]
      )
    })
  )

  it.effect("does not give it the cookies of a ref, which go to the origin that set them as soon as they are set", () =>
    Effect.gen(function* () {
      const ref = yield* Ref.make(Cookies.empty)
      const requests = yield* led(
        [redirect("/b", { "set-cookie": "s=1" }), redirect("http://b.test/c"), redirect("/d", { "set-cookie": "t=2" })],
        HttpClientRequest.get("http://a.test/a"),
        HttpClient.withCookiesRef(ref)
      )
      assert.deepStrictEqual(
        requests.map((request) => request.header("cookie")),
        [undefined, "s=1", undefined, undefined]
      )
      assert.strictEqual(Cookies.toCookieHeader(yield* Ref.get(ref)), "s=1; t=2")
    })
  )

  it.effect("takes pages that differ in their query for pages, and not for a loop", () =>
    Effect.gen(function* () {
      const requests = yield* led(["/p?n=1", "/p?n=2", "/p?n=3"], HttpClientRequest.get("http://a.test/"))
      assert.strictEqual(requests[3]!.target, "/p?n=3")
    })
  )

  const origins = ["http://a.test", "https://a.test", "http://a.test:8080", "http://b.test", "https://b.test"]
  it.effect.prop(
    "shows no secret to any but the first origin, wherever a chain of redirects leads",
    [
      fc.array(fc.tuple(fc.constantFrom(...origins), fc.constantFrom(301, 302, 303, 307, 308)), {
        minLength: 1,
        maxLength: 6
      }),
      fc.uniqueArray(fc.constantFrom(...Object.keys(secrets), "x-mine", "x-also-mine-1", "x-also-mine-2"), {
        minLength: 1
      }),
      fc.boolean()
    ],
    ([hops, hidden, userInfo]) =>
      Effect.gen(function* () {
        const secret = "hunter2"
        const url = userInfo ? `http://ada:${secret}@a.test/` : "http://a.test/"
        const request = HttpClientRequest.post(url).pipe(
          HttpClientRequest.setHeaders(Object.fromEntries(hidden.map((name) => [name, secret]))),
          HttpClientRequest.bodyText("body")
        )
        const requests = yield* led(
          hops.map(([origin, status], i) => redirect(`${origin}/${i}`, {}, status)),
          request
        ).pipe(Effect.locally(Headers.currentRedactedNames, ["X-Mine", /^X-Also/gy]))
        let atHome = true
        hops.forEach(([origin], i) => {
          atHome = atHome && origin === "http://a.test"
          const text = requests[i + 1]!.headers.map((field) => field.join(": ")).join("\n")
          const told = text.includes(secret) || text.includes(btoa(`ada:${secret}`))
          assert.strictEqual(told, atHome, text)
        })
      }),
    { fastCheck: { numRuns: 60 } }
  )
})
