/** Certificates and keys in all the forms they come in, and versions. */
import { createPrivateKey, X509Certificate } from "node:crypto"
import type * as Tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls } from "@hotaru/node"
import { PoolError } from "@hotaru/pool"
import { Effect, Queue, Redacted } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, refusal, secure } from "./support/dialling.js"
import { listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ localhost: ["127.0.0.1"] })
const der = (pem: string): Buffer => new X509Certificate(pem).raw
const phrase = "open sesame"
const sealed = (format: "pem" | "der") =>
  createPrivateKey(certs.client.key).export({
    type: "pkcs8",
    format: format as never,
    cipher: "aes-256-cbc",
    passphrase: phrase
  })

const connect = (port: number, tls: NodeTls.TlsOptions) =>
  Effect.scoped(
    Effect.flatMap(NodeConnector.make({ resolver, tls }), (connector) =>
      Effect.map(connector.connect(secure(port)), ({ facts }) => facts.tls)
    )
  )

describe("trusted roots", () => {
  const forms: ReadonlyArray<readonly [string, () => NodeTls.TlsOptions["ca"]]> = [
    ["text", () => certs.ca.cert],
    ["bytes of text", () => Buffer.from(certs.ca.cert)],
    ["DER", () => der(certs.ca.cert)],
    ["DER in a plain Uint8Array", () => new Uint8Array(der(certs.ca.cert))],
    [
      "a view into something greater",
      () => new Uint8Array(Buffer.concat([Buffer.of(1), der(certs.ca.cert)])).subarray(1)
    ],
    ["a bundle, with words in between", () => `Ours:\r\n${certs.stranger.cert}\r\nTheirs:\r\n${certs.ca.cert}\r\n`],
    ["a list of all kinds", () => [certs.stranger.cert, der(certs.ca.cert)]]
  ]
  it.scoped.each(forms)("are taken as %s", ([, ca]) =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      assert.isTrue((yield* connect(port, { ca: ca() }))?.authorized)
      assert.isTrue((yield* connect(port, { extraCa: ca() }))?.authorized)
    })
  )

  const junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
  const useless: ReadonlyArray<readonly [string, () => NodeTls.TlsOptions["ca"], RegExp]> = [
    ["text that is none", () => "/etc/ca.pem", /text without a certificate/],
    ["bytes that are none", () => Buffer.from("/etc/ca.pem"), /bytes that are no certificate/],
    ["no bytes", () => new Uint8Array(), /bytes that are no certificate/],
    ["a key", () => certs.ca.key, /text without a certificate/],
    ["a certificate cut short", () => certs.ca.cert.slice(0, -40), /text without a certificate/],
    ["one that cannot be read", () => junk, /1 certificate, which cannot be read/],
    ["one of many that cannot be read", () => `${certs.ca.cert}\n${junk}`, /2 certificates of which number 2/],
    ["something else", () => 1 as never, /of type number/]
  ]
  it.each(useless)("are refused when they are %s, at once and not at the first dial", (_, ca, expected) => {
    for (const field of ["ca", "extraCa"] as const) {
      try {
        NodeTls.identity({ [field]: ca() })
      } catch (error) {
        assert.instanceOf(error, PoolError.InvalidPoolConfig)
        assert.strictEqual((error as PoolError.InvalidPoolConfig).field, `connector.tls.${field}`)
        assert.match((error as Error).message, expected)
        continue
      }
      assert.fail("it was taken")
    }
  })
})

describe("a client's certificate and key", () => {
  const forms: ReadonlyArray<readonly [string, () => NodeTls.TlsOptions]> = [
    ["text", () => ({ cert: certs.client.cert, key: certs.client.key })],
    ["bytes of text", () => ({ cert: Buffer.from(certs.client.cert), key: Buffer.from(certs.client.key) })],
    [
      "DER",
      () => ({
        cert: der(certs.client.cert),
        key: createPrivateKey(certs.client.key).export({ type: "pkcs8", format: "der" })
      })
    ],
    ["a sealed key", () => ({ cert: certs.client.cert, key: sealed("pem") as string, passphrase: phrase })],
    [
      "a sealed key in DER, all redacted",
      () => ({
        cert: certs.client.cert,
        key: Redacted.make(sealed("der") as Buffer),
        passphrase: Redacted.make(phrase)
      })
    ]
  ]
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scoped.each(forms)(`are shown, given as %s (${version})`, ([, tls]) =>
      Effect.gen(function* () {
        const shown = yield* Queue.unbounded<unknown>()
        const { port } = yield* listenTls(
          { ...certs.server, ca: certs.ca.cert, requestCert: true, maxVersion: version },
          { onSocket: (s) => void shown.unsafeOffer((s as Tls.TLSSocket).getPeerCertificate().subject.CN) }
        )
        const connector = yield* NodeConnector.make({ resolver, tls: { ca: certs.ca.cert, ...tls() } })
        yield* connector.connect(secure(port))
        assert.strictEqual(yield* Queue.take(shown), "a client")
      })
    )
  }

  const useless: ReadonlyArray<readonly [string, () => NodeTls.TlsOptions, RegExp]> = [
    ["a key of another certificate", () => ({ cert: certs.client.cert, key: certs.server.key }), /^connector\.tls$/],
    [
      "a wrong passphrase",
      () => ({ cert: certs.client.cert, key: sealed("pem") as string, passphrase: "no" }),
      /^connector\.tls$/
    ],
    [
      "a wrong passphrase of DER",
      () => ({ cert: certs.client.cert, key: sealed("der") as Buffer, passphrase: "no" }),
      /\.key$/
    ],
    ["bytes that are no key", () => ({ cert: certs.client.cert, key: Buffer.from(phrase) }), /\.key$/],
    ["a key of no kind", () => ({ cert: certs.client.cert, key: Redacted.make({ phrase }) as never }), /\.key$/],
    [
      "a passphrase of no kind",
      () => ({ cert: certs.client.cert, key: certs.client.key, passphrase: 7 as never }),
      /\.passphrase$/
    ],
    ["a pfx that is text", () => ({ pfx: phrase as never }), /\.pfx$/],
    ["a pfx that is none", () => ({ pfx: Buffer.from(phrase), passphrase: phrase }), /^connector\.tls$/]
  ]
  it.each(useless)("are refused with %s, and nothing of them is shown", (_, tls, field) => {
    try {
      NodeTls.identity(tls())
    } catch (error) {
      assert.instanceOf(error, PoolError.InvalidPoolConfig)
      assert.match((error as PoolError.InvalidPoolConfig).field, field)
      assert.notMatch(`${JSON.stringify(error)}${String(error)}`, /sesame|PRIVATE/)
      return
    }
    assert.fail("they were taken")
  })
})

describe("TLS versions", () => {
  // OpenSSL itself speaks TLS 1.1 only at its lowest level of security.
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const

  it.scoped("before 1.2 are not spoken, unless asked for", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, ...old })
      const connector = yield* NodeConnector.make({ resolver, tls: { ca: certs.ca.cert } })
      const error = yield* refusal(connector, secure(port))
      assert.deepInclude({ ...error }, { phase: "tls", local: false })
      assert.match(error.code ?? "", /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/)
      assert.strictEqual((yield* connect(port, { ca: certs.ca.cert, ...old }))?.protocol, "TLSv1.1")
    })
  )

  it.scoped("below the lowest one wanted are refused", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, maxVersion: "TLSv1.2" })
      const tls = { ca: certs.ca.cert, minVersion: "TLSv1.3" } as const
      const error = yield* refusal(yield* NodeConnector.make({ resolver, tls }), secure(port))
      assert.strictEqual(error.phase, "tls")
      assert.match(error.code ?? "", /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/)
      assert.strictEqual((yield* connect(port, { ca: certs.ca.cert, minVersion: "TLSv1.2" }))?.protocol, "TLSv1.2")
    })
  )
})
