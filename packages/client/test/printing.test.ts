/**
 * What shows of a response, and of an error, to whoever prints it without Effect's loggers: where there is no fiber to
 * ask which names are secret.
 */
import { Headers, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ScriptedServer, Wire } from "@hotaru/testing"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Inspectable from "effect/Inspectable"
import { around, assertSilent, ways } from "./printingSupport.js"
import { clientLayer } from "./support.js"

const server = ScriptedServer.make((request) =>
  request.target.startsWith("/broken")
    ? "HTTP/1.1 200 OK\r\nbad header : x\r\n\r\n"
    : Wire.response({
        status: request.target.startsWith("/missing") ? 404 : 200,
        headers: [
          ["set-cookie", `session=${request.header("x-set") ?? ""}`],
          ["x-mine", request.header("x-set") ?? ""],
          ["content-type", "application/json"]
        ],
        body: "no json"
      })
)

/** A response, the errors that it leads to, and one without a response. */
const outcomes = (
  request: HttpClientRequest.HttpClientRequest,
  url: (path: string) => string = (path) => `http://a.test${path}`
) =>
  Effect.gen(function* () {
    const to = (path: string) => HttpClient.execute(HttpClientRequest.setUrl(request, url(path)))
    const response = yield* to("/fine?q=1")
    const decode = yield* Effect.flip(response.json)
    const status = yield* Effect.flatMap(to("/missing"), HttpClientResponse.filterStatusOk).pipe(Effect.flip)
    const broken = yield* Effect.flip(to("/broken"))
    const refused = yield* Effect.flip(to("/\n"))
    return {
      response,
      errors: [decode, status, broken],
      values: [
        ["response", response],
        ["its request", response.request],
        ...[decode, status, broken, refused].flatMap((error) => around(error))
      ] as ReadonlyArray<readonly [string, object]>
    }
  })

describe("a response or an error, printed,", () => {
  const request = HttpClientRequest.get("http://a.test/").pipe(
    HttpClientRequest.setHeaders({
      authorization: "Bearer hunter2",
      "proxy-authorization": "Basic hunter2",
      cookie: "a=hunter2",
      "x-api-key": "hunter2",
      "x-mine": "hunter2",
      "x-mine-too": "hunter2",
      "x-open": "open"
    })
  )
  const mine = ["X-MINE", /^X-Mine-/g]

  it.effect("shows what is no secret, in every way", () =>
    Effect.gen(function* () {
      const { errors, response } = yield* outcomes(request)
      for (const value of [response, ...errors]) {
        for (const way of ["JSON", "JSON, of a list", "JSON, of a copy", "inspect", "console", "Effect's format"]) {
          if (value === response && way === "JSON, of a copy") continue
          const text = ways[way]!(value)
          assert.include(text, "x-open", way)
          assert.match(text, /authorization"?: ?['"]<redacted>/, way)
        }
      }
    }).pipe(Effect.provide(clientLayer(server)))
  )

  it.effect("shows no secret, also where the program's own names are in force no more", () =>
    Effect.gen(function* () {
      const { values } = yield* outcomes(HttpClientRequest.setHeader(request, "x-set", "set-hunter2")).pipe(
        Effect.locally(Headers.currentRedactedNames, [...mine, "x-set"])
      )
      assertSilent(values, ["hunter2"])
    }).pipe(Effect.provide(clientLayer(server)))
  )

  it.effect("shows nothing that is secret to the fiber that logs it, or was to the one that sent it", () =>
    Effect.gen(function* () {
      const sentSo = yield* outcomes(request).pipe(Effect.locally(Headers.currentRedactedNames, mine))
      const plain = yield* outcomes(request)
      const refs = yield* Effect.locally(Effect.getFiberRefs, Headers.currentRedactedNames, mine)
      const logged = (value: object) =>
        Inspectable.withRedactableContext(refs, () => Inspectable.toStringUnknown(value))
      for (const value of [plain.response, plain.response.request, ...plain.errors]) {
        assert.include(Inspectable.toStringUnknown(value), "hunter2")
        assert.notInclude(logged(value), "hunter2")
        assert.include(logged(value), '"x-open": "open"')
      }
      const elsewhere = yield* Effect.getFiberRefs
      for (const [what, value] of sentSo.values) {
        const text = Inspectable.withRedactableContext(elsewhere, () => Inspectable.toStringUnknown(value))
        assert.notInclude(text, "hunter2", what)
      }
    }).pipe(Effect.provide(clientLayer(server)))
  )

  it.effect("carries a request that is a request: it is sent again with all it had", () =>
    Effect.gen(function* () {
      const server = ScriptedServer.make(() =>
        server.requests.length < 3 ? Wire.response({ status: 503 }) : Wire.ok("fine")
      )
      yield* Effect.gen(function* () {
        const first = yield* HttpClient.execute(request).pipe(
          Effect.flatMap(HttpClientResponse.filterStatusOk),
          Effect.flip
        )
        // And again, and changed.
        const second = yield* HttpClient.execute(first.request).pipe(
          Effect.flatMap(HttpClientResponse.filterStatusOk),
          Effect.flip
        )
        assert.isTrue(HttpClientRequest.TypeId in second.request)
        assert.strictEqual(second.request.headers["authorization"], "Bearer hunter2")
        const changed = HttpClientRequest.setHeader(second.request, "x-more", "m")
        assert.strictEqual(yield* Effect.flatMap(HttpClient.execute(changed), (response) => response.text), "fine")
      }).pipe(Effect.provide(clientLayer(server)))
      const secrets = Object.entries(request.headers)
      for (const sent of server.requests) {
        for (const [name, value] of secrets) assert.strictEqual(sent.header(name), value)
      }
      assert.strictEqual(server.requests[2]!.header("x-more"), "m")
      assert.strictEqual(request.pipe(HttpClientRequest.toUrl)._tag, "Some")
    })
  )

  const core = fc.stringMatching(/^[A-Za-z0-9]{12}$/)
  const awkward = fc
    .array(fc.constantFrom(..."@:%!$&'()*+,;=\"<>^`{|}~ é".split("")), { maxLength: 3 })
    .map((_) => _.join(""))
  const secret = fc.tuple(awkward, core, awkward)
  const named = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-mine", "x-mine-too"]

  it.effect.prop(
    "never shows a header that is secret, or user info, whatever they are",
    [
      fc.uniqueArray(fc.constantFrom(...named), { minLength: 1 }),
      secret,
      secret,
      fc.constantFrom("http://", "HTTP:\\\\", " http:/")
    ],
    ([hidden, [before, inHeader, after], [start, inUrl, end], scheme]) =>
      Effect.gen(function* () {
        const request = HttpClientRequest.get("http://a.test/").pipe(
          HttpClientRequest.setHeaders(
            Object.fromEntries(hidden.map((name) => [name, `a${before}${inHeader}${after}a`]))
          ),
          HttpClientRequest.setHeader("x-set", `a${inHeader}a`)
        )
        const user = `ada${start}${inUrl}${end}`
        const { values } = yield* outcomes(request, (path) => `${scheme}${user}:${user}@a.test${path}`)
        const sent = server.requests.at(-1)!
        assert.include(sent.header(hidden[0]!), inHeader)
        assertSilent(values, [inHeader, inUrl, btoa(unescape(encodeURIComponent(`${user}:${user}`)))])
        // URLs that lead nowhere are shown as well.
        for (const bad of [
          `ftp://${user}@a.test/`,
          `http://${user}@`,
          `http://${user}:p@a.test:99999/`,
          `//${user}@a.test/`
        ]) {
          const error = yield* Effect.flip(HttpClient.execute(HttpClientRequest.setUrl(request, bad)))
          assertSilent(around(error), [inHeader, inUrl])
        }
      }).pipe(Effect.locally(Headers.currentRedactedNames, [...mine, "x-set"]), Effect.provide(clientLayer(server))),
    { fastCheck: { numRuns: 20 } }
  )
})
