/** Every bad input has its typed error, and not a byte of it reaches a socket. */
import { HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { NodePooledHttpClient, Resolver } from "@hotaru/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { closedPort, echo, type LoopbackServer, serve } from "../peers/support/LoopbackServer.js"
import { certificates } from "./support/certificates.js"

type Options = NonNullable<Parameters<typeof NodePooledHttpClient.layer>[0]>

/** What a request failed with: the platform's reason and our error behind it. */
const failureOf = (
  effect: Effect.Effect<unknown, HttpClientError.HttpClientError, HttpClient.HttpClient>,
  options: Options = {}
) =>
  Effect.flip(effect).pipe(
    Effect.map((error) => ({ error, tag: error._tag, reason: error.reason, cause: causeOf(error) })),
    Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0, ...options }))
  )

interface OurError {
  readonly _tag: string
  readonly [field: string]: unknown
}

const causeOf = (error: HttpClientError.HttpClientError): OurError => {
  const { cause } = error
  if (typeof cause !== "object" || cause === null || !("_tag" in cause)) {
    throw new Error(`${error._tag} has no tagged cause but ${String(cause)}`)
  }
  return cause as OurError
}

const nothingWritten = (server: LoopbackServer) => {
  assert.strictEqual(server.requests.length, 0)
  assert.strictEqual(
    server.connections.reduce((sum, connection) => sum + connection.bytesRead, 0),
    0
  )
}

const execute = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(HttpClient.execute(request), (response) => response.text)

describe("bad URLs", () => {
  for (const url of ["", "http://", "http://[::1", "http://a b/", "http://h:65536/", "//h/", "/path"]) {
    it.scopedLive(`${JSON.stringify(url)} is InvalidUrl`, () =>
      Effect.gen(function* () {
        const { cause, reason, tag } = yield* failureOf(execute(HttpClientRequest.get(url)))
        assert.deepStrictEqual([tag, reason, cause._tag], ["RequestError", "InvalidUrl", "InvalidUrl"])
      })
    )
  }

  for (const scheme of ["ftp", "ws", "file", "gopher", "httpx"]) {
    it.scopedLive(`the scheme ${scheme} is InvalidUrl`, () =>
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const { cause, reason } = yield* failureOf(
          execute(HttpClientRequest.get(`${scheme}://127.0.0.1:${server.port}/`))
        )
        assert.deepStrictEqual([reason, cause._tag], ["InvalidUrl", "InvalidUrl"])
        assert.strictEqual(server.connections.length, 0)
      })
    )
  }
})

describe("what would smuggle", () => {
  const controls = { CR: "\r", LF: "\n", CRLF: "\r\n", NUL: "\0" }

  const refused = (
    what: string,
    alter: (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest
  ) =>
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const { cause, reason, tag } = yield* failureOf(execute(alter(HttpClientRequest.get(`${server.url}/x`))))
        assert.deepStrictEqual([tag, reason, cause._tag], ["RequestError", "Encode", "InvalidRequest"])
        assert.strictEqual(cause["fault"], "caller")
        nothingWritten(server)
      })
    )

  for (const [name, control] of Object.entries(controls)) {
    refused(`${name} in the method`, (request) => HttpClientRequest.setMethod(request, `GE${control}T` as "GET"))
    refused(`${name} in a header's name`, HttpClientRequest.setHeader(`x-a${control}b`, "1"))
    refused(`${name} in a header's value`, HttpClientRequest.setHeader("x-a", `1${control}x-b: 2`))
  }
  refused("a space in the method", (request) => HttpClientRequest.setMethod(request, "GET /y HTTP/1.1" as "GET"))
  refused("a code unit that latin1 cuts to LF", HttpClientRequest.setHeader("x-a", "1\u010ax-b: 2"))
  refused("an empty header name", HttpClientRequest.setHeader("", "1"))
  refused("a colon in a header's name", HttpClientRequest.setHeader("x:y", "1"))
  refused("transfer-encoding of the caller's", HttpClientRequest.setHeader("transfer-encoding", "chunked"))
  refused("an upgrade", HttpClientRequest.setHeaders({ connection: "upgrade", upgrade: "websocket" }))
  refused("CONNECT", (request) => HttpClientRequest.setMethod(request, "CONNECT" as "GET"))

  for (const [name, control] of Object.entries(controls)) {
    it.scopedLive(`${name} in the URL is InvalidUrl`, () =>
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const { cause, reason } = yield* failureOf(
          execute(HttpClientRequest.get(`${server.url}/a${control}x-injected: b`))
        )
        assert.deepStrictEqual([reason, cause._tag], ["InvalidUrl", "InvalidUrl"])
        nothingWritten(server)
      })
    )
  }

  for (const length of ["3", "5", "-4", "4, 4", "4x", "0x4", " "]) {
    it.scopedLive(`content-length: ${JSON.stringify(length)} for four bytes`, () =>
      Effect.gen(function* () {
        const server = yield* serve(echo)
        const request = HttpClientRequest.post(server.url).pipe(
          HttpClientRequest.bodyText("four"),
          HttpClientRequest.setHeader("content-length", length)
        )
        const { cause, reason } = yield* failureOf(execute(request))
        assert.deepStrictEqual([reason, cause._tag], ["Encode", "InvalidRequest"])
        nothingWritten(server)
      })
    )
  }

  it.scopedLive("a stream that is not what was announced fails, and the server never sees a whole request", () =>
    Effect.gen(function* () {
      for (const announced of [2, 9]) {
        const server = yield* serve(echo)
        const body = HttpBody.stream(Stream.make(new Uint8Array(4)), "x/y", announced)
        const { cause, reason } = yield* failureOf(
          execute(HttpClientRequest.setBody(HttpClientRequest.post(server.url), body))
        )
        assert.deepStrictEqual([reason, cause._tag, cause["announced"]], ["Encode", "RequestBodyLength", announced])
        yield* server.until(() => server.open === 0)
        assert.strictEqual(server.requests.length, 0)
      }
    })
  )
})

describe("no way to the peer", () => {
  it.scopedLive("a refused connection is ConnectError in tcp", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { cause, reason } = yield* failureOf(execute(HttpClientRequest.get(`http://127.0.0.1:${port}/`)))
      assert.deepStrictEqual(
        [reason, cause._tag, cause["phase"], cause["code"]],
        ["Transport", "ConnectError", "tcp", "ECONNREFUSED"]
      )
    })
  )

  it.scopedLive("an unknown host is ConnectError in dns", () =>
    Effect.gen(function* () {
      const resolver: Resolver.ResolverShape = {
        lookup: (host) => Effect.fail(new Resolver.ResolveError({ host, code: "ENOTFOUND" }))
      }
      const { cause, reason } = yield* failureOf(execute(HttpClientRequest.get("http://unknown.invalid/")), {
        connector: { resolver }
      })
      assert.deepStrictEqual(
        [reason, cause._tag, cause["phase"], cause["code"]],
        ["Transport", "ConnectError", "dns", "ENOTFOUND"]
      )
    })
  )

  const overTls = (what: string, code: string, name: "expired" | "otherHost" | "unknown") =>
    it.scopedLive(`${what} is ConnectError in tls`, () =>
      Effect.gen(function* () {
        const made = yield* certificates
        const server = yield* serve(echo, { tls: made[name] })
        const { cause, reason } = yield* failureOf(execute(HttpClientRequest.get(`${server.url}/secret`)), {
          connector: { tls: { ca: name === "unknown" ? made.otherHost.cert : made[name].cert } }
        })
        assert.deepStrictEqual(
          [reason, cause._tag, cause["phase"], cause["code"]],
          ["Encode", "ConnectError", "tls", code]
        )
        nothingWritten(server)
      })
    )
  overTls("an expired certificate", "CERT_HAS_EXPIRED", "expired")
  overTls("a certificate for another host", "ERR_TLS_CERT_ALTNAME_INVALID", "otherHost")
  overTls("a certificate of an unknown authority", "DEPTH_ZERO_SELF_SIGNED_CERT", "unknown")
})

describe("limits", () => {
  it.scopedLive("a full line refuses at once", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const get = execute(HttpClientRequest.get(server.url))
      const program = Effect.gen(function* () {
        const held = yield* Effect.fork(get)
        yield* server.until(() => server.requests.length === 1)
        const error = yield* Effect.flip(get)
        yield* Fiber.interrupt(held)
        return [error.reason, causeOf(error)._tag]
      })
      const seen = yield* Effect.provide(
        program,
        NodePooledHttpClient.layer({ maxConnectionsPerHost: 1, maxPendingPerHost: 0 })
      )
      assert.deepStrictEqual(seen, ["Transport", "PendingLimitReached"])
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.scopedLive("a body over maxBodySize, announced or not", () =>
    Effect.gen(function* () {
      for (const head of ["content-length: 11\r\n\r\n", "connection: close\r\n\r\n"]) {
        const server = yield* serve((_, reply) => {
          reply.raw(`HTTP/1.1 200 OK\r\n${head}hello world`)
          reply.end()
        })
        const { cause, reason, tag } = yield* failureOf(execute(HttpClientRequest.get(server.url)), {
          safety: { maxBodySize: 10 }
        })
        assert.deepStrictEqual(
          [tag, reason, cause._tag, cause["limit"]],
          ["ResponseError", "Decode", "LimitExceeded", "maxBodySize"]
        )
      }
    })
  )

  for (const [limit, value, field] of [
    ["maxHeaderSize", 500, `x-a: ${"a".repeat(600)}\r\n`],
    ["maxLineLength", 100, `x-a: ${"a".repeat(200)}\r\n`],
    ["maxHeaders", 10, "x-a: 1\r\n".repeat(12)]
  ] as const) {
    it.scopedLive(`a head over ${limit}`, () =>
      Effect.gen(function* () {
        const server = yield* serve((_, reply) => reply.raw(`HTTP/1.1 200 OK\r\n${field}content-length: 0\r\n\r\n`))
        const { cause, reason, tag } = yield* failureOf(execute(HttpClientRequest.get(server.url)), {
          safety: { [limit]: value }
        })
        assert.deepStrictEqual(
          [tag, reason, cause._tag, cause["limit"]],
          ["RequestError", "Transport", "LimitExceeded", limit]
        )
        yield* server.until(() => server.open === 0)
      })
    )
  }

  it.scopedLive("a method that is not allowed", () =>
    Effect.gen(function* () {
      const server = yield* serve(echo)
      const { cause, reason } = yield* failureOf(execute(HttpClientRequest.post(server.url)), {
        safety: { allowedMethods: ["GET"] }
      })
      assert.deepStrictEqual([reason, cause._tag], ["Encode", "MethodNotAllowed"])
      assert.strictEqual(server.connections.length, 0)
    })
  )

  it.scopedLive("a content type that is not allowed", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.send({ headers: { "content-type": "text/html" }, body: "<p>" }))
      const { cause, reason, tag } = yield* failureOf(execute(HttpClientRequest.get(server.url)), {
        safety: { allowedContentTypes: ["application/json"] }
      })
      assert.deepStrictEqual([tag, reason, cause._tag], ["ResponseError", "Decode", "ContentTypeRefused"])
    })
  )
})

describe("timeouts, one for each phase", () => {
  it.scopedLive("the look-up: ConnectTimeout", () =>
    Effect.gen(function* () {
      const resolver: Resolver.ResolverShape = { lookup: () => Effect.never }
      const { cause, reason } = yield* failureOf(execute(HttpClientRequest.get("http://slow.invalid/")), {
        connectionTimeout: "50 millis",
        connector: { resolver }
      })
      assert.deepStrictEqual([reason, cause._tag], ["Transport", "ConnectTimeout"])
    })
  )

  it.scopedLive("the TLS handshake: ConnectTimeout, and the socket is closed", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {}, { deaf: true })
      const { cause, reason } = yield* failureOf(execute(HttpClientRequest.get(`https://127.0.0.1:${server.port}/`)), {
        connectionTimeout: "100 millis"
      })
      assert.deepStrictEqual([reason, cause._tag], ["Transport", "ConnectTimeout"])
      for (const connection of server.connections) connection.socket.resume()
      yield* server.until(() => server.connections.every((connection) => connection.ended))
    })
  )

  it.scopedLive("the wait for a connection: AcquireTimeout", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const get = execute(HttpClientRequest.get(server.url))
      const program = Effect.gen(function* () {
        const held = yield* Effect.fork(get)
        yield* server.until(() => server.requests.length === 1)
        const error = yield* Effect.flip(get)
        yield* Fiber.interrupt(held)
        return [error.reason, causeOf(error)._tag]
      })
      const seen = yield* Effect.provide(
        program,
        NodePooledHttpClient.layer({ maxConnectionsPerHost: 1, acquireTimeout: "50 millis" })
      )
      assert.deepStrictEqual(seen, ["Transport", "AcquireTimeout"])
      assert.strictEqual(server.requests.length, 1)
    })
  )

  const halfABody = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"
  for (const [phase, limit, answer] of [
    ["the head", "headersTimeout", ""],
    ["the head, for the whole", "requestTimeout", ""],
    ["the body", "bodyTimeout", halfABody]
  ] as const) {
    it.scopedLive(`${phase}: ExchangeTimeout by ${limit}, and the connection is closed`, () =>
      Effect.gen(function* () {
        const server = yield* serve((_, reply) => {
          if (answer !== "") reply.raw(answer)
        })
        const { cause, tag } = yield* failureOf(execute(HttpClientRequest.get(server.url)), {
          safety: { [limit]: "100 millis" }
        })
        assert.deepStrictEqual(
          [tag, cause._tag, cause["limit"]],
          [answer === "" ? "RequestError" : "ResponseError", "ExchangeTimeout", limit]
        )
        yield* server.until(() => server.open === 0)
      })
    )
  }

  // Its time begins with the request: under a live clock a busy machine may spend it before the head has come.
  it.scoped("the body, for the whole: ExchangeTimeout by requestTimeout, and the connection is closed", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, reply) => reply.raw(halfABody))
      const late = Effect.gen(function* () {
        const response = yield* HttpClient.get(server.url)
        const reading = yield* Effect.fork(response.text)
        yield* TestClock.adjust("100 millis")
        return yield* Fiber.join(reading)
      })
      const { cause, tag } = yield* failureOf(late, { safety: { requestTimeout: "100 millis" } })
      assert.deepStrictEqual([tag, cause._tag, cause["limit"]], ["ResponseError", "ExchangeTimeout", "requestTimeout"])
      yield* server.until(() => server.open === 0)
    })
  )
})
