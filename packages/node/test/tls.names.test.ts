/** Which name is asked for (SNI), and which must be in the certificate (RFC 6066 section 3, RFC 9525, RFC 9110 section 4.3.4). */
import * as Tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls } from "@hotaru/node"
import { ConnectionKey } from "@hotaru/pool"
import { Effect } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, refusal, secure } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const here = ["127.0.0.1"]
const resolver = names({
  "server.test": here,
  "xn--bcher-kva.test": here,
  "a.wild.test": here,
  "a.b.wild.test": here,
  "_a_b.wild.test": here,
  "a.a_b.test": here,
  "wild.test": here,
  localhost: here
})

/** A server with the certificate, and the server names it was asked for. */
const asked = (which: keyof Certificates, host = "127.0.0.1") =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    const SNICallback = (name: string, done: (error: Error | null) => void) => {
      seen.push(name)
      done(null)
    }
    const { port } = yield* listenTls(
      { ...certs[which], SNICallback },
      { host, onSocket: (s) => void s.write("hello") }
    )
    return { port, seen }
  })

const trusting = Effect.suspend(() => NodeConnector.make({ resolver, tls: { ca: certs.ca.cert } }))

describe("the name of a TLS peer", () => {
  const believed: ReadonlyArray<readonly [host: string, certificate: keyof Certificates, sni: ReadonlyArray<string>]> =
    [
      ["server.test", "server", ["server.test"]],
      ["SERVER.test", "server", ["server.test"]],
      ["bücher.test", "names", ["xn--bcher-kva.test"]],
      ["BÜCHER.test", "names", ["xn--bcher-kva.test"]],
      ["a.wild.test", "names", ["a.wild.test"]],
      // No name of a host by the letter (RFC 952), and common: OpenSSL does not know it below a wildcard.
      ["_a_b.wild.test", "names", ["_a_b.wild.test"]],
      ["a.a_b.test", "names", ["a.a_b.test"]],
      ["127.0.0.1", "server", []],
      ["2130706433", "server", []]
    ]
  it.scoped.each(believed)("%s is found in the certificate of %s", ([host, which, sni]) =>
    Effect.gen(function* () {
      const { port, seen } = yield* asked(which)
      const { facts } = yield* (yield* trusting).connect(secure(port, host))
      assert.isTrue(facts.tls?.authorized)
      assert.deepStrictEqual(seen, [...sni])
    })
  )

  it.scoped("is an address of IPv6 as well, whatever its spelling, and no server name is sent", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* asked("server", "::1")
      const connector = yield* trusting
      for (const host of ["::1", "0:0:0:0:0:0:0:1", "[::1]"])
        assert.isTrue((yield* connector.connect(secure(port, host))).facts.tls?.authorized)
      assert.deepStrictEqual(seen, [])
      const other = yield* asked("otherHost", "::1")
      assert.strictEqual((yield* refusal(connector, secure(other.port, "::1"))).code, "ERR_TLS_CERT_ALTNAME_INVALID")
    })
  )

  const refused: ReadonlyArray<readonly [host: string, certificate: keyof Certificates]> = [
    ["wild.test", "names"],
    ["a.b.wild.test", "names"],
    ["server.test", "names"],
    ["localhost", "names"],
    // A name in a certificate is no address, and the other way round.
    ["127.0.0.1", "names"],
    ["server.test", "otherHost"],
    // Dialled as 127.0.0.1, and another name for it: nobody has certified that one.
    ["::ffff:127.0.0.1", "server"]
  ]
  it.scoped.each(refused)("%s is not found in the certificate of %s", ([host, which]) =>
    Effect.gen(function* () {
      const { port } = yield* asked(which)
      const error = yield* refusal(yield* trusting, secure(port, host))
      assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
    })
  )

  it.scoped("is not looked for in the common name, and the error says how to get on", () =>
    Effect.gen(function* () {
      const { port } = yield* asked("commonName")
      const error = yield* refusal(yield* trusting, secure(port, "server.test"))
      assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      assert.include(error.detail, "common name")
      assert.include(error.detail, "checkServerIdentity: tls.checkServerIdentity")
      const tls = NodeTls.identity({ ca: certs.ca.cert, checkServerIdentity: Tls.checkServerIdentity })
      const connector = yield* trusting
      assert.isTrue((yield* connector.connect(secure(port, "server.test", { tls }))).facts.tls?.authorized)
      const other = yield* asked("otherHost")
      const refused = yield* refusal(connector, secure(other.port, "server.test", { tls }))
      assert.strictEqual(refused.code, "ERR_TLS_CERT_ALTNAME_INVALID")
    })
  )

  it.scoped.each(["a.wild.test", "server.test", "xn--bcher-kva.test"])(
    "is not matched by a wildcard that is a part of a label: %s",
    (host) =>
      Effect.gen(function* () {
        const { port } = yield* asked("partialWildcards")
        const error = yield* refusal(yield* trusting, secure(port, host))
        assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      })
  )

  it.scoped.each([
    ["our check", undefined],
    ["Node's", Tls.checkServerIdentity]
  ] as const)(
    "that is not the certificate's is refused with an error that can be printed, and is not long: %s",
    ([, check]) =>
      Effect.gen(function* () {
        const { port } = yield* asked("manyNames")
        const tls = NodeTls.identity({ ca: certs.ca.cert, checkServerIdentity: check })
        const error = yield* refusal(yield* trusting, secure(port, "server.test", { tls }))
        assert.match(error.detail, /: it names DNS:name-0\.elsewhere\.test, .*name-4\.elsewhere\.test and 195 more$/)
        // Node's own error holds the certificate and those of its issuers, in a circle.
        assert.isBelow(JSON.stringify(error).length, 2000)
        assert.notProperty(error.cause, "cert")
      })
  )

  const checks: ReadonlyArray<readonly [string, () => unknown]> = [
    [
      "throws",
      () => {
        throw new Error("no pin")
      }
    ],
    ["answers true", () => true],
    ["answers null", () => null],
    ["answers a promise", () => Promise.resolve(undefined)],
    ["answers an error", () => Object.assign(new Error("no pin"), { code: "ERR_PIN" })]
  ]
  it.scoped.each(checks)("is refused for good where the caller's own check %s", ([how, check]) =>
    Effect.gen(function* () {
      const { port } = yield* asked("server")
      const tls = NodeTls.identity({ ca: certs.ca.cert, checkServerIdentity: check as never })
      const error = yield* refusal(yield* trusting, secure(port, "server.test", { tls }))
      // Whoever dials again upon other errors does not upon this one.
      assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      if (how !== "answers an error") return
      assert.strictEqual(error.detail, "no pin")
      assert.deepInclude((error.cause as Error).cause, { code: "ERR_PIN" })
    })
  )

  it.scoped("is the identity's where it has one, for hosts, addresses and unix sockets alike", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* asked("names")
      const tls = NodeTls.identity({ ca: certs.ca.cert, servername: "xn--bcher-kva.test." })
      const connector = yield* trusting
      for (const host of ["localhost", "127.0.0.1"])
        assert.isTrue((yield* connector.connect(secure(port, host, { tls }))).facts.tls?.authorized)
      assert.deepStrictEqual(seen, ["xn--bcher-kva.test", "xn--bcher-kva.test"])
    })
  )

  it.scoped("given to an identity in Unicode is asked for in its own spelling of names", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* asked("names")
      const tls = NodeTls.identity({ ca: certs.ca.cert, servername: "Bücher.test" })
      const connector = yield* trusting
      assert.isTrue((yield* connector.connect(secure(port, "localhost", { tls }))).facts.tls?.authorized)
      assert.deepStrictEqual(seen, ["xn--bcher-kva.test"])
    })
  )

  it.scoped("given to an identity as an address is looked for, and not sent", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* asked("server")
      const tls = NodeTls.identity({ ca: certs.ca.cert, servername: "127.0.0.1" })
      const connector = yield* trusting
      assert.isTrue((yield* connector.connect(secure(port, "localhost", { tls }))).facts.tls?.authorized)
      assert.deepStrictEqual(seen, [])
    })
  )

  it.scoped("with a dot at its end resumes no session of the one without, and is verified anew", () =>
    Effect.gen(function* () {
      const dotted = names({ "server.test": here, "server.test.": here })
      const { port } = yield* asked("server")
      const connector = yield* NodeConnector.make({ resolver: dotted, tls: { ca: certs.ca.cert } })
      const visit = (host: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* connector.connect(ConnectionKey.make({ host, port, useTls: true }))
            yield* record(connection).saw("bytes")
            yield* connection.turn
            return [connection.facts.tls?.resumed, connection.facts.tls?.authorized]
          })
        )
      assert.deepStrictEqual(yield* visit("server.test"), [false, true])
      assert.deepStrictEqual(yield* visit("server.test."), [false, true])
      assert.deepStrictEqual(yield* visit("server.test"), [true, true])
    })
  )
})
