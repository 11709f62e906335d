/** Peers that make TLS itself a weapon: handshakes without end, tickets without end, and what is no TLS. */
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls } from "@hotaru/node"
import { Effect } from "effect"
import { mostTickets } from "../src/internal/attempt.js"
import type { NodeTlsIdentity } from "../src/internal/tlsIdentity.js"
import { TlsSessions } from "../src/internal/tlsSessions.js"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, refusal, secure } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { listen, listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ localhost: ["127.0.0.1"] })
const trusting = Effect.suspend(() => NodeConnector.make({ resolver, tls: { ca: certs.ca.cert } }))

describe("what is no TLS", () => {
  const openings: ReadonlyArray<readonly [string, (socket: Net.Socket) => void]> = [
    ["plain HTTP", (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["noise", (socket) => void socket.end(Buffer.alloc(2000, 0xff))],
    ["an alert", (socket) => void socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40]))],
    ["data before the handshake", (socket) => void socket.end(Buffer.from([0x17, 3, 3, 0, 4, 1, 2, 3, 4]))],
    [
      "a record that is too long",
      (socket) => void socket.end(Buffer.concat([Buffer.from([0x16, 3, 3, 0xff, 0xff]), Buffer.alloc(65535)]))
    ],
    [
      "a handshake message of 16 MiB",
      (socket) =>
        void socket.end(Buffer.concat([Buffer.from([0x16, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff]), Buffer.alloc(16380)]))
    ]
  ]
  it.scoped.each(openings)("%s is an error on one line, without the places in OpenSSL's source", ([, onSocket]) =>
    Effect.gen(function* () {
      const { port } = yield* listen({ onSocket })
      const error = yield* refusal(yield* trusting, secure(port))
      assert.strictEqual(error.phase, "tls")
      assert.match(error.detail, /^[^\n]+ \(ERR_SSL_[A-Z0-9_/]+\)$/)
      assert.notMatch(error.detail, /openssl|\.c:/i)
    })
  )
})

describe("a handshake that the server begins anew (TLS 1.2)", () => {
  /** How often the client went along, and the connection's end or greeting. */
  const anew = (renegotiation: boolean | undefined) =>
    Effect.gen(function* () {
      let done = 0
      const onSocket = (socket: Net.Socket) => {
        socket.write("hello")
        socket.once("data", () => {
          ;(socket as Tls.TLSSocket).renegotiate({}, (error) => {
            if (error !== null) return
            done++
            socket.write("again")
          })
        })
      }
      const { port } = yield* listenTls({ ...certs.server, maxVersion: "TLSv1.2" }, { onSocket })
      const tls = NodeTls.identity({ ca: certs.ca.cert, renegotiation })
      const connection = yield* (yield* trusting).connect(secure(port, "localhost", { tls }))
      const recorder = record(connection)
      yield* recorder.saw("bytes")
      connection.write("go")
      yield* recorder.until(({ events, text }) => text.includes("again") || events.at(-1) !== "bytes")
      return { done, text: recorder.text }
    })

  it.scoped("is refused, because there is no end to it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* anew(undefined), { done: 0, text: "hello" })
    })
  )

  it.scoped("is gone along with where an identity says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* anew(true), { done: 1, text: "helloagain" })
    })
  )
})

describe("a protocol that was not offered (ALPN)", () => {
  it.scoped("is refused, though OpenSSL takes it", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls({ ...certs.server, ALPNProtocols: ["h2"] })
      const identity = NodeTls.identity({ ca: certs.ca.cert, ALPNProtocols: ["h2"] }) as NodeTlsIdentity
      // No server of Node's or OpenSSL's breaks the rule: this client forgets what it has offered.
      let asked = 0
      const alpn = identity.alpn
      Object.defineProperty(identity, "alpn", { get: () => (asked++ === 0 ? alpn : ["http/1.1"]) })
      const error = yield* refusal(yield* trusting, secure(port, "localhost", { tls: identity }))
      assert.deepInclude({ ...error }, { phase: "tls", code: "ERR_TLS_ALPN_NOT_OFFERED" })
      assert.include(error.detail, '"h2"')
    })
  )

  it("cannot be changed by whoever holds the list of those that are", () => {
    const list = ["http/1.1"]
    const identity = NodeTls.identity({ ALPNProtocols: list }) as NodeTlsIdentity
    list.push("h2")
    assert.deepStrictEqual([...identity.alpn], ["http/1.1"])
  })
})

describe("session tickets without end", () => {
  it.scoped("end the connection", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server, { onSocket: (socket) => void socket.write("hello") })

      const tls = NodeTls.identity({
        ca: certs.ca.cert,
        checkServerIdentity: () => undefined
      }) as NodeTlsIdentity
      const { sessions } = tls
      const add = sessions.add.bind(sessions)
      let kept = 0
      sessions.add = (place, session) => {
        kept++
        add(place, session)
      }
      const connection = yield* (yield* trusting).connect(secure(port, "localhost", { tls }))
      const opened = (connection as unknown as { readonly socket: Tls.TLSSocket }).socket
      const recorder = record(connection)
      yield* recorder.saw("bytes")
      // Node's server sends two; the others are told as Node tells them.
      for (let i = kept; i <= mostTickets; i++) opened.emit("session", Buffer.alloc(8))
      yield* recorder.saw("error")
      assert.strictEqual(kept, mostTickets)
      assert.strictEqual((recorder.causes[0] as { readonly code?: string }).code, "ERR_TLS_TOO_MANY_TICKETS")
      assert.isFalse(connection.isOpen)
    })
  )

  it("take 4 MiB of memory at most for an identity, however long each is; the place unused longest goes first", () => {
    const sessions = new TlsSessions()
    const session = { data: Buffer.alloc(10_000), verifiedAt: 0, once: true }
    for (let place = 0; place < 256; place++) for (let i = 0; i < 16; i++) sessions.add(`${place}`, session)
    assert.isAtMost(sessions.bytes, 4 * 1024 * 1024)
    assert.isAbove(sessions.bytes, 4 * 1024 * 1024 - 16 * 10_000)
    assert.isUndefined(sessions.take("0", 0))
    assert.isDefined(sessions.take("255", 0))
  })

  it("are counted down as they are used, replaced, dropped and too old", () => {
    const sessions = new TlsSessions()
    const session = (once: boolean, verifiedAt = 0) => ({ data: Buffer.alloc(100), verifiedAt, once })
    for (let i = 0; i < 20; i++) sessions.add("used", session(true))
    assert.strictEqual(sessions.bytes, 1600)
    while (sessions.take("used", 0) !== undefined);
    assert.strictEqual(sessions.bytes, 0)
    for (let i = 0; i < 3; i++) sessions.add("replaced", session(false))
    assert.strictEqual(sessions.bytes, 100)
    sessions.drop("replaced")
    assert.strictEqual(sessions.bytes, 0)
    sessions.add("old", session(true))
    assert.isUndefined(sessions.take("old", 3_600_000))
    assert.strictEqual(sessions.bytes, 0)
  })
})
