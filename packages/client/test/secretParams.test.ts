/** Secrets in URLs: they are sent, and shown nowhere. */
import { Headers, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient, SecretParams } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import { redactField, redactUrl } from "../src/internal/secrets.js"
import { around, assertSilent, shown } from "./printingSupport.js"
import { clientLayer } from "./support.js"

const usual = { headers: [], params: SecretParams.defaults }
const secret = "hunter2"

describe("a URL, as it is shown,", () => {
  it.each([
    ["/x?X-Amz-Signature=S&sig=S&token=S", "/x?X-Amz-Signature=REDACTED&sig=REDACTED&token=REDACTED"],
    ["https://h/?a=1&AWSAccessKeyId=S&b#c", "https://h/?a=1&AWSAccessKeyId=REDACTED&b#c"],
    // Any case: a server may take one for the other.
    ["/?TOKEN=S&x-amz-credential=S", "/?TOKEN=REDACTED&x-amz-credential=REDACTED"],
    [
      "/?%74oken=S&to%6Ben=S&token%20=S&+token=S",
      "/?%74oken=REDACTED&to%6Ben=REDACTED&token%20=REDACTED&+token=REDACTED"
    ],
    ["/?%E4=1&%E4&tok%65n=S%E4", "/?%E4=1&%E4&tok%65n=REDACTED"],
    ["/?token=S&token=S&token&token=", "/?token=REDACTED&token=REDACTED&token&token=REDACTED"],
    ["/?token=S=S;S?S&a=1", "/?token=REDACTED&a=1"],
    ["/?a=1;token=S;b=S&c=2", "/?a=1;token=REDACTED&c=2"],
    ["/?a;token=S", "/?a;token=REDACTED"],
    ["/?auth[token]=S&password[]=S&a[b]=1", "/?auth[token]=REDACTED&password[]=REDACTED&a[b]=1"],
    ["/?auth%5Btoken%5D=S", "/?auth%5Btoken%5D=REDACTED"],
    ["/#access_token=S&state=1", "/#access_token=REDACTED&state=1"],
    ["/#/back?access_token=S&state=1", "/#/back?access_token=REDACTED&state=1"],
    ["/?a=1#b&token=S#S", "/?a=1#b&token=REDACTED"],
    ["/?next=http://b.test/?token=S&a=1", "/?next=http://b.test/?token=REDACTED&a=1"],
    ["/?next=http%3A%2F%2Fb.test%2F%3Ftoken%3DS&a=1", "/?next=REDACTED&a=1"],
    ["/?next=b%253Ftoken%253DS", "/?next=REDACTED"],
    ["/?next=http://ada:S@b.test/&a=1", "/?next=http://b.test/&a=1"],
    ["/?next=http%3A%2F%2Fada%3AS%40b.test", "/?next=REDACTED"],
    // Nothing here is secret.
    ["/token=1;secret=2", "/token=1;secret=2"],
    ["/?tokens=1&mysig=2&keyboard=3&a=token", "/?tokens=1&mysig=2&keyboard=3&a=token"],
    ["/?next=b%3Fc%3D1&%zz=%&&=&?", "/?next=b%3Fc%3D1&%zz=%&&=&?"]
  ])("keeps names and hides secret values: %s", (url, redacted) => {
    assert.strictEqual(redactUrl(url, usual), redacted)
    assert.strictEqual(redactUrl(redacted, usual), redacted)
  })

  it("hides what the program calls secret in header fields, by name and by pattern", () => {
    const secrets = { headers: ["x-Tenant", /^my-/g], params: [/^x-goog-/i] }
    assert.strictEqual(
      redactUrl("/?X-TENANT=S&my-a=S&My-B=S&X-Goog-Credential=S&x-api-key=S&token=1", secrets),
      "/?X-TENANT=REDACTED&my-a=REDACTED&My-B=REDACTED&X-Goog-Credential=REDACTED&x-api-key=REDACTED&token=1"
    )
  })

  it.each([
    ["location", "/a?token=S S&b=1", "/a?token=REDACTED&b=1"],
    ["Referer", "http://ada:S@a.test/?token=S", "http://a.test/?token=REDACTED"],
    ["location", "//ada:S@a.test/", "//a.test/"],
    [
      "link",
      '<https://a.test/?token=S>; rel="next", <https://a.test/?b=1>',
      '<https://a.test/?token=REDACTED>; rel="next", <https://a.test/?b=1>'
    ],
    ["x-any", "a; b=1, token=1", "a; b=1, token=1"],
    ["authorization", "Bearer S", "<redacted>"]
  ])("is found in a header field: %s: %s", (name, value, redacted) => {
    assert.strictEqual(redactField(name, value, usual), redacted)
  })

  it("costs time in proportion to its length, whatever a stranger has written", () => {
    for (const piece of ["a", "=", ";", "?", "#", "&", "%", "a=;", "[", "%3D", "://", "@", "://a", "+"]) {
      const long = `/?${piece.repeat(200_000 / piece.length)}`
      assert.isString(redactUrl(long, usual))
      assert.isString(redactField("link", long, usual))
    }
  })

  it("shows no value of a secret name, however it is written, and keeps all others", () => {
    const written = (text: string) =>
      fc
        .array(fc.integer({ min: 0, max: 2 }), { minLength: text.length, maxLength: text.length })
        .map((how) =>
          [...text]
            .map((c, i) => (how[i] === 0 ? c : how[i] === 1 ? c.toUpperCase() : `%${c.charCodeAt(0).toString(16)}`))
            .join("")
        )
    const name = fc.constantFrom(...(SecretParams.defaults as ReadonlyArray<string>), "authorization", "x-api-key")
    const hidden = name.chain((name) => fc.tuple(written(name), fc.constant(secret)))
    const open = fc.tuple(fc.constantFrom("a", "page", "q"), fc.constantFrom("1", "x%20y", ""))
    fc.assert(
      fc.property(fc.array(fc.oneof(hidden, open), { maxLength: 6 }), fc.boolean(), (pairs, inHash) => {
        const params = (shownAs: (value: string) => string) =>
          pairs.map(([name, value]) => `${name}=${shownAs(value)}`).join("&")
        const mark = inHash ? "#" : "?"
        assert.strictEqual(
          redactUrl(`/p${mark}${params((value) => value)}`, usual),
          `/p${mark}${params((value) => (value === secret ? "REDACTED" : value))}`
        )
      }),
      { numRuns: 500 }
    )
  })
})

/** A tracer that shows its spans to somebody. */
const recording = () => {
  const attributes: Array<Map<string, unknown>> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const own = new Map<string, unknown>()
      attributes.push(own)
      let status: Tracer.SpanStatus = { _tag: "Started", startTime }
      return {
        _tag: "Span",
        spanId: "1234567890abcdef",
        traceId: "1234567890abcdef1234567890abcdef",
        sampled: true,
        name,
        parent,
        context,
        links,
        kind,
        attributes: own,
        get status() {
          return status
        },
        end: (endTime, exit) => {
          status = { _tag: "Ended", startTime, endTime, exit }
          if (exit._tag === "Failure") own.set("exit", shown(exit).join("\n"))
        },
        attribute: (key, value) => own.set(key, value),
        event: () => {},
        addLinks: () => {}
      }
    },
    context: (f) => f()
  })
  return { attributes, tracer }
}

describe("a request's span", () => {
  const attributesOf = (
    request: HttpClientRequest.HttpClientRequest,
    around: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = (self) => self,
    secretParams?: SecretParams.SecretParams
  ) => {
    const { attributes, tracer } = recording()
    const server = ScriptedServer.always(Wire.ok("", { location: "/?token=S&b=1", "content-location": "/x" }))
    return Effect.gen(function* () {
      yield* around(Effect.orDie(HttpClient.execute(request)))
      return Object.fromEntries(attributes[0]!)
    }).pipe(
      Effect.withTracer(tracer),
      Effect.provide(
        Layer.provideMerge(
          PooledHttpClient.layerWith({ secretParams }),
          FakeNetwork.poolLayer(undefined, { autoAccept: server })
        )
      )
    )
  }

  it.effect("keeps the names of secret parameters and not their values, and so do its header attributes", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("https://ada:S@h.test/x?X-Amz-Signature=S&a=1&sig=S#access_token=S", {
        urlParams: { token: "S", b: "2" },
        headers: { referer: "https://h.test/?key=S&c=3" }
      })
      const attributes = yield* attributesOf(request)
      const query = "X-Amz-Signature=REDACTED&a=1&sig=REDACTED&token=REDACTED&b=2"
      assert.strictEqual(attributes["url.full"], `https://h.test/x?${query}#access_token=REDACTED`)
      assert.strictEqual(attributes["url.query"], query)
      assert.strictEqual(attributes["url.path"], "/x")
      assert.strictEqual(attributes["server.address"], "h.test")
      assert.strictEqual(attributes["http.request.header.referer"], "https://h.test/?key=REDACTED&c=3")
      assert.strictEqual(attributes["http.response.header.location"], "/?token=REDACTED&b=1")
      assert.strictEqual(attributes["http.response.header.content-location"], "/x")
    })
  )

  it.effect("goes by the list around the call, then that of the layer, then the usual one", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("http://h.test/?token=S&ticket=S&mine=S&x-api-key=S")
      const query = (hidden: ReadonlyArray<string>) =>
        ["token", "ticket", "mine", "x-api-key"].map((n) => `${n}=${hidden.includes(n) ? "REDACTED" : "S"}`).join("&")
      const own = ["ticket"]
      const extended = [...SecretParams.defaults, /^tick/]
      const provided = Effect.provideService(SecretParams.SecretParams, own)
      const named = Effect.locally(Headers.currentRedactedNames, ["Mine"])
      for (const [attributes, hidden] of [
        [yield* attributesOf(request), ["token", "x-api-key"]],
        [yield* attributesOf(request, undefined, own), ["ticket", "x-api-key"]],
        [yield* attributesOf(request, undefined, extended), ["token", "ticket", "x-api-key"]],
        [yield* attributesOf(request, provided, []), ["ticket", "x-api-key"]],
        [yield* attributesOf(request, undefined, []), ["x-api-key"]],
        [yield* attributesOf(request, named), ["token", "mine", "x-api-key"]]
      ] as const) {
        assert.strictEqual(attributes["url.query"], query(hidden))
      }
    })
  )
})

describe("a list of secret parameters", () => {
  it.effect("is changed for a client by withSecretParams", () => {
    const { attributes, tracer } = recording()
    return Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      yield* PooledHttpClient.withSecretParams(client, ["a"]).get("http://h.test/?a=S&token=1")
      yield* client.get("http://h.test/?a=1&token=S")
      assert.deepStrictEqual(
        attributes.map((own) => own.get("url.query")),
        ["a=REDACTED&token=1", "a=1&token=REDACTED"]
      )
    }).pipe(Effect.withTracer(tracer), Effect.provide(clientLayer(ScriptedServer.always(Wire.ok()))))
  })

  it.effect("that is no list of strings and patterns is refused, with its name", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      for (const bad of ["token", [1], { token: true }] as ReadonlyArray<unknown>) {
        const list = bad as SecretParams.SecretParams
        assert.throws(() => PooledHttpClient.withSecretParams(client, list), /secretParams must be a list of strings/)
        const cause = yield* Effect.flip(Effect.sandbox(PooledHttpClient.makeWith({ secretParams: list })))
        assert.include(Cause.pretty(cause), "secretParams must be a list of strings")
      }
    }).pipe(Effect.provide(clientLayer()))
  )
})

const server = ScriptedServer.make((request) => {
  const headers: ReadonlyArray<readonly [string, string]> = [
    ["location", `/next?token=${secret}`],
    ["link", `<https://a.test/?sig=${secret}>; rel=next`],
    ["content-type", "application/json"]
  ]
  if (request.target.startsWith("/broken")) return "HTTP/1.1 200 OK\r\nbad header : x\r\n\r\n"
  return Wire.response({ status: request.target.startsWith("/missing") ? 404 : 200, headers, body: "no json" })
})

/** A request whose URL has a secret in it, by where it has it. */
const planted: Readonly<Record<string, (path: string) => HttpClientRequest.HttpClientRequest>> = {
  "the query": (path) => HttpClientRequest.get(`http://a.test${path}?a=1&token=${secret}`),
  "the query, behind user info": (path) => HttpClientRequest.get(`http://ada:${secret}@a.test${path}?sig=${secret}#b`),
  "the query, its name percent-encoded": (path) => HttpClientRequest.get(`http://a.test${path}?%74oken=${secret}`),
  "the query, after a semicolon": (path) => HttpClientRequest.get(`http://a.test${path}?a=1;key=${secret}`),
  "a URL in the query": (path) => HttpClientRequest.get(`http://a.test${path}?u=http%3A%2F%2Fb%2F%3Fsig%3D${secret}`),
  "the fragment": (path) => HttpClientRequest.get(`http://a.test${path}#access_token=${secret}`),
  "query and fragment": (path) => HttpClientRequest.get(`http://a.test${path}?token=${secret}#token=${secret}`),
  "a URL object": (path) => HttpClientRequest.get(new URL(`http://a.test${path}?token=${secret}#token=${secret}`)),
  parameters: (path) => HttpClientRequest.get(`http://a.test${path}`, { urlParams: { api_key: secret } }),
  "nested parameters": (path) =>
    HttpClientRequest.get(`http://a.test${path}`, { urlParams: { auth: { password: secret } } }),
  "query and parameters": (path) =>
    HttpClientRequest.get(`http://a.test${path}?sig=${secret}`, { urlParams: { password: secret, b: "2" } }),
  "the hash": (path) => HttpClientRequest.get(`http://a.test${path}`, { hash: `access_token=${secret}` }),
  "a header": (path) => HttpClientRequest.get(`http://a.test${path}`, { headers: { referer: `/?token=${secret}` } }),
  "what the program names": (path) => HttpClientRequest.get(`http://a.test${path}?x-mine=${secret}`)
}

describe("a secret in a URL", () => {
  for (const [where, request] of Object.entries(planted)) {
    it.effect(`is sent, and shown in no error, response, log, event and span: ${where}`, () => {
      const lines: Array<string> = []
      const into = <A>(logger: Logger.Logger<unknown, A>) => Logger.map(logger, (line) => void lines.push(String(line)))
      const logs = Layer.mergeAll(
        Logger.replace(Logger.defaultLogger, into(Logger.stringLogger)),
        Logger.add(into(Logger.jsonLogger)),
        Logger.add(into(Logger.logfmtLogger)),
        Logger.minimumLogLevel(LogLevel.All)
      )
      const { attributes, tracer } = recording()
      return Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const events = yield* pool.subscribe
        const response = yield* HttpClient.execute(request("/fine"))
        const decode = yield* Effect.flip(response.json)
        const status = yield* HttpClient.execute(request("/missing")).pipe(
          Effect.flatMap(HttpClientResponse.filterStatusOk),
          Effect.flip
        )
        const broken = yield* Effect.flip(HttpClient.execute(request("/broken")))
        const refused = yield* Effect.flip(
          HttpClient.execute(HttpClientRequest.updateUrl(request("/"), (url) => `${url}\n`))
        )
        const port = yield* Effect.flip(
          HttpClient.execute(HttpClientRequest.updateUrl(request("/"), (url) => url.replace("a.test", "a.test:99999")))
        )
        const errors = [decode, status, broken, refused, port]
        for (const error of errors) yield* Effect.logError("it failed", error)
        yield* Effect.logInfo(response, response.request)
        yield* TestClock.adjust("1 minute")
        const told = yield* Queue.takeAll(events)
        assertSilent(
          [
            ["response", response],
            ["its request", response.request],
            ["log", lines],
            ["events", told],
            ["spans", attributes.map((own) => Object.fromEntries(own))],
            ...errors.flatMap((error) => around(error))
          ],
          [secret, btoa(`ada:${secret}`)]
        )
        for (const error of [decode, status, broken]) assert.include(error.message, "GET http://a.test/")
        if (where === "the query") {
          assert.include(decode.message, "(200 GET http://a.test/fine?a=1&token=REDACTED)")
          assert.include(broken.message, "(GET http://a.test/broken?a=1&token=REDACTED)")
          assert.include(JSON.stringify(response), '"urlParams":[["a","1"],["token","REDACTED"]]')
        }
        if (where === "parameters") assert.include(JSON.stringify(response), '[["api_key","REDACTED"]]')
        const { headers, target } = server.requests.at(-2)!
        if (!/hash|fragment|header|object/.test(where)) assert.include(target, secret)
        if (where === "a header") assert.include(headers.join("\n"), secret)
      }).pipe(
        Effect.scoped,
        Effect.withTracer(tracer),
        Effect.locally(Headers.currentRedactedNames, ["X-Mine"]),
        Effect.provide(logs),
        Effect.provide(clientLayer(server))
      )
    })

    it.effect(`goes along when the request of a response or of an error is sent again: ${where}`, () => {
      const again = ScriptedServer.make(() => Wire.response({ status: 404 }))
      return Effect.gen(function* () {
        const first = yield* HttpClient.execute(request("/p"))
        const error = yield* Effect.flip(HttpClientResponse.filterStatusOk(first))
        const second = yield* HttpClient.execute(HttpClientRequest.setHeader(error.request, "x-more", "m"))
        const third = yield* HttpClient.execute(second.request)
        yield* HttpClient.execute(HttpClientRequest.appendUrlParam(third.request, "more", "1"))
        const targets = again.requests.map(({ target }) => target)
        assert.deepStrictEqual(targets.slice(1, 3), [targets[0], targets[0]])
        assert.match(targets[3]!, /[?&]more=1$/)
        const hash = (request: HttpClientRequest.HttpClientRequest) =>
          Option.flatMap(HttpClientRequest.toUrl(request), (url) => Option.liftPredicate(url.hash, (_) => _ !== ""))
        assert.deepStrictEqual(hash(third.request), hash(request("/p")))
      }).pipe(Effect.provide(clientLayer(again)))
    })
  }

  it.effect("is in the way of nothing where there is none: a response's request has the URL that was given", () =>
    Effect.gen(function* () {
      const url = "http://a.test/fine?a=b%20c&flag#here"
      const response = yield* HttpClient.get(url)
      assert.strictEqual(response.request.url, url)
    }).pipe(Effect.provide(clientLayer(server)))
  )
})
