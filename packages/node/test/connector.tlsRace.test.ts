import type * as Tls from "node:tls"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { dialling, heldTimers, names, refusal, secure, turnUntil } from "./support/dialling.js"
import { listen, listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ "server.test": ["127.0.0.2", "127.0.0.1"] })

describe("TLS to several addresses", () => {
  it.scoped("is tried beside a handshake that stalls, under the host's name, and the loser is closed", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listenTls(certs.server)
      // Accepts, and never says a word of TLS.
      const stalled = yield* listen({ host: "127.0.0.2", port })
      const { delays, fire, later } = heldTimers()
      const connector = yield* dialling({ resolver, tls: { ca: certs.ca.cert } }, later)
      const dial = yield* Effect.fork(connector.connect(secure(port, "server.test")))
      const loser = yield* Queue.take(stalled.accepted)
      yield* Effect.async<void>((resume) => void loser.once("data", () => resume(Effect.void)))
      // Its handshake got a delay of its own.
      assert.deepStrictEqual(delays(), [250])
      fire()
      const { facts } = yield* Fiber.join(dial)
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      assert.strictEqual(facts.tls?.authorized, true)
      const winner = yield* Queue.take(accepted)
      assert.strictEqual((winner as Tls.TLSSocket & { readonly servername?: string }).servername, "server.test")
      yield* turnUntil(() => stalled.openCount() === 0)
    })
  )

  it.scoped("advances at once where a certificate is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.server)
      yield* listenTls(certs.expired, { host: "127.0.0.2", port })
      const connector = yield* dialling({ resolver, tls: { ca: certs.ca.cert } }, heldTimers().later)
      const { facts } = yield* connector.connect(secure(port, "server.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
    })
  )

  it.scoped("fails with the certificate's refusal where another address refuses the connection", () =>
    Effect.gen(function* () {
      const { port } = yield* listenTls(certs.expired, { host: "127.0.0.2" })
      const connector = yield* dialling({ resolver, tls: { ca: certs.ca.cert } }, heldTimers().later)
      const error = yield* refusal(connector, secure(port, "server.test"))
      assert.deepInclude({ ...error }, { phase: "tls", code: "CERT_HAS_EXPIRED", address: "127.0.0.2" })
      assert.include(error.message, "127.0.0.1: connection refused")
    })
  )
})
