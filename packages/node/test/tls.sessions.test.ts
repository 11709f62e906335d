import { randomBytes } from "node:crypto"
import type * as Tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls } from "@hotaru/node"
import type { ConnectionKey, Connector } from "@hotaru/pool"
import { Effect } from "effect"
import type { NodeTlsIdentity } from "../src/internal/tlsIdentity.js"
import { TlsSessions } from "../src/internal/tlsSessions.js"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, refusal, secure, turns } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ localhost: ["127.0.0.1"], "server.test": ["127.0.0.1"], "evil.test": ["127.0.0.1"] })
const greeting = { onSocket: (socket: { write(text: string): void }) => void socket.write("hello") }
const ticketKeys = randomBytes(48)

/** Opens a connection, waits until its tickets have come (they precede the greeting), and says whether it resumed. */
const visit = (connector: Connector.ConnectorShape, key: ConnectionKey.ConnectionKey) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* connector.connect(key)
      yield* record(connection).saw("bytes")
      yield* connection.turn
      return connection.facts.tls
    })
  )

const trusting = Effect.suspend(() => NodeConnector.make({ resolver, tls: { ca: certs.ca.cert } }))

describe("TLS sessions", () => {
  const versions: ReadonlyArray<readonly [Tls.SecureVersion, ReadonlyArray<boolean>]> = [
    ["TLSv1.2", [false, true, true, true]],
    // Node's server gives two tickets after a full handshake and none after a resumed one; each is used once.
    ["TLSv1.3", [false, true, true, false]]
  ]
  it.scoped.each(versions)("are resumed where the certificate was verified (%s)", ([version, expected]) =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, maxVersion: version }, greeting)
      const connector = yield* trusting
      const visits = yield* Effect.replicateEffect(visit(connector, secure(port)), 4)
      assert.deepStrictEqual(
        visits.map((tls) => [tls?.resumed, tls?.authorized, tls?.protocol]),
        expected.map((resumed) => [resumed, true, version])
      )
    })
  )

  it.scoped("stay within their host, their port and their identity, though the tickets would fit", () =>
    Effect.gen(function* () {
      const one = yield* listenTls({ ...certs.server, ticketKeys }, greeting)
      const other = yield* listenTls({ ...certs.server, ticketKeys }, greeting)
      const connector = yield* trusting
      const tls = NodeTls.identity({ ca: certs.ca.cert })
      assert.isFalse((yield* visit(connector, secure(one.port)))?.resumed)
      assert.isFalse((yield* visit(connector, secure(other.port)))?.resumed)
      assert.isFalse((yield* visit(connector, secure(one.port, "server.test")))?.resumed)
      assert.isFalse((yield* visit(connector, secure(one.port, "localhost", { tls })))?.resumed)
      assert.isTrue((yield* visit(connector, secure(one.port)))?.resumed)
      const evil = yield* refusal(connector, secure(one.port, "evil.test"))
      assert.strictEqual(evil.code, "ERR_TLS_CERT_ALTNAME_INVALID")
      const stranger = NodeTls.identity({ ca: certs.stranger.cert })
      const refused = yield* refusal(connector, secure(one.port, "localhost", { tls: stranger }))
      assert.strictEqual(refused.code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    })
  )

  it.scoped("are not kept where nothing is verified", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server, greeting)
      const tls = NodeTls.identity({ ca: certs.ca.cert, rejectUnauthorized: false })
      const connector = yield* trusting
      const visits = yield* Effect.replicateEffect(visit(connector, secure(port, "localhost", { tls })), 2)
      assert.deepStrictEqual(
        visits.map((it) => [it?.resumed, it?.authorized]),
        [
          [false, false],
          [false, false]
        ]
      )
    })
  )

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it.scoped(`are not kept of a connection whose certificate was refused (${version})`, () =>
      Effect.gen(function* () {
        for (const refused of ["expired", "otherHost", "selfSigned", "stranger"] as const) {
          const { port } = yield* listenTls({ ...certs[refused], maxVersion: version }, greeting)
          const identity = NodeTls.identity({ ca: certs.ca.cert }) as NodeTlsIdentity
          const connector = yield* NodeConnector.make({ resolver, tls: identity })
          const kept = () => identity.sessions.take(`localhost|${port}|`, performance.now())
          yield* refusal(connector, secure(port))
          // Whatever the server still sends has had its time to come.
          yield* turns(10)
          assert.isUndefined(kept(), refused)
        }
        const { port } = yield* listenTls({ ...certs.server, maxVersion: version }, greeting)
        const identity = NodeTls.identity({ ca: certs.ca.cert }) as NodeTlsIdentity
        yield* visit(yield* NodeConnector.make({ resolver, tls: identity }), secure(port))
        assert.isDefined(identity.sessions.take(`localhost|${port}|`, performance.now()))
      })
    )
  }

  it.scoped("are dropped when a handshake fails", () =>
    Effect.gen(function* () {
      const { port, server } = yield* listenTls({ ...certs.server, ticketKeys }, greeting)
      const connector = yield* trusting
      const tls = server as Tls.Server
      // Two tickets, of which the dial that fails uses one.
      yield* visit(connector, secure(port))
      tls.setSecureContext({ ...certs.expired, ticketKeys: randomBytes(48) })
      assert.strictEqual((yield* refusal(connector, secure(port))).code, "CERT_HAS_EXPIRED")
      tls.setSecureContext({ ...certs.server, ticketKeys })
      assert.isFalse((yield* visit(connector, secure(port)))?.resumed)
      assert.isTrue((yield* visit(connector, secure(port)))?.resumed)
    })
  )
})

describe("the session cache", () => {
  const session = (name: string, once: boolean, verifiedAt = 0) => ({ data: Buffer.from(name), verifiedAt, once })
  const take = (sessions: TlsSessions, place = "a", now = 0) => sessions.take(place, now)?.data.toString()

  it("gives a ticket of TLS 1.3 once, the newest first, and keeps sixteen of a place", () => {
    const sessions = new TlsSessions()
    for (let name = 1; name <= 17; name++) sessions.add("a", session(String(name), true))
    assert.deepStrictEqual(
      Array.from({ length: 17 }, () => take(sessions)),
      [...Array.from({ length: 16 }, (_, given) => String(17 - given)), undefined]
    )
  })

  it("gives a session of TLS 1.2 again and again, the newest only", () => {
    const sessions = new TlsSessions()
    for (const name of ["1", "2"]) sessions.add("a", session(name, false))
    assert.deepStrictEqual([take(sessions), take(sessions)], ["2", "2"])
  })

  it("trusts a verification for an hour", () => {
    const sessions = new TlsSessions()
    sessions.add("a", session("1", false, 1000))
    assert.strictEqual(take(sessions, "a", 3_600_999), "1")
    assert.isUndefined(take(sessions, "a", 3_601_000))
  })

  it("remembers 256 places", () => {
    const sessions = new TlsSessions()
    for (let i = 0; i < 300; i++) sessions.add(`${i}`, session("1", false))
    assert.isUndefined(take(sessions, "43"))
    assert.strictEqual(take(sessions, "44"), "1")
  })

  it("forgets a place", () => {
    const sessions = new TlsSessions()
    sessions.add("a", session("1", false))
    sessions.drop("a")
    assert.isUndefined(take(sessions))
  })
})
