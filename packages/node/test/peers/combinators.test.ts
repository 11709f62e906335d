import { Cookies, HttpClient, HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { echo, type Handler, type ReplyOptions, serve } from "./support/LoopbackServer.js"
import { overPeers } from "./support/peers.js"

const text = <E, R>(response: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
  Effect.flatMap(response, (_) => _.text)

/** Answers each target from a table. */
const routes =
  (table: Record<string, ReplyOptions>): Handler =>
  (request, reply) =>
    reply.send(table[request.target.split("?")[0]!] ?? { status: 404 })

overPeers("redirects", (behaves) => {
  behaves(
    "are not followed unasked",
    Effect.gen(function* () {
      const server = yield* serve(routes({ "/from": { status: 302, headers: { location: "/to" }, body: "moved" } }))
      const response = yield* HttpClient.get(`${server.url}/from`)
      assert.strictEqual(response.status, 302)
      assert.strictEqual(response.headers["location"], "/to")
      assert.strictEqual(yield* response.text, "moved")
    })
  )

  behaves(
    "are followed by followRedirects, relative and absolute ones",
    Effect.gen(function* () {
      let origin = ""
      const server = yield* serve((request, reply) =>
        routes({
          "/a": { status: 301, headers: { location: "/b" }, body: "elsewhere" },
          "/b": { status: 307, headers: { location: `${origin}/c` } },
          "/c": { body: "here" }
        })(request, reply)
      )
      origin = server.url
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      assert.strictEqual(yield* text(client.get(`${server.url}/a`)), "here")
      assert.deepStrictEqual(
        server.requests.map((_) => _.target),
        ["/a", "/b", "/c"]
      )
    })
  )

  behaves(
    "end at the bound with the last answer",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ status: 302, headers: { location: "/again" } }))
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient, 3)
      const response = yield* client.get(server.url)
      assert.strictEqual(response.status, 302)
      yield* response.text
      assert.strictEqual(server.requests.length, 4)
    })
  )
})

overPeers("cookies", (behaves) => {
  behaves(
    "are kept in a ref and sent back",
    Effect.gen(function* () {
      const server = yield* serve((request, reply) =>
        reply.send({
          headers:
            request.target === "/set"
              ? [
                  ["set-cookie", "a=1"],
                  ["set-cookie", "b=2"]
                ]
              : []
        })
      )
      const ref = yield* Ref.make(Cookies.empty)
      const client = HttpClient.withCookiesRef(yield* HttpClient.HttpClient, ref)
      yield* text(client.get(server.url))
      assert.isUndefined(server.last.header("cookie"))
      yield* text(client.get(`${server.url}/set`))
      assert.deepStrictEqual(Cookies.toRecord(yield* Ref.get(ref)), { a: "1", b: "2" })
      yield* text(client.get(server.url))
      assert.strictEqual(server.last.header("cookie"), "a=1; b=2")
    })
  )
})

overPeers("filters, taps and retries", (behaves) => {
  const statuses = (...all: ReadonlyArray<number>): Handler => {
    let at = 0
    return (_, reply) => reply.send({ status: all[Math.min(at++, all.length - 1)]!, body: `${at}` })
  }

  behaves(
    "filterStatusOk fails on what is not 2xx, with the response in hand",
    Effect.gen(function* () {
      const server = yield* serve(statuses(200, 404))
      const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
      assert.strictEqual(yield* text(client.get(server.url)), "1")
      const error = yield* Effect.flip(client.get(server.url))
      assert.instanceOf(error, HttpClientError.ResponseError)
      assert.strictEqual(error.reason, "StatusCode")
      assert.strictEqual(error.response.status, 404)
      assert.strictEqual(yield* error.response.text, "2")
    })
  )

  behaves(
    "filterStatus, filterOrFail, catchTag, tap and tapError do what they say",
    Effect.gen(function* () {
      const server = yield* serve(statuses(404))
      const seen: Array<string> = []
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.tapRequest((request) => Effect.sync(() => seen.push(`request ${request.method}`))),
        HttpClient.tap((response) => Effect.sync(() => seen.push(`response ${response.status}`))),
        HttpClient.filterStatus((status) => status < 400),
        HttpClient.tapError((error) => Effect.sync(() => seen.push(error.reason))),
        HttpClient.catchTag("ResponseError", (error) => Effect.succeed(error.response))
      )
      assert.strictEqual((yield* client.get(server.url)).status, 404)
      assert.deepStrictEqual(seen, ["request GET", "response 404", "StatusCode"])
    })
  )

  behaves(
    "retry sends again, and again only as often as it says",
    Effect.gen(function* () {
      const server = yield* serve(statuses(500, 500, 200))
      const client = (yield* HttpClient.HttpClient).pipe(HttpClient.filterStatusOk, HttpClient.retry({ times: 2 }))
      assert.strictEqual(yield* text(client.get(server.url)), "3")
      const never = yield* serve(statuses(500))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(client.get(never.url))))
      assert.strictEqual(never.requests.length, 3)
    })
  )

  behaves(
    "retryTransient sends again after 503 and not after 400",
    Effect.gen(function* () {
      const server = yield* serve(statuses(503, 429, 200))
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.retryTransient({ schedule: Schedule.spaced("1 millis"), times: 5 })
      )
      assert.strictEqual((yield* client.get(server.url)).status, 200)
      const bad = yield* serve(statuses(400))
      assert.strictEqual((yield* client.get(bad.url)).status, 400)
      assert.strictEqual(bad.requests.length, 1)
    })
  )

  behaves(
    "retryTransient sends again after a broken connection",
    Effect.gen(function* () {
      let broken = 0
      const server = yield* serve((_, reply) => (broken++ < 2 ? reply.reset() : reply.send({ body: "at last" })))
      const client = HttpClient.retryTransient(yield* HttpClient.HttpClient, { times: 3 })
      assert.strictEqual(yield* text(client.get(server.url)), "at last")
      assert.strictEqual(server.requests.length, 3)
    })
  )

  behaves(
    "transform and transformResponse wrap the call",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.transform((effect, request) => Effect.map(effect, (response) => ({ ...response, request }) as any)),
        HttpClient.transformResponse(Effect.orDie)
      )
      const response = yield* client.get(server.url)
      assert.strictEqual(response.request.method, "GET")
    })
  )
})

overPeers("withScope", (behaves) => {
  const big = new Uint8Array(4_000_000)

  behaves(
    "the scope's end ends the exchange, while its body is unread",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: big }))
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const scope = yield* Scope.make()
      const response = yield* client.get(server.url).pipe(Scope.extend(scope))
      assert.strictEqual(response.status, 200)
      yield* Scope.close(scope, Exit.void)
      yield* server.until(() => server.open === 0)
    })
  )

  behaves(
    "within the scope the body can be read",
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ body: big }))
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const read = yield* Effect.scoped(Effect.flatMap(client.get(server.url), (_) => _.arrayBuffer))
      assert.strictEqual(read.byteLength, big.length)
    })
  )

  behaves(
    "the scope's end ends an exchange that waits for its head",
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const scope = yield* Scope.make()
      const fiber = yield* Effect.fork(client.get(server.url).pipe(Scope.extend(scope)))
      yield* server.until(() => server.requests.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* server.until(() => server.open === 0)
      assert.isTrue(Exit.isFailure(yield* fiber.await))
    })
  )

  behaves(
    "a request object serves many executions, scoped and unscoped",
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const client = yield* HttpClient.HttpClient
      const request = HttpClientRequest.get(server.url)
      const scoped = HttpClient.withScope(client)
      yield* Effect.scoped(text(scoped.execute(request)))
      yield* text(client.execute(request))
      yield* Effect.scoped(text(scoped.execute(request)))
      assert.strictEqual(server.requests.length, 3)
    }),
    Object.fromEntries(
      (["undici", "node"] as const).map((name) => [
        name,
        {
          because: "the platform remembers the aborted scope with the request object",
          instead: Effect.gen(function* () {
            const server = yield* serve(echo)
            const client = yield* HttpClient.HttpClient
            const request = HttpClientRequest.get(server.url)
            yield* Effect.scoped(text(HttpClient.withScope(client).execute(request)))
            const error = yield* Effect.flip(client.execute(request))
            assert.strictEqual(error.reason, "Transport")
          })
        }
      ])
    )
  )
})
