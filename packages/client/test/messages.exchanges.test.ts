/** What a person on call reads, word by word, where an exchange fails. */
import { HttpClient, type HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool, PoolEvent } from "@hotaru/pool"
import { ScriptedServer, Wire } from "@hotaru/testing"
import { Effect, Fiber, Logger, Queue, TestClock } from "effect"
import { clientLayer, get, post } from "./support.js"

const failure = (request: HttpClientRequest.HttpClientRequest, after = "0 millis") =>
  Effect.gen(function* () {
    const exchange = yield* Effect.fork(Effect.flip(HttpClient.execute(request)))
    yield* TestClock.adjust(after as "1 second")
    return yield* Fiber.join(exchange)
  })

describe("an answer that does not come in time", () => {
  it.effect("is told with what was sent, on which connection, and what can be raised", () =>
    Effect.gen(function* () {
      const error = yield* failure(get("/slow"), "300 millis")
      assert.match(
        error.message,
        /^No answer began within headersTimeout = 300 ms: \d+ bytes of the request were written, on a new connection; HttpSafety\.withLimits\(\{ headersTimeout \}\) can raise it \(GET http:\/\/a\.test\/slow\)$/
      )
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(() => ScriptedServer.hang),
          { safety: { headersTimeout: 300 } }
        )
      )
    )
  )

  it.effect("is told as one of a reused connection where it was one", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(HttpClient.execute(get("/")), ({ text }) => text)
      const error = yield* failure(get("/slow"), "300 millis")
      assert.match(
        error.message,
        /^No answer began within headersTimeout = 300 ms: \d+ bytes .*, on a reused connection;/
      )
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(({ target }) => (target === "/slow" ? ScriptedServer.hang : Wire.ok("here"))),
          { safety: { headersTimeout: 300 } }
        )
      )
    )
  )

  it.effect("is told from one whose head or body had begun", () =>
    Effect.gen(function* () {
      const head = yield* failure(get("/head"), "300 millis")
      assert.include(head.message, "The answer's head had begun and was not complete within headersTimeout = 300 ms")
      const response = yield* HttpClient.execute(get("/body"))
      const reading = yield* Effect.fork(Effect.flip(response.text))
      yield* TestClock.adjust("200 millis")
      const body = yield* Fiber.join(reading)
      assert.include(
        body.message,
        "The answer's body had begun, and nothing more of it came within bodyTimeout = 200 ms"
      )
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(({ target }) => [
            target === "/head" ? "HTTP/1.1 200 OK\r\nConte" : "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour",
            ScriptedServer.hang
          ]),
          { safety: { headersTimeout: 300, bodyTimeout: 200 } }
        )
      )
    )
  )
})

describe("a POST on a connection that the server closes", () => {
  it.effect("is told how long it had been idle, and what to set", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(HttpClient.execute(get("/")), ({ text }) => text)
      yield* TestClock.adjust("4800 millis")
      const error = yield* failure(post("/order"))
      assert.match(
        error.message,
        /^A reused connection broke without a byte of an answer, \d+ bytes of the request were written: the peer closed it; it had been idle for 4800 ms, and the server's keep-alive is probably shorter: set idleTimeout below that, or send an Idempotency-Key, with which it may be sent again \(POST http:\/\/a\.test\/order\)$/
      )
      assert.isFalse(PooledHttpClient.isSafeToRetry(error))
    }).pipe(
      Effect.provide(
        clientLayer(ScriptedServer.make(({ method }) => (method === "POST" ? ScriptedServer.end : Wire.ok("here"))))
      )
    )
  )
})

describe("an answer that is none", () => {
  const answering = (answer: string) =>
    Effect.provide(clientLayer(ScriptedServer.make(() => [answer, ScriptedServer.end])))

  it.effect("shows both lengths where there are two", () =>
    Effect.gen(function* () {
      const error = yield* failure(get("/"))
      assert.strictEqual(
        error.message,
        "Malformed response (AmbiguousLength): The Content-Length is not one number that can be counted exactly: " +
          '"5, 6" [RFC 9110 section 8.6] (GET http://a.test/)'
      )
    }).pipe(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"))
  )

  const others: ReadonlyArray<readonly [what: string, answer: string, said: string]> = [
    ["SSH", "SSH-2.0-OpenSSH_9.6\r\n", '"SSH-2.0-OpenSSH_9.6\\r\\n"; perhaps it speaks SSH on this port'],
    [
      "HTTP/2",
      "\0\0\x12\x04\0\0\0\0\0\0\x03",
      '"\\x00\\x00\\x12\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x03"; perhaps it speaks HTTP/2 only on this port'
    ],
    [
      "TLS",
      "\x15\x03\x01\0\x02\x02\x46",
      '"\\x15\\x03\\x01\\x00\\x02\\x02F"; perhaps it speaks TLS on this port, and the URL has to begin with https'
    ],
    ["HTML", "<html>", '"<html>"; perhaps it answers with plain HTML or XML, without a status line'],
    [
      "something else",
      "hello\tthere",
      '"hello\\x09there"; perhaps it speaks another protocol on this port, such as SMTP, TLS or HTTP/2'
    ],
    ["much", "x".repeat(1000), `"${"x".repeat(40)}"; perhaps`]
  ]
  for (const [what, answer, said] of others) {
    it.effect(`shows its first bytes as text, and what they may be: ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* failure(get("/"))
        assert.include(error.message, `the peer's first bytes are ${said}`)
      }).pipe(answering(answer))
    )
  }

  it.effect("shows all of its beginning where it comes in pieces", () =>
    Effect.gen(function* () {
      assert.include((yield* failure(get("/"))).message, `first bytes are "HTTP/X`)
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(() => ["HTTP/X.1 no", ScriptedServer.end], {
            cut: (bytes) => [...bytes].map((b) => Uint8Array.of(b))
          })
        )
      )
    )
  )

  it.effect("shows nothing of a reused connection, where it may be a part of another's answer", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(HttpClient.execute(get("/")), ({ text }) => text)
      const error = yield* failure(get("/2"))
      assert.include(error.message, "Malformed response (MalformedStatusLine)")
      assert.notInclude(error.message, "secret")
    }).pipe(
      Effect.provide(
        clientLayer(ScriptedServer.make(({ exchange }) => (exchange === 1 ? Wire.ok("here") : "secret of another")))
      )
    )
  )

  it.effect("is told apart: a body that is not JSON came whole, and one that broke off did not", () =>
    Effect.gen(function* () {
      const whole = yield* HttpClient.execute(get("/whole"))
      assert.strictEqual(
        (yield* Effect.flip(whole.json)).message,
        'The response\'s body came whole, but it is not JSON (content-type "text/html") (200 GET http://a.test/whole)'
      )
      const broken = yield* HttpClient.execute(get("/broken"))
      assert.include((yield* Effect.flip(broken.json)).message, "connection broke after the answer had begun")
    }).pipe(
      Effect.provide(
        clientLayer(
          ScriptedServer.make(({ target }) =>
            target === "/whole"
              ? "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
              : ["HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n[1,", ScriptedServer.end]
          )
        )
      )
    )
  )
})

describe("a leak", () => {
  const forgetful = ScriptedServer.make(() => [
    `HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n${"x".repeat(100_000)}`,
    ScriptedServer.hang
  ])

  it.effect("is reported with the request, the program's spans and where they were opened, and nothing of ours", () => {
    const lines: Array<string> = []
    const logger = Logger.make(
      ({ message }) => void lines.push(Array.isArray(message) ? message.join("\n") : String(message))
    )
    return Effect.gen(function* () {
      const pool = yield* ConnectionPool.ConnectionPool
      const events = yield* pool.subscribe
      const response = yield* HttpClient.execute(get("/report?token=secret")).pipe(
        Effect.withSpan("checkout"),
        Effect.withSpan("order")
      )
      yield* TestClock.adjust("1 second")
      const report = lines.find((line) => line.startsWith("A connection")) ?? ""
      const [first, ...places] = report.split("\n")
      assert.match(
        first ?? "",
        /^A connection to http:\/\/a\.test:80 has been on lease by GET \/report for 1000 ms \(leakThreshold\), taken in span "http\.client GET" in "checkout" in "order" of trace [0-9a-f]+$/
      )
      assert.isAtLeast(places.length, 3)
      assert.strictEqual(places[0], "acquired here")
      assert.match(report, /at checkout \(.*messages\.exchanges\.test\.ts:\d+:\d+\)/)
      assert.match(report, /at order \(.*messages\.exchanges\.test\.ts:\d+:\d+\)/)
      assert.notMatch(report, /secret|node_modules\/effect|packages\/(pool|client|http1|node)\/src|node:internal/)
      const leaked = Array.from(yield* Queue.takeAll(events)).find(PoolEvent.$is("Leaked"))
      assert.strictEqual(leaked?.purpose, "GET /report")
      assert.strictEqual(leaked?.stack, places.join("\n"))
      assert.strictEqual(response.status, 200)
    }).pipe(
      Effect.scoped,
      Effect.provide(clientLayer(forgetful, { pool: { leakThreshold: "1 second" } as never })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  })
})
