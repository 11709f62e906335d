/**
 * The event loop is blocked for longer than a limit, while what the limit waits for has happened already and lies in the
 * kernel. Timers run before input is looked at, so without care every one of these would be called late.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import * as Http from "node:http"
import type * as Net from "node:net"
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnectionPool, NodePooledHttpClient } from "@hotaru/node"
import { type Connection, type ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { Effect, Fiber, Layer, Stream } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, plain, secure } from "./support/dialling.js"
import { listen, listenTls } from "./support/servers.js"

/** Milliseconds. */
const limit = 200
const blocked = 600

/** Nothing else in this process can happen meanwhile. */
const block = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocked)

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

/** Blocks the loop once, when the next socket's attempt to connect is under way. */
const blockWhileConnecting = Effect.acquireRelease(
  Effect.sync(() => {
    const watch = (): void => {
      unsubscribe("net.client.socket", watch)
      // The attempt itself begins in the tick after the socket was made.
      process.nextTick(() => process.nextTick(block))
    }
    subscribe("net.client.socket", watch)
    return watch
  }),
  (watch) => Effect.sync(() => unsubscribe("net.client.socket", watch))
)

const secured = Layer.suspend(() =>
  NodeConnectionPool.layer({
    connectionTimeout: limit,
    connector: { tls: { ca: certs.ca.cert }, resolver: names({ "server.test": ["127.0.0.1"] }) }
  })
)

const dialled = (key: ConnectionKey.ConnectionKey, pool: ConnectionPool.ConnectionPoolShape) =>
  Effect.scoped(Effect.map(pool.acquire(key), ({ facts }: Connection.Connection) => facts))

const served = (listener: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly server: Http.Server }>((resume) => {
      const server = Http.createServer(listener)
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed({ url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`, server }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

const text = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.text)

describe("a loop that was blocked for longer than", () => {
  it.scopedLive("connectionTimeout has no TCP dial time out that had succeeded", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const pool = yield* ConnectionPool.ConnectionPool
      yield* blockWhileConnecting
      const { timings } = yield* dialled(plain(port), pool)
      assert.isAtLeast(timings?.tcp ?? 0, blocked)
    }).pipe(Effect.provide(NodeConnectionPool.layer({ connectionTimeout: limit })))
  )

  it.scopedLive("connectionTimeout has no TLS dial time out whose transport was there", () =>
    Effect.gen(function* () {
      const { port, server } = yield* listenTls(certs.server)
      server.once("connection", block)
      const pool = yield* ConnectionPool.ConnectionPool
      const { timings, tls } = yield* dialled(secure(port, "server.test"), pool)
      assert.isAtLeast((timings?.tcp ?? 0) + (timings?.tls ?? 0), blocked)
      assert.strictEqual(tls?.authorized, true)
    }).pipe(Effect.provide(Layer.fresh(secured)))
  )

  it.scopedLive("connectionTimeout has no TLS dial time out in the midst of its handshake", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({
        ...certs.server,
        SNICallback: (_name, done) => {
          block()
          done(null)
        }
      })
      const pool = yield* ConnectionPool.ConnectionPool
      const { timings, tls } = yield* dialled(secure(port, "server.test"), pool)
      assert.isAtLeast(timings?.tls ?? 0, blocked)
      assert.strictEqual(tls?.authorized, true)
    }).pipe(Effect.provide(Layer.fresh(secured)))
  )

  it.scopedLive("acquireTimeout turns nobody away whose connection was about to be returned", () =>
    Effect.gen(function* () {
      let requests = 0
      const { url } = yield* served((request, response) => {
        response.end(`${request.url}`)
        if (++requests === 1) block()
      })
      const answers = yield* Effect.all([text(`${url}/first`), text(`${url}/second`)], { concurrency: 2 })
      assert.deepStrictEqual(answers, ["/first", "/second"])
      const { created, misses } = yield* Effect.flatMap(ConnectionPool.ConnectionPool, ({ stats }) => stats)
      assert.deepStrictEqual([created, misses], [1, 1])
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ acquireTimeout: limit, maxConnectionsPerHost: 1 })))
  )

  it.scopedLive("headersTimeout loses no answer that had come", () =>
    Effect.gen(function* () {
      const { url } = yield* served((_request, response) => {
        response.end("in time")
        block()
      })
      assert.strictEqual(yield* text(url), "in time")
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ safety: { headersTimeout: limit } })))
  )

  it.scopedLive("requestTimeout loses no answer that had come", () =>
    Effect.gen(function* () {
      const { url } = yield* served((_request, response) => {
        response.end("in time")
        block()
      })
      assert.strictEqual(yield* text(url), "in time")
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ safety: { requestTimeout: limit } })))
  )

  it.scopedLive("bodyTimeout ends no upload that goes on", () =>
    Effect.gen(function* () {
      const size = 16 * 1024 * 1024
      const { url } = yield* served((request, response) => {
        let received = 0
        request.once("data", block)
        request.on("data", (piece: Buffer) => {
          received += piece.length
        })
        request.on("end", () => void response.end(`${received}`))
      })
      const upload = HttpClientRequest.put(url).pipe(HttpClientRequest.bodyUint8Array(new Uint8Array(size)))
      const response = yield* HttpClient.execute(upload)
      assert.strictEqual(yield* response.text, `${size}`)
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ safety: { bodyTimeout: limit } })))
  )

  it.scopedLive("bodyTimeout loses no piece that had come", () =>
    Effect.gen(function* () {
      const open: Array<Http.ServerResponse> = []
      const { url } = yield* served((_request, response) => {
        open.push(response)
        response.write("the first, ")
      })
      const response = yield* HttpClient.get(url)
      const pieces = yield* response.stream.pipe(
        Stream.decodeText(),
        Stream.tap((piece) =>
          Effect.sync(() => {
            if (!piece.startsWith("the first")) return
            // When the reader waits for the next.
            setImmediate(() => {
              open[0]?.end("the last")
              block()
            })
          })
        ),
        Stream.runFold("", (all, piece) => all + piece)
      )
      assert.strictEqual(pieces, "the first, the last")
    }).pipe(Effect.provide(NodePooledHttpClient.layer({ safety: { bodyTimeout: limit } })))
  )
})

describe("all the same", () => {
  it.scopedLive("a dial that nobody answers times out after the loop was blocked", () =>
    Effect.gen(function* () {
      // Accepts, and never says a word of TLS.
      const { port, server } = yield* listen()
      server.once("connection", block)
      const pool = yield* ConnectionPool.ConnectionPool
      const dial = yield* Effect.fork(dialled(secure(port, "server.test"), pool))
      assert.strictEqual((yield* Effect.flip(Fiber.join(dial)))._tag, "ConnectTimeout")
    }).pipe(Effect.provide(Layer.fresh(secured)))
  )
})
