import { assert, describe, it } from "@effect/vitest"
import { NodeConnector, NodeTls, Resolver } from "@hotaru/node"
import { ConnectionKey, type Connector, PoolError } from "@hotaru/pool"
import { Cause, Effect, Exit, Layer, Queue, Scope } from "effect"
import { names, noSocketsLeft, plain, refusal } from "./support/dialling.js"
import { record } from "./support/recorder.js"
import { closedPort, listen, listenUnix, temporaryPath } from "./support/servers.js"

const echo = { onSocket: (socket: import("node:net").Socket) => void socket.pipe(socket) }

const say = (connector: Connector.ConnectorShape, key: ConnectionKey.ConnectionKey, text: string) =>
  Effect.gen(function* () {
    const connection = yield* connector.connect(key)
    const recorder = record(connection)
    assert.isTrue(connection.write(text))
    yield* recorder.until((seen) => seen.length === text.length)
    assert.strictEqual(recorder.text, text)
    return connection
  })

describe("NodeConnector", () => {
  it.scoped("opens a TCP connection that carries latin1 text and bytes both ways", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(echo)
      const connector = yield* NodeConnector.make()
      const connection = yield* say(connector, plain(port), "h\u00e9llo \u00ff")
      assert.strictEqual(connection.bytesWritten, 7)
      assert.strictEqual(connection.bytesRead, 7)
      const recorder = record(connection)
      connection.write(Uint8Array.of(0, 127, 128, 255))
      yield* recorder.until(({ length }) => length === 4)
      assert.deepStrictEqual(Array.from(recorder.chunks.flatMap((chunk) => [...chunk])), [0, 127, 128, 255])
      assert.isTrue(connection.isFlushed)
    })
  )

  it.scoped("says where it went and how long each phase took", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen()
      const connector = yield* NodeConnector.make({ resolver: names({ "api.test": ["127.0.0.1"] }) })
      const { facts } = yield* connector.connect(plain(port, "api.test"))
      const peer = yield* Queue.take(accepted)
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      assert.strictEqual(facts.remotePort, port)
      assert.strictEqual(facts.localAddress, "127.0.0.1")
      assert.strictEqual(facts.localPort, peer.remotePort)
      assert.isUndefined(facts.tls)
      assert.isAtLeast(facts.timings?.dns ?? -1, 0)
      assert.isAbove(facts.timings?.tcp ?? -1, 0)
      assert.strictEqual(facts.timings?.tls, 0)
    })
  )

  it.scoped("gives every connection an id of its own", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const connector = yield* NodeConnector.make()
      const ids = yield* Effect.forEach([1, 2, 3], () => connector.connect(plain(port)))
      assert.strictEqual(new Set(ids.map(({ id }) => id)).size, 3)
    })
  )

  it.scoped("dials IPv6 literals", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ ...echo, host: "::1" })
      const connector = yield* NodeConnector.make()
      const { facts } = yield* say(connector, plain(port, "[::1]"), "six")
      assert.strictEqual(facts.remoteAddress, "::1")
    })
  )

  it.scoped("dials an IPv4 address written as IPv6 as IPv4", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(echo)
      const connector = yield* NodeConnector.make()
      const { facts } = yield* say(connector, plain(port, "::ffff:127.0.0.1"), "mapped")
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
    })
  )

  it.scoped("dials a unix socket in place of host and port", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath("echo.sock")
      yield* listenUnix(path, echo.onSocket)
      const connector = yield* NodeConnector.make({ resolver: names({}) })
      const key = ConnectionKey.make({ host: "docker", port: 80, useTls: false, socketPath: path })
      const { facts } = yield* say(connector, key, "unix")
      assert.strictEqual(facts.remoteAddress, path)
      assert.isUndefined(facts.remotePort)
    })
  )

  it.scoped("dials from the local address of the key, else from its own", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const connector = yield* NodeConnector.make({ localAddress: "127.0.0.9" })
      const own = yield* connector.connect(plain(port))
      assert.strictEqual(own.facts.localAddress, "127.0.0.9")
      const key = ConnectionKey.make({ host: "127.0.0.1", port, useTls: false, localAddress: "127.0.0.8" })
      const keyed = yield* connector.connect(key)
      assert.strictEqual(keyed.facts.localAddress, "127.0.0.8")
    })
  )

  it.scoped("dials only the addresses that its local address can reach", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const resolver = names({ "both.test": ["::1", "127.0.0.1"], "six.test": ["::1"] })
      const connector = yield* NodeConnector.make({ localAddress: "127.0.0.1", resolver })
      const { facts } = yield* connector.connect(plain(port, "both.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      const error = yield* refusal(connector, plain(port, "six.test"))
      assert.deepInclude({ ...error }, { phase: "tcp", code: "EADDRNOTAVAIL", local: true })
    })
  )

  it.scoped("destroys the connection when its scope closes", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen()
      const connector = yield* NodeConnector.make()
      const scope = yield* Scope.make()
      const connection = yield* Scope.extend(connector.connect(plain(port)), scope)
      const peer = yield* Queue.take(accepted)
      const recorder = record(connection)
      assert.isTrue(connection.isOpen)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(connection.isOpen)
      yield* Effect.async<void>((resume) => {
        peer.resume()
        peer.once("close", () => resume(Effect.void))
      })
      assert.deepStrictEqual(recorder.events, [])
    })
  )
})

describe("a dial that fails", () => {
  it.scoped("names an unknown host: dns", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make({ resolver: names({}) })
      const error = yield* refusal(connector, plain(80, "nowhere.test"))
      assert.deepInclude({ ...error }, { _tag: "ConnectError", phase: "dns", code: "ENOTFOUND", local: false })
      assert.strictEqual(
        error.message,
        "Could not connect to http://nowhere.test:80 (dns): the name could not be resolved (ENOTFOUND)"
      )
      assert.instanceOf(error.cause, Resolver.ResolveError)
    })
  )

  it.scoped("tells a name without addresses from an unknown one", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make({
        resolver: names({ "empty.test": [], "zone.test": ["fe80::1%eth0"] })
      })
      for (const host of ["empty.test", "zone.test"]) {
        const error = yield* refusal(connector, plain(80, host))
        assert.deepInclude({ ...error }, { phase: "dns", code: "ENODATA", local: false })
      }
    })
  )

  it.scoped("takes a resolver's refusal for our own, also for an IP literal", () =>
    Effect.gen(function* () {
      const { acceptedCount, port } = yield* listen()
      const deny: Resolver.ResolverShape = {
        lookup: (host) => Effect.fail(new Resolver.ResolveError({ host, denied: true, detail: "not allowed" }))
      }
      const connector = yield* NodeConnector.make().pipe(Effect.provideService(Resolver.Resolver, deny))
      for (const host of ["127.0.0.1", "0.0.0.0", "::ffff:7f00:1", "api.test"]) {
        const error = yield* refusal(connector, plain(port, host))
        assert.deepInclude({ ...error }, { phase: "dns", detail: "not allowed", local: true })
      }
      assert.strictEqual(acceptedCount(), 0)
    })
  )

  it.scoped("survives a resolver with a defect", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make({
        resolver: {
          lookup: () => {
            throw new Error("broken resolver")
          }
        }
      })
      const error = yield* refusal(connector, plain(80, "api.test"))
      assert.strictEqual(error.phase, "dns")
      assert.include(error.message, "broken resolver")
    })
  )

  it.scoped("names a refused port: tcp", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const connector = yield* NodeConnector.make()
      const error = yield* refusal(connector, plain(port))
      assert.deepInclude({ ...error }, { phase: "tcp", code: "ECONNREFUSED", address: "127.0.0.1", local: false })
      assert.include(error.message, "at 127.0.0.1 (tcp): connection refused (ECONNREFUSED)")
    })
  )

  it.scoped("names a missing unix socket: tcp", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath("missing.sock")
      const connector = yield* NodeConnector.make()
      const error = yield* refusal(
        connector,
        ConnectionKey.make({ host: "docker", port: 80, useTls: false, socketPath: path })
      )
      assert.deepInclude({ ...error }, { phase: "tcp", code: "ENOENT", address: path, local: false })
    })
  )

  it.scoped("takes a local address that is not ours for our own failure", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const connector = yield* NodeConnector.make({ localAddress: "192.0.2.1" })
      const error = yield* refusal(connector, plain(port))
      assert.deepInclude({ ...error }, { phase: "tcp", code: "EADDRNOTAVAIL", local: true })
    })
  )

  it.scoped("refuses a key with a proxy and a key with a foreign TLS identity", () =>
    Effect.gen(function* () {
      const connector = yield* NodeConnector.make()
      const proxied = ConnectionKey.make({ host: "127.0.0.1", port: 1, useTls: false, proxy: { label: "proxy.test" } })
      assert.deepInclude({ ...(yield* refusal(connector, proxied)) }, { phase: "proxy", local: true })
      const foreign = ConnectionKey.make({ host: "127.0.0.1", port: 1, useTls: true, tls: { label: "foreign" } })
      assert.deepInclude({ ...(yield* refusal(connector, foreign)) }, { phase: "tls", local: true })
    })
  )

  it.scoped("leaves no socket open", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const connector = yield* NodeConnector.make({
        resolver: names({ "many.test": ["127.0.0.1", "127.0.0.2", "::1"] })
      })
      const error = yield* refusal(connector, plain(port, "many.test"))
      assert.include(error.message, "127.0.0.2: connection refused")
      assert.include(error.message, "::1: connection refused")
      yield* noSocketsLeft
    })
  )
})

describe("options that make no sense", () => {
  const refused: ReadonlyArray<readonly [string, NodeConnector.NodeConnectorOptions]> = [
    ["connector.localAddress", { localAddress: "localhost" }],
    ["connector.family", { family: "ipv5" as never }],
    ["connector.noDelay", { noDelay: "yes" as never }],
    ["connector.keepAlive", { keepAlive: "10 millis" }],
    ["connector.keepAlive", { keepAlive: "soon" as never }],
    ["connector.tls.extraCa", { tls: { ca: "-----BEGIN CERTIFICATE-----", extraCa: "-----BEGIN CERTIFICATE-----" } }],
    ["connector.tls.ca", { tls: { ca: "/etc/ca.pem" } }],
    ["connector.tls.ca", { tls: { ca: [] } }],
    ["connector.tls.key", { tls: { cert: "-----BEGIN CERTIFICATE-----" } }],
    ["connector.tls.cert", { tls: { key: "-----BEGIN PRIVATE KEY-----" } }],
    ["connector.tls.cert", { tls: { cert: "no certificate", key: "no key" } }],
    ["connector.tls.rejectUnauthorized", { tls: { rejectUnauthorized: 0 as never } }],
    ["connector.tls", { tls: { minVersion: "TLSv9" as never } }],
    ["connector.tls", { tls: { ciphers: "NO-SUCH-CIPHER" } }],
    ["connector.tls.servername", { tls: { servername: "." } }],
    ["connector.tls.servername", { tls: { servername: "http://server.test/" } }],
    ["connector.tls.ALPNProtocols", { tls: { ALPNProtocols: [""] } }]
  ]
  it.effect.each(refused)("fail the layer's build, naming %s", ([field, options]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(NodeConnector.layer(options))))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, PoolError.InvalidPoolConfig)
      assert.strictEqual((defect as PoolError.InvalidPoolConfig).field, field)
    })
  )

  it("never show a key or a passphrase", () => {
    const secret = "s3cr3t-material"
    for (const options of [
      { cert: "no certificate", key: secret },
      { pfx: Buffer.from(secret), passphrase: secret },
      { key: secret }
    ]) {
      try {
        NodeTls.identity(options)
        assert.fail("accepted")
      } catch (error) {
        assert.instanceOf(error, PoolError.InvalidPoolConfig)
        assert.notInclude(JSON.stringify(error) + String(error), secret)
      }
    }
  })
})
