import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodePooledHttpClient, NodeTls } from "@hotaru/node"
import { ConnectionKey, type PoolError } from "@hotaru/pool"
import { Effect, Equal, Queue, Redacted } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, noSocketsLeft, refusal, secure } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listen, listenTls, temporaryPath } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({
  localhost: ["127.0.0.1"],
  "server.test": ["127.0.0.1"],
  "server.test.": ["127.0.0.1"],
  "elsewhere.test": ["127.0.0.1"]
})

const connectorWith = (tls: NodeTls.TlsOptions | ConnectionKey.TlsIdentity) => NodeConnector.make({ resolver, tls })
const trusting = Effect.suspend(() => connectorWith({ ca: certs.ca.cert }))

describe("TLS", () => {
  it.scoped("is verified, and carries bytes both ways", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(
        { ...certs.server, ALPNProtocols: ["http/1.1"] },
        { onSocket: (s) => void s.pipe(s) }
      )
      const connection = yield* (yield* trusting).connect(secure(port, "server.test"))
      const recorder = record(connection)
      connection.write("h\u00e9llo")
      yield* recorder.until(({ length }) => length === 5)
      assert.strictEqual(recorder.text, "h\u00e9llo")
      assert.deepInclude(connection.facts.tls, {
        authorized: true,
        resumed: false,
        protocol: "TLSv1.3",
        alpn: "http/1.1"
      })
      assert.isAbove(connection.facts.timings?.tls ?? 0, 0)
    })
  )

  it.scoped("runs over a unix socket", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath("tls.sock")
      yield* listenTls(certs.server, { path, onSocket: (s) => void s.end("hi") })
      const key = secure(443, "server.test", { socketPath: path })
      const recorder = record(yield* (yield* trusting).connect(key))
      yield* recorder.saw("end:fin")
      assert.strictEqual(recorder.text, "hi")
    })
  )

  it.scoped("checks an IP literal against the certificate's addresses, and sends no server name for it", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const SNICallback = (name: string, done: (error: Error | null) => void) => {
        asked.push(name)
        done(null)
      }
      const { port } = yield* listenTls({ ...certs.server, SNICallback })
      const other = yield* listenTls({ ...certs.otherHost, SNICallback })
      const connector = yield* trusting
      const { facts } = yield* connector.connect(secure(port, "127.0.0.1"))
      assert.isTrue(facts.tls?.authorized)
      assert.strictEqual(
        (yield* refusal(connector, secure(other.port, "127.0.0.1"))).code,
        "ERR_TLS_CERT_ALTNAME_INVALID"
      )
      assert.deepStrictEqual(asked, [])
    })
  )

  it.scoped("leaves a trailing dot out of the server name and of the check", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const { port } = yield* listenTls({
        ...certs.server,
        SNICallback: (name, done) => {
          asked.push(name)
          done(null)
        }
      })
      const { facts } = yield* (yield* trusting).connect(secure(port, "server.test."))
      assert.isTrue(facts.tls?.authorized)
      assert.deepStrictEqual(asked, ["server.test"])
    })
  )

  it.scoped("asks for and checks the identity's server name in place of the host", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.otherHost)
      const connector = yield* trusting
      const tls = NodeTls.identity({ ca: certs.ca.cert, servername: "elsewhere.test" })
      const { facts } = yield* connector.connect(secure(port, "localhost", { tls }))
      assert.isTrue(facts.tls?.authorized)
    })
  )

  it.scoped("adds extraCa to the usual roots and lets ca replace them", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      const connector = yield* connectorWith({ extraCa: [certs.ca.cert, Buffer.from(certs.stranger.cert)] })
      assert.isTrue((yield* connector.connect(secure(port))).facts.tls?.authorized)
      const elsewhere = yield* connectorWith({ ca: certs.stranger.cert })
      assert.strictEqual((yield* refusal(elsewhere, secure(port))).code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    })
  )

  it.scoped("shows a client certificate, whose key may be redacted", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const { accepted, port } = yield* listenTls(
        { ...certs.server, ca: certs.ca.cert, requestCert: true, rejectUnauthorized: true },
        { onSocket: (s) => void seen.push(String((s as import("node:tls").TLSSocket).getPeerCertificate().subject.CN)) }
      )
      const { cert, key } = certs.client
      const connector = yield* connectorWith({ ca: certs.ca.cert, cert, key: Redacted.make(key) })
      yield* connector.connect(secure(port))
      yield* Queue.take(accepted)
      assert.deepStrictEqual(seen, ["a client"])
    })
  )

  it.scoped("takes an identity made before as it is, with all it holds", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      const identity = NodeTls.identity({ ca: certs.ca.cert, maxVersion: "TLSv1.2", label: "ours" })
      const connector = yield* connectorWith(identity)
      const { facts } = yield* connector.connect(secure(port))
      assert.deepStrictEqual([facts.tls?.protocol, facts.tls?.authorized], ["TLSv1.2", true])
    })
  )

  it.scoped("keeps to the versions it was given", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      const connector = yield* connectorWith({ ca: certs.ca.cert, maxVersion: "TLSv1.2" })
      assert.strictEqual((yield* connector.connect(secure(port))).facts.tls?.protocol, "TLSv1.2")
    })
  )
})

describe("a TLS dial that fails", () => {
  const cases: ReadonlyArray<readonly [string, keyof Certificates, string]> = [
    ["an expired certificate", "expired", "CERT_HAS_EXPIRED"],
    ["a certificate for another host", "otherHost", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["a self-signed certificate", "selfSigned", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["an unknown authority", "stranger", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]
  ]
  it.scoped.each(cases)("names %s", ([, which, code]) =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs[which])
      const error = yield* refusal(yield* trusting, secure(port))
      assert.deepInclude({ ...error }, { _tag: "ConnectError", phase: "tls", code, address: "127.0.0.1", local: false })
    })
  )

  it.scoped("verifies by default, without any option", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      const error = yield* refusal(yield* NodeConnector.make({ resolver }), secure(port))
      assert.deepInclude({ ...error }, { phase: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" })
    })
  )

  it.scoped("names a server that speaks no TLS", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ onSocket: (s) => void s.write("HTTP/1.1 400 Bad Request\r\n\r\n") })
      const error = yield* refusal(yield* trusting, secure(port))
      assert.strictEqual(error.phase, "tls")
      assert.include(["ERR_SSL_WRONG_VERSION_NUMBER", "EPROTO", "ERR_SSL_PACKET_LENGTH_TOO_LONG"], error.code)
    })
  )

  it.scoped("names a server that closes before the handshake", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ onSocket: (s) => void s.end() })
      const error = yield* refusal(yield* trusting, secure(port))
      assert.deepInclude({ ...error }, { phase: "tls", code: "ECONNRESET" })
      assert.include(error.detail, "before secure TLS connection was established")
    })
  )

  it.scoped("names a refusal of versions", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, minVersion: "TLSv1.3" })
      const error = yield* refusal(yield* connectorWith({ ca: certs.ca.cert, maxVersion: "TLSv1.2" }), secure(port))
      assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" })
    })
  )

  it.scoped("names a missing client certificate where the handshake shows it (TLS 1.2)", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, ca: certs.ca.cert, requestCert: true })
      const error = yield* refusal(yield* connectorWith({ ca: certs.ca.cert, maxVersion: "TLSv1.2" }), secure(port))
      assert.strictEqual(error.phase, "tls")
      assert.match(error.code ?? "", /HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED|ECONNRESET|BAD_CERTIFICATE/)
    })
  )

  it.scoped("tells a client certificate that TLS 1.3 refuses after the handshake to the receiver", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, ca: certs.ca.cert, requestCert: true })
      const connection = yield* (yield* trusting).connect(secure(port))
      const recorder = record(connection)
      yield* recorder.saw("error")
      const cause = recorder.causes[0] as PoolError.ConnectError
      assert.strictEqual(cause._tag, "ConnectError")
      assert.strictEqual(cause.phase, "tls")
      assert.strictEqual(cause.code, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED")
      assert.include(cause.message, "at 127.0.0.1 (tls): the server demands a client certificate, and none was given")
      assert.deepStrictEqual(recorder.openAtEvent, [false])
    })
  )

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scoped(`fails a request whose client certificate is missing with ConnectError in tls (${version})`, () =>
      Effect.gen(function* () {
        const { port } = yield* listenTls({ ...certs.server, ca: certs.ca.cert, requestCert: true })
        const tls = { ca: certs.ca.cert, maxVersion: version }
        const error = yield* Effect.flip(HttpClient.get(`https://127.0.0.1:${port}/`)).pipe(
          Effect.provide(NodePooledHttpClient.layer({ connector: { tls }, drainTimeout: 0 }))
        )
        const cause = error.cause as PoolError.ConnectError
        assert.deepStrictEqual(
          [error._tag, error.reason, cause._tag, cause.phase],
          ["RequestError", "Encode", "ConnectError", "tls"]
        )
        assert.match(
          cause.detail,
          /^the server .*demands a client certificate, and none was given.*\(ERR_SSL_[A-Z0-9_/]+\)$/
        )
      })
    )
  }

  it.scoped("leaves no socket open", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { port } = yield* listenTls(certs.expired)
          yield* refusal(yield* trusting, secure(port))
        })
      )
      yield* noSocketsLeft
    })
  )
})

describe("TLS identities", () => {
  it("are different keys, though made from the same options", () => {
    const [a, b] = [NodeTls.identity(), NodeTls.identity()]
    const key = (tls: ConnectionKey.TlsIdentity) =>
      ConnectionKey.make({ host: "localhost", port: 443, useTls: true, tls })
    assert.isFalse(Equal.equals(key(a), key(b)))
    assert.isTrue(Equal.equals(key(a), key(a)))
  })
})
