/** How far redirects are followed, what is told of the way, and what becomes of a body on it. */
import { inspect } from "node:util"
import { Cookies, HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ExchangeError, PooledHttpClient, Redirect } from "@hotaru/client"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { clientLayer, get, post } from "./support.js"

const redirect = (location: string, status = 302, headers: Wire.Fields = {}) =>
  Wire.response({ status, headers: { location, ...headers }, body: "moved" })

/** Follows redirects of the server, and answers what became of it; no connection stays busy. */
const followed = (
  handler: ScriptedServer.Handler,
  request: HttpClientRequest.HttpClientRequest,
  options?: number | Redirect.RedirectOptions
) => {
  const server = ScriptedServer.make(handler)
  return Effect.gen(function* () {
    const client = PooledHttpClient.followRedirects(yield* HttpClient.HttpClient, options)
    const result = yield* Effect.either(client.execute(request))
    if (result._tag === "Right") yield* result.right.text
    const network = yield* FakeNetwork.FakeNetwork
    yield* network.settle
    const open = network.sockets.filter((socket) => socket.destroyed === undefined)
    assert.isTrue(
      open.every((socket) => socket.parked),
      "a connection is still on lease"
    )
    const targets = server.requests.map(({ target }) => target)
    return { requests: server.requests, result, server, targets }
  }).pipe(Effect.provide(clientLayer(server)))
}

type Followed = Effect.Effect.Success<ReturnType<typeof followed>>

const responseOf = ({ result }: Followed) => {
  assert(result._tag === "Right", "it failed")
  return result.right
}

const errorOf = ({ result }: Followed): HttpClientError.ResponseError => {
  assert(result._tag === "Left" && result.left._tag === "ResponseError", "it did not fail with a response's error")
  return result.left
}

describe("followRedirects, for as long as it may,", () => {
  it.effect("follows three redirects to the same URL, and has the answer of the fourth request", () =>
    Effect.gen(function* () {
      const way = yield* followed(({ exchange }) => (exchange <= 3 ? redirect("/a") : Wire.ok("ready")), get("/a"))
      assert.strictEqual(responseOf(way).status, 200)
      assert.deepStrictEqual(way.targets, ["/a", "/a", "/a", "/a"])
    })
  )

  it.effect("follows a server that sets a cookie at each redirect to the same URL", () =>
    Effect.gen(function* () {
      const ref = yield* Ref.make(Cookies.empty)
      const server = ScriptedServer.make(({ exchange }) =>
        exchange <= 3 ? redirect("/a", 302, { "set-cookie": `c${exchange}=1` }) : Wire.ok()
      )
      yield* Effect.gen(function* () {
        const client = (yield* HttpClient.HttpClient).pipe(
          HttpClient.withCookiesRef(ref),
          PooledHttpClient.followRedirects()
        )
        assert.strictEqual((yield* client.execute(get("/a"))).status, 200)
      }).pipe(Effect.provide(clientLayer(server)))
      assert.deepStrictEqual(
        server.requests.map((request) => request.header("cookie")),
        [undefined, "c1=1", "c1=1; c2=1", "c1=1; c2=1; c3=1"]
      )
    })
  )

  for (const [what, location] of [
    ["from a URL to itself", () => "/"],
    ["between two URLs", (target: string) => (target === "/" ? "/b" : "/")],
    ["to ever new ones", (target: string) => `${target}x`]
  ] as const) {
    it.effect(`follows 10, and fails at one more with the whole way: ${what}`, () =>
      Effect.gen(function* () {
        const way = yield* followed((request) => redirect(location(request.target)), get("/"))
        assert.strictEqual(way.targets.length, 11)
        const error = errorOf(way)
        assert.strictEqual(error.reason, "StatusCode")
        assert.strictEqual(error.response.status, 302)
        assert(error.cause instanceof Redirect.TooManyRedirects)
        assert.strictEqual(error.cause.maxRedirects, 10)
        assert.deepStrictEqual(
          error.cause.history,
          way.targets.map((target) => ({ status: 302, method: "GET", url: `http://a.test${target}` }))
        )
        assert.include(error.message, "10 redirects were followed (maxRedirects), and the server sent another")
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
      })
    )
  }

  for (const options of [1, { maxRedirects: 1 }]) {
    it.effect(`goes by its bound: ${inspect(options)}`, () =>
      Effect.gen(function* () {
        const handler: ScriptedServer.Handler = ({ target }) =>
          target === "/" ? redirect("/a") : target === "/a" ? redirect("/b") : Wire.ok()
        const over = yield* followed(handler, get("/"), options)
        assert.deepStrictEqual(over.targets, ["/", "/a"])
        assert.include(errorOf(over).message, "1 redirect was followed (maxRedirects)")
        const within = yield* followed(handler, get("/a"), options)
        assert.strictEqual(responseOf(within).status, 200)
      })
    )
  }

  it.effect("follows none with 0, and gives the last response out where that is asked for", () =>
    Effect.gen(function* () {
      const handler: ScriptedServer.Handler = ({ target }) => redirect(`${target}x`)
      assert.deepStrictEqual((yield* followed(handler, get("/"), 0)).targets, ["/"])
      const given = yield* followed(handler, get("/"), { maxRedirects: 2, atLimit: "respond" })
      const response = responseOf(given)
      assert.strictEqual(response.status, 302)
      assert.strictEqual(yield* response.text, "moved")
      assert.deepStrictEqual(
        PooledHttpClient.redirects(response).map(({ url }) => url),
        ["http://a.test/", "http://a.test/x"]
      )
    })
  )

  it.effect("tells the way to a response, without secrets, and of none where there was none", () =>
    Effect.gen(function* () {
      const handler: ScriptedServer.Handler = (request) =>
        request.target.startsWith("/a")
          ? redirect("http://b.test/b?%74oken=S#c", 303)
          : request.target.startsWith("/b")
            ? redirect("//x:S@b.test/c", 307)
            : Wire.ok()
      const way = yield* followed(handler, HttpClientRequest.put("http://ada:S@a.test/a?sig=S&d=1"))
      assert.deepStrictEqual(PooledHttpClient.redirects(responseOf(way)), [
        { status: 303, method: "PUT", url: "http://a.test/a?sig=REDACTED&d=1" },
        { status: 307, method: "GET", url: "http://b.test/b?%74oken=REDACTED#c" }
      ])
      const none = yield* followed(() => Wire.ok(), get("/"))
      assert.deepStrictEqual(PooledHttpClient.redirects(responseOf(none)), [])
    })
  )

  it.effect("shows no secret where it fails", () =>
    Effect.gen(function* () {
      const over = yield* followed(() => redirect("/?token=hunter2"), get("/?sig=hunter2"), 1)
      const error = errorOf(over)
      assert.include(error.message, "(302 GET http://a.test/?token=REDACTED)")
      for (const text of [error.message, JSON.stringify(error), inspect(error, { depth: 9 }), error.stack ?? ""]) {
        assert.notInclude(text, "hunter2")
      }
    })
  )

  it.effect("refuses a bound that is none and options that there are not", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const make = (options: unknown) => () =>
        PooledHttpClient.followRedirects(client, options as Redirect.RedirectOptions)
      for (const bad of [-1, 1.5, Number.NaN, Infinity, { maxRedirects: "3" }]) {
        assert.throws(make(bad), /maxRedirects must be a whole number of 0 or more, not /)
      }
      assert.throws(make({ atLimit: "throw" }), /atLimit must be "fail" or "respond", not throw/)
      assert.throws(
        make({ maxRedirect: 3 }),
        /unknown option followRedirects\.maxRedirect; did you mean maxRedirects\?/
      )
      assert.doesNotThrow(make({ maxRedirects: undefined, atLimit: undefined }))
    }).pipe(Effect.provide(clientLayer()))
  )
})

const bytes = (text: string) => new TextEncoder().encode(text)

function* generated() {
  yield bytes("ab")
  yield bytes("c")
}
async function* generatedLater() {
  yield* generated()
}

/** Bodies that are sent again; each is made anew for each test. */
const repeatable: Readonly<Record<string, () => HttpBody.HttpBody>> = {
  "a stream of Effect's": () => HttpBody.stream(Stream.fromIterable([bytes("ab"), bytes("c")])),
  "a stream of Effect's with an effect in it": () =>
    HttpBody.stream(Stream.fromEffect(Effect.delay(Effect.succeed(bytes("abc")), 0))),
  "a stream of Effect's with a length": () =>
    HttpBody.stream(Stream.fromChunk(Chunk.of(bytes("abc"))), "text/plain", 3),
  text: () => HttpBody.text("abc"),
  "a string": () => HttpBody.raw("abc"),
  "a list": () => HttpBody.raw([bytes("ab"), bytes("c")]),
  "a set": () => HttpBody.raw(new Set(["a", "bc"])),
  "an iterable that begins anew": () => HttpBody.raw({ [Symbol.iterator]: generated }),
  "an async iterable that begins anew": () => HttpBody.raw({ [Symbol.asyncIterator]: generatedLater }),
  "a blob": () => HttpBody.raw(new Blob(["abc"]))
}

class Closable {
  destroyed = false
  destroy() {
    this.destroyed = true
  }
  [Symbol.asyncIterator]() {
    return generatedLater()
  }
}

/** Bodies that are gone once they were read. */
const readOnce: Readonly<Record<string, () => HttpBody.HttpBody>> = {
  "a generator": () => HttpBody.raw(generated()),
  "an async generator": () => HttpBody.raw(generatedLater()),
  "a Readable": () => HttpBody.raw(new Closable()),
  "a ReadableStream": () => HttpBody.raw(new Blob(["abc"]).stream()),
  "an iterator of a map": () => HttpBody.raw(new Map([["k", "abc"]]).values()),
  "an iterable that gives one iterator again and again": () => {
    const one = generated()
    return HttpBody.raw({ [Symbol.iterator]: () => one })
  }
}

describe("a body that meets a redirect", () => {
  for (const [what, body] of Object.entries(repeatable)) {
    for (const status of [307, 308]) {
      it.effect(`is sent again with ${status}: ${what}`, () =>
        Effect.gen(function* () {
          const request = HttpClientRequest.setBody(HttpClientRequest.put("http://a.test/a"), body())
          const way = yield* followed(
            ({ target }) =>
              target === "/a" ? redirect("/b", status) : target === "/b" ? redirect("/c", status) : Wire.ok(),
            request
          )
          assert.strictEqual(responseOf(way).status, 200)
          assert.deepStrictEqual(
            way.requests.map(({ method, text }) => `${method} ${text}`),
            ["PUT abc", "PUT abc", "PUT abc"]
          )
        })
      )
    }
  }

  it.effect("is sent again as a form, with its fields", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "1")
      form.append("f", new Blob(["abc"]), "f.txt")
      const way = yield* followed(
        ({ target }) => (target === "/a" ? redirect("/b", 307) : Wire.ok()),
        HttpClientRequest.setBody(post("/a"), HttpBody.formData(form))
      )
      for (const request of way.requests) {
        const boundary = /boundary=(.*)$/.exec(request.header("content-type")!)![1]!
        assert.include(request.text, `--${boundary}--`)
        assert.include(request.text, "abc")
      }
      assert.strictEqual(way.requests.length, 2)
    })
  )

  for (const [what, body] of Object.entries(readOnce)) {
    it.effect(`fails the request if it can be read only once, and says so, before anything is sent: ${what}`, () =>
      Effect.gen(function* () {
        for (const [status, method] of [
          [307, "POST"],
          [308, "PUT"],
          [302, "PUT"]
        ] as const) {
          const request = HttpClientRequest.setBody(HttpClientRequest.make(method)("http://a.test/a"), body())
          const way = yield* followed(() => redirect("http://b.test/b?token=S", status), request)
          assert.deepStrictEqual(way.targets, ["/a"])
          assert.strictEqual(way.requests[0]!.text, "abc")
          const error = errorOf(way)
          assert(error.cause instanceof Redirect.BodyNotRepeatable)
          assert.strictEqual(error.cause.status, status)
          assert.strictEqual(error.cause.location, "http://b.test/b?token=REDACTED")
          assert.deepStrictEqual(error.cause.history, [{ status, method, url: "http://a.test/a" }])
          assert.include(error.message, "asks for the request's body again, which can be read only once")
          assert.isFalse(PooledHttpClient.isSafeToRetry(error))
        }
      })
    )

    it.effect(`is left behind where the method becomes GET: ${what}`, () =>
      Effect.gen(function* () {
        const way = yield* followed(
          ({ target }) => (target === "/a" ? redirect("/b", 303) : Wire.ok()),
          HttpClientRequest.setBody(post("/a"), body())
        )
        assert.deepStrictEqual(
          way.requests.map(({ method, text }) => `${method} ${text}`),
          ["POST abc", "GET "]
        )
      })
    )
  }

  it.effect("fails as a request's body does where its stream cannot be run again after all", () =>
    Effect.gen(function* () {
      const one = new Blob(["abc"]).stream() as ReadableStream<Uint8Array>
      const body = HttpBody.stream(
        Stream.fromReadableStream(
          () => one,
          (cause) => cause
        )
      )
      const way = yield* followed(() => redirect("/a", 307), HttpClientRequest.setBody(post("/a"), body))
      assert(way.result._tag === "Left")
      assert.instanceOf(way.result.left.cause, ExchangeError.RequestBodyFailed)
    })
  )
})
