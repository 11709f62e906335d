/** What a person on call reads, word by word, where a connection cannot be made or is not what it should be. */
import * as Http from "node:http"
import type * as Net from "node:net"
import Tls from "node:tls"
import { HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient, type NodeTls } from "@hotaru/node"
import { Effect } from "effect"
import { type Certificates, certificates } from "../support/certificates.js"
import { names } from "../support/dialling.js"
import { listen, listenTls, temporaryPath } from "../support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ "server.test": ["127.0.0.1"], localhost: ["127.0.0.1"] })

const failing = (url: string, tls: NodeTls.TlsOptions = {}): Effect.Effect<HttpClientError.RequestError> =>
  HttpClient.get(url).pipe(
    Effect.flip,
    Effect.scoped,
    Effect.provide(NodePooledHttpClient.layer({ connector: { resolver, tls: { ca: certs.ca.cert, ...tls } } })),
    Effect.orDieWith((response) => new Error(`answered: ${String(response)}`))
  ) as Effect.Effect<HttpClientError.RequestError>

describe("a server that demands a client certificate", () => {
  it.effect("is named as such where none was given, and the request is not repeated", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls({
          ...certs.server,
          requestCert: true,
          rejectUnauthorized: true,
          ca: certs.ca.cert
        })
        const error = yield* failing(`https://server.test:${port}/`)
        assert.strictEqual(
          error.message,
          `Could not connect to https://server.test:${port} at 127.0.0.1 (tls): the server demands a client certificate, and ` +
            "none was given (the TLS options cert and key) (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED) " +
            `(GET https://server.test:${port}/)`
        )
        assert.strictEqual(error.reason, "Encode")
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
      })
    )
  )

  it.effect("is named as such where it speaks TLS 1.2, which has one alert for much", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls({
          ...certs.server,
          maxVersion: "TLSv1.2",
          requestCert: true,
          rejectUnauthorized: true,
          ca: certs.ca.cert
        })
        const error = yield* failing(`https://server.test:${port}/`)
        assert.include(
          error.message,
          "(tls): the server refused the handshake: it demands a client certificate, and none was given"
        )
        assert.strictEqual(error.reason, "Encode")
        assert.isFalse(PooledHttpClient.isSafeToRetry(error))
      })
    )
  )

  it.effect("says that ours was refused where one was given that it does not take", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls({
          ...certs.server,
          requestCert: true,
          rejectUnauthorized: true,
          ca: certs.ca.cert
        })
        const error = yield* failing(`https://server.test:${port}/`, certs.selfSigned)
        // An alert, or (Node's own servers) a reset without one.
        assert.match(error.message, /the server (refused|does not take) our client certificate/)
      })
    )
  )
})

describe("a handshake without a version or a cipher in common", () => {
  it.effect("says so, names the options, and is not repeated", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls({ ...certs.server, maxVersion: "TLSv1.2" })
        const versions = yield* failing(`https://server.test:${port}/`, { minVersion: "TLSv1.3" })
        assert.strictEqual(
          versions.message,
          `Could not connect to https://server.test:${port} at 127.0.0.1 (tls): the server speaks no version of TLS that we ` +
            `offer (the TLS options minVersion and maxVersion) (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION) (GET https://server.test:${port}/)`
        )
        assert.strictEqual(versions.reason, "Encode")
        assert.isFalse(PooledHttpClient.isSafeToRetry(versions))
      })
    )
  )

  it.effect("follows Node's own minimum, tls.DEFAULT_MIN_VERSION", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const usual = Tls.DEFAULT_MIN_VERSION
        yield* Effect.addFinalizer(() => Effect.sync(() => Object.assign(Tls, { DEFAULT_MIN_VERSION: usual })))
        const { port } = yield* listenTls({ ...certs.server, maxVersion: "TLSv1.2" })
        Tls.DEFAULT_MIN_VERSION = "TLSv1.3"
        assert.include((yield* failing(`https://server.test:${port}/`)).message, "no version of TLS that we offer")
      })
    )
  )

  it.effect("says that there is no cipher in common", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls({
          ...certs.server,
          maxVersion: "TLSv1.2",
          ciphers: "ECDHE-RSA-AES256-GCM-SHA384"
        })
        const error = yield* failing(`https://server.test:${port}/`, {
          maxVersion: "TLSv1.2",
          ciphers: "ECDHE-RSA-AES128-GCM-SHA256"
        })
        assert.include(error.message, "or it has no cipher in common with us (ERR_SSL_")
        assert.strictEqual(error.reason, "Encode")
      })
    )
  )
})

describe("a port of another protocol", () => {
  const serving = (hello: string | Buffer | undefined, answer?: string | Buffer) =>
    listen({
      onSocket: (socket) => {
        if (hello !== undefined) socket.write(hello)
        if (answer !== undefined) socket.once("data", () => socket.end(answer))
      }
    })

  it.effect("that speaks TLS is named as such where http is spoken to it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* listenTls(certs.server)
        const error = yield* failing(`http://server.test:${port}/`)
        assert.match(
          error.message,
          /^The peer accepted the connection and closed it before it had answered anything, \d+ bytes of the request were written: .*; perhaps it speaks TLS on this port \(the URL has to begin with https then\), or has no server behind it \(GET http:/
        )
      })
    )
  )

  it.effect("that answers with an alert of TLS shows its bytes", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* serving(undefined, Buffer.from([0x15, 3, 3, 0, 2, 2, 70]))
        const error = yield* failing(`http://server.test:${port}/`)
        assert.strictEqual(
          error.message,
          "Malformed response (MalformedStatusLine): The answer does not start with HTTP/1.: 0x15 at 0 [RFC 9112 section 4]; " +
            'the peer\'s first bytes are "\\x15\\x03\\x03\\x00\\x02\\x02F"; perhaps it speaks TLS on this port, and the URL has ' +
            `to begin with https (GET http://server.test:${port}/)`
        )
      })
    )
  )

  it.effect("that greets first (SMTP) shows its greeting", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* serving("220 mail.test ESMTP\r\n")
        const error = yield* failing(`http://server.test:${port}/`)
        assert.include(
          error.message,
          'the peer\'s first bytes are "220 mail.test ESMTP\\r\\n"; perhaps it speaks SMTP or FTP on this port'
        )
      })
    )
  )

  it.effect("that speaks plain HTTP is named as such where https is spoken to it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = Http.createServer()
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () => Effect.sync(() => void server.close())
        )
        const { port } = server.address() as Net.AddressInfo
        const error = yield* failing(`https://server.test:${port}/`)
        assert.strictEqual(
          error.message,
          `Could not connect to https://server.test:${port} at 127.0.0.1 (tls): what the peer answered is no TLS; perhaps it ` +
            `speaks plain HTTP on this port (ERR_SSL_WRONG_VERSION_NUMBER) (GET https://server.test:${port}/)`
        )
      })
    )
  )

  it.effect("that ends in the middle of a handshake says so", () =>
    Effect.scoped(
      Effect.gen(function* () {
        for (const how of ["end", "resetAndDestroy"] as const) {
          const { port } = yield* listen({ onSocket: (socket) => void socket.once("data", () => socket[how]()) })
          const error = yield* failing(`https://server.test:${port}/`)
          assert.include(error.message, "in the middle of the TLS handshake", how)
        }
      })
    )
  )
})

describe("a request that goes nowhere", () => {
  it.effect("says that a port is out of range", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["http://localhost:99999/", 'its port, "99999", is out of range: ports are whole numbers from 1 to 65535'],
        ["http://localhost:-1/", 'its port, "-1", is no whole number from 1 to 65535'],
        ["http://localhost:abc/", 'its port, "abc", is no whole number from 1 to 65535'],
        ["http://[::1]:65536/", 'its port, "65536", is out of range: ports are whole numbers from 1 to 65535'],
        ["http://localhost:0/", "port 0 cannot be dialled"]
      ]
      for (const [url, problem] of cases) {
        const error = yield* failing(url)
        assert.strictEqual(error.message, `Invalid URL ${JSON.stringify(url)}: ${problem} (GET ${url})`)
        assert.strictEqual(error.reason, "InvalidUrl")
      }
    })
  )

  it.effect(
    "names the file that an upload could not open",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { createReadStream } = yield* Effect.promise(() => import("node:fs"))
          const { HttpBody } = yield* Effect.promise(() => import("@effect/platform"))
          const { Stream } = yield* Effect.promise(() => import("effect"))
          const { port } = yield* listen()
          const path = yield* temporaryPath("absent")
          const stream = Stream.fromAsyncIterable(
            {
              [Symbol.asyncIterator]: () => createReadStream(path)[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
            },
            (cause) => ({ _tag: "Wrapped", cause })
          )
          const request = HttpClientRequest.post(`http://server.test:${port}/`).pipe(
            HttpClientRequest.setBody(HttpBody.stream(stream))
          )
          const error = yield* HttpClient.execute(request).pipe(
            Effect.flip,
            Effect.provide(NodePooledHttpClient.layer({ connector: { resolver } }))
          )
          assert.match(
            error.message.split("\n")[0] ?? "",
            /^The request's body failed: ENOENT: no such file or directory, open '.*absent' \(\d+ bytes of the request were written\) \(POST /
          )
        })
      ) as Effect.Effect<void>
  )
})
