/** Switching verification off is possible, and loud. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeConnector, NodePooledHttpClient, NodeTls } from "@hotaru/node"
import { ConnectionKey } from "@hotaru/pool"
import { Effect, Layer, Logger } from "effect"
import { type Certificates, certificates } from "./support/certificates.js"
import { names, secure } from "./support/dialling.js"
import { listenTls } from "./support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const resolver = names({ localhost: ["127.0.0.1"] })

const connectorWith = (tls: NodeTls.TlsOptions) => NodeConnector.make({ resolver, tls })
const trusting = Effect.suspend(() => connectorWith({ ca: certs.ca.cert }))

describe("verification switched off", () => {
  const warnings = () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(
      ({ logLevel, message }) => void lines.push(`${logLevel.label} ${message}`)
    )
    return { lines, layer: Logger.replace(Logger.defaultLogger, logger) }
  }

  it.scoped("accepts anything, says so in the facts, and warns when the connector is built", () =>
    Effect.gen(function* () {
      const { layer, lines } = warnings()
      const { port } = yield* listenTls(certs.selfSigned)
      const connector = yield* Effect.provide(connectorWith({ rejectUnauthorized: false }), layer)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^WARN TLS certificates are not verified/)
      const { facts } = yield* connector.connect(secure(port))
      assert.isFalse(facts.tls?.authorized)
    })
  )

  it.scoped("warns once for an identity of a key", () =>
    Effect.gen(function* () {
      const { layer, lines } = warnings()
      const { port } = yield* listenTls(certs.selfSigned)
      const connector = yield* trusting
      const tls = NodeTls.identity({ rejectUnauthorized: false })
      assert.isFalse(NodeTls.isVerifying(tls))
      assert.strictEqual(tls.label, "unverified")
      yield* connector.connect(secure(port, "localhost", { tls })).pipe(Effect.repeatN(2), Effect.provide(layer))
      assert.strictEqual(lines.length, 1)
    })
  )
})

describe("verification switched off, whoever did it,", () => {
  it.scoped("is told as a warning when a layer is built", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const built = (options?: NodePooledHttpClient.NodePooledHttpClientOptions) =>
        Effect.scoped(Layer.build(NodePooledHttpClient.layer(options))).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
      yield* built({ connector: { tls: { rejectUnauthorized: false, label: "partner" } } })
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
      yield* Effect.ensuring(
        built(),
        Effect.sync(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"])
      )
      yield* built()
      assert.lengthOf(lines, 2)
      assert.include(lines[0], 'not verified for the identity "partner (unverified)"')
      assert.include(lines[1], 'not verified for the identity "unverified"')
    })
  )

  it("is in the name of the identity, and so in every key, error and event", () => {
    const tls = NodeTls.identity({ rejectUnauthorized: false, label: "partner" })
    const key = ConnectionKey.make({ host: "a.test", port: 443, useTls: true, tls })
    assert.strictEqual(String(key), "https://a.test:443 (tls: partner (unverified))")
    assert.strictEqual(NodeTls.identity({ label: "partner" }).label, "partner")
  })
})
