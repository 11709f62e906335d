/** `Location` is asked for as it is written. */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Option from "effect/Option"
import { clientLayer, get } from "./support.js"

/** The answer to a request from where these lines of `Location` send on, and what the servers saw. */
const sentTo = (locations: ReadonlyArray<string>, request: HttpClientRequest.HttpClientRequest = get("/a/b?c=1")) => {
  const lines = locations.map((location) => `Location: ${location}\r\n`).join("")
  const server = ScriptedServer.make(({ connection, exchange }) =>
    connection === 1 && exchange === 1
      ? Wire.latin1(`HTTP/1.1 307 Moved\r\n${lines}Content-Length: 0\r\n\r\n`)
      : Wire.ok()
  )
  return Effect.gen(function* () {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
    const response = yield* client.execute(request)
    yield* response.text
    const seen = server.requests.slice(1).map((request) => `${request.key.host}${request.target}`)
    return { response, seen }
  }).pipe(Effect.provide(clientLayer(server)))
}

describe("a Location", () => {
  for (const [location, target] of [
    ["/file?flag&name=a%20b~c(1)&acl=/*~hmac=1", "a.test/file?flag&name=a%20b~c(1)&acl=/*~hmac=1"],
    ["/?q=%E4%F6&%e4&+&a+b=%2B", "a.test/?q=%E4%F6&%e4&+&a+b=%2B"],
    ["/?it's&a='b'", "a.test/?it's&a='b'"],
    ["/?a=b?c=d??", "a.test/?a=b?c=d??"],
    ["/??", "a.test/??"],
    ["/?", "a.test/?"],
    ["/?&&", "a.test/?&&"],
    ["/?=&=a&b=", "a.test/?=&=a&b="],
    ["/?a=1;b=2,c:@!$()*[]{}|^`\\", "a.test/?a=1;b=2,c:@!$()*[]{}|^`\\"],
    ["/%7Eada/%41;v=1/it's!$&()*+,=:@", "a.test/%7Eada/%41;v=1/it's!$&()*+,=:@"],
    ["/%zz?%zz%", "a.test/%zz?%zz%"],
    ["x", "a.test/a/x"],
    ["../x?y", "a.test/x?y"],
    ["./x//y/../z", "a.test/a/x//z"],
    ["?x", "a.test/a/b?x"],
    ["?", "a.test/a/b?"],
    ["#x", "a.test/a/b?c=1"],
    ["//b.test/x?y=/../z#f?g", "b.test/x?y=/../z"],
    ["https://b.test:8443?x", "b.test/?x"],
    ["HTTP://B.test", "b.test/"],
    // What no target can have is percent-encoded, as browsers and curl do.
    ['/a b?c d&e="<f>"', "a.test/a%20b?c%20d&e=%22%3Cf%3E%22"],
    ["/\u00c3\u00bc?\u00c3\u00bc=\u00e2\u0082\u00ac", "a.test/%C3%BC?%C3%BC=%E2%82%AC"],
    ["/\u00e4?q=\u00e4\u00f6", "a.test/%E4?q=%E4%F6"],
    ["http://b\u00c3\u00bccher.test/\u00fc", "xn--bcher-kva.test/%FC"]
  ] as const) {
    it.effect(`is asked for as it is written: ${location}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* sentTo([location])).seen, [target])
      })
    )
  }

  for (const location of [
    "ftp://b.test/",
    "javascript:alert(1)",
    "http://",
    "http://b.test:99999/",
    "//b\u00ff.test/"
  ]) {
    it.effect(`that leads nowhere is not followed: ${location}`, () =>
      Effect.gen(function* () {
        const { response, seen } = yield* sentTo([location])
        assert.deepStrictEqual([response.status, seen], [307, []])
      })
    )
  }

  it.effect("keeps its query over the next redirects that have none of their own, and loses it with a path", () =>
    Effect.gen(function* () {
      const server = ScriptedServer.make(({ exchange }) => {
        const location = ["/s?it's&a=%20~", "#here", "#", "x"][exchange - 1]
        return location === undefined ? Wire.ok() : Wire.response({ status: 302, headers: { location } })
      })
      yield* Effect.gen(function* () {
        const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
        const response = yield* client.execute(get("/"))
        assert.deepStrictEqual(response.request.hash, Option.some("here"))
      }).pipe(Effect.provide(clientLayer(server)))
      assert.deepStrictEqual(
        server.requests.map(({ target }) => target),
        ["/", "/s?it's&a=%20~", "/s?it's&a=%20~", "/s?it's&a=%20~", "/x"]
      )
    })
  )

  it.effect("takes the parameters of the request before into account, and leaves them behind", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("http://a.test/a/b", { urlParams: { c: "x y" } })
      assert.deepStrictEqual((yield* sentTo(["#x"], request)).seen, ["a.test/a/b?c=x+y"])
      assert.deepStrictEqual((yield* sentTo(["d"], request)).seen, ["a.test/a/d"])
    })
  )

  it.effect.prop(
    "with any legal query is asked for byte by byte, and so is the request of its response, sent again",
    [
      fc
        .array(fc.constantFrom(..."aZ09-._~!$&'()*+,;=:@/?", "%20", "%e4", "%2B", "%3D", "token="), { maxLength: 12 })
        .map((pieces) => pieces.join(""))
    ],
    ([query]) =>
      Effect.gen(function* () {
        const server = ScriptedServer.make(({ exchange }) =>
          exchange === 1 ? Wire.response({ status: 302, headers: { location: `/x?${query}` } }) : Wire.ok()
        )
        yield* Effect.gen(function* () {
          const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient)
          const response = yield* client.execute(get("/"))
          yield* client.execute(HttpClientRequest.setHeader(response.request, "x-again", "1"))
        }).pipe(Effect.provide(clientLayer(server)))
        const [, first, again] = server.requests
        assert.strictEqual(first!.target, `/x?${query}`)
        assert.strictEqual(again!.target, `/x?${query}`)
      }),
    { fastCheck: { numRuns: 100 } }
  )
})

describe("Location on several lines", () => {
  it.effect("is followed where all lines are the same", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* sentTo(["/there", "/there"])).seen, ["a.test/there"])
      assert.deepStrictEqual((yield* sentTo(["/there, /here", "/there, /here"])).seen, ["a.test/there,%20/here"])
    })
  )

  for (const lines of [
    ["/there", "/elsewhere"],
    ["/there", "/there", "/There"],
    ["/there", ""]
  ]) {
    it.effect(`is not followed where they differ, and the answer is handed out: ${JSON.stringify(lines)}`, () =>
      Effect.gen(function* () {
        const { response, seen } = yield* sentTo(lines)
        assert.deepStrictEqual([response.status, seen], [307, []])
      })
    )
  }
})

describe("a field that has one value", () => {
  for (const name of ["Location", "Content-Type", "Retry-After", "ETag", "Last-Modified", "Content-Location"]) {
    it.effect(`is not joined to itself where it comes twice, and differing lines are: ${name}`, () =>
      Effect.gen(function* () {
        const server = (lines: ReadonlyArray<string>) =>
          ScriptedServer.always(
            Wire.ok(
              "x",
              lines.map((line) => [name, line] as const)
            )
          )
        for (const [lines, joined] of [
          [["a, b", "a, b"], "a, b"],
          [["a", "b"], "a, b"]
        ] as const) {
          const response = yield* HttpClient.execute(get("/")).pipe(Effect.provide(clientLayer(server(lines))))
          assert.strictEqual(response.headers[name.toLowerCase()], joined)
          assert.strictEqual(PooledHttpClient.rawHeaders(response).filter(([field]) => field === name).length, 2)
        }
      })
    )
  }

  it.effect("makes a form of a body whose type comes twice", () =>
    Effect.gen(function* () {
      const type = "multipart/form-data; boundary=b"
      const body = '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
      const server = ScriptedServer.always(
        Wire.response({
          headers: [
            ["content-type", type],
            ["content-type", type]
          ],
          body
        })
      )
      const form = yield* Effect.flatMap(HttpClient.execute(get("/")), (response) => response.formData).pipe(
        Effect.provide(clientLayer(server))
      )
      assert.strictEqual(form.get("a"), "1")
    })
  )

  it.effect("is no list: a list is joined, also to itself", () =>
    Effect.gen(function* () {
      const server = ScriptedServer.always(
        Wire.ok("x", [
          ["vary", "a"],
          ["vary", "a"]
        ])
      )
      const response = yield* HttpClient.execute(get("/")).pipe(Effect.provide(clientLayer(server)))
      assert.strictEqual(response.headers["vary"], "a, a")
    })
  )
})

describe("a URL with a query and parameters beside it", () => {
  for (const [url, target] of [
    ["http://a.test/f?flag&name=a%20b~c(1)&q=%E4", "/f?flag&name=a%20b~c(1)&q=%E4&x=1+2"],
    ["http://a.test/f?", "/f?x=1+2"],
    ["http://a.test/f", "/f?x=1+2"],
    ["http://a.test/f??", "/f??&x=1+2"]
  ] as const) {
    it.effect(`keeps the query as it is written, and the parameters follow: ${url}`, () =>
      Effect.gen(function* () {
        const server = ScriptedServer.always(Wire.ok())
        yield* HttpClient.execute(HttpClientRequest.get(url, { urlParams: { x: "1 2" } })).pipe(
          Effect.provide(clientLayer(server))
        )
        assert.deepStrictEqual(
          server.requests.map((request) => request.target),
          [target]
        )
      })
    )
  }
})
