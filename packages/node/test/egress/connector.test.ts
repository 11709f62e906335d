/** The policy of a connector: asked about what is dialled, at every dial, and nothing else is dialled. */
import { readdirSync, readFileSync } from "node:fs"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { EgressPolicy, NodeConnector } from "@hotaru/node"
import { ConnectionKey } from "@hotaru/pool"
import { Effect, Queue } from "effect"
import { addressesOf } from "../../src/internal/resolving.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { denial, dialling, heldTimers, names, noSocketsLeft, openSockets, plain, secure } from "../support/dialling.js"
import { closedPort, listen, listenTls, listenUnix, temporaryPath } from "../support/servers.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

/** A policy that remembers what it was asked. */
const asking = (policy: EgressPolicy.EgressPolicyShape) => {
  const asked: Array<EgressPolicy.Destination> = []
  const egress = EgressPolicy.fromFunction(policy.label, (destination) => {
    asked.push(destination)
    return policy.judge(destination)
  })
  const addresses = () => asked.map((it) => (it._tag === "Address" ? it.address : it.path))
  return { asked, addresses, egress }
}

const not2 = EgressPolicy.make({ label: "not .2", deny: [{ cidr: "127.0.0.2" }] })

describe("a dial under a policy", () => {
  it.scoped("goes to the very address that was judged", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen({ host: "0.0.0.0" })
      const { addresses, asked, egress } = asking(EgressPolicy.unrestricted)
      const resolver = names({ "api.test.": ["127.0.0.7"], "mapped.test": ["::ffff:127.0.0.9"] })
      const connector = yield* NodeConnector.make({ resolver, egress })
      for (const host of ["api.test.", "mapped.test", "127.0.0.8"]) yield* connector.connect(plain(port, host))
      const reached = [...(yield* Queue.takeN(accepted, 3))].map(({ localAddress }) => localAddress)
      assert.deepStrictEqual(reached, ["127.0.0.7", "127.0.0.9", "127.0.0.8"])
      assert.deepStrictEqual(addresses(), ["127.0.0.7", "127.0.0.9", "127.0.0.8"])
      const address = "127.0.0.7"
      assert.deepStrictEqual(asked[0], { _tag: "Address", host: "api.test.", port, useTls: false, address })
    })
  )

  it.scoped("opens no socket to an address that is denied, and says which rule denied it", () =>
    Effect.gen(function* () {
      const { accepted, acceptedCount, port } = yield* listen({ host: "0.0.0.0" })
      const connector = yield* NodeConnector.make({ resolver: names({ "api.test": ["127.0.0.2"] }), egress: not2 })
      yield* noSocketsLeft
      const before = openSockets()
      const error = yield* denial(connector, plain(port, "api.test"))
      assert.strictEqual(openSockets(), before)
      assert.deepInclude(
        { ...error },
        { host: "api.test", port, address: "127.0.0.2", rule: "deny cidr 127.0.0.2", policy: "not .2", fault: "policy" }
      )
      assert.strictEqual(
        error.message,
        `The egress policy "not .2" denies http://api.test:${port}: 127.0.0.2 (deny cidr 127.0.0.2)`
      )
      // Whoever listens there has heard nothing once a later dial to it has arrived.
      yield* connector.connect(plain(port, "127.0.0.1"))
      yield* Queue.take(accepted)
      assert.strictEqual(acceptedCount(), 1)
    })
  )

  it.scoped("judges TLS dials as it does plain ones, and sends no hello", () =>
    Effect.gen(function* () {
      const { accepted, openCount, port } = yield* listenTls(certs.server, { host: "0.0.0.0" })
      const resolver = names({ "server.test": ["127.0.0.2"] })
      const { asked, egress } = asking(not2)
      const connector = yield* NodeConnector.make({ resolver, egress, tls: { ca: certs.ca.cert } })
      yield* denial(connector, secure(port, "server.test"))
      assert.deepInclude(asked[0], { host: "server.test", useTls: true, address: "127.0.0.2" })
      yield* connector.connect(secure(port, "127.0.0.1"))
      yield* Queue.take(accepted)
      assert.strictEqual(openCount(), 1)
    })
  )

  it.scoped("asks about IPv6 in its one spelling", () =>
    Effect.gen(function* () {
      const { addresses, egress } = asking(EgressPolicy.make({ allow: [] }))
      const connector = yield* NodeConnector.make({ egress })
      for (const host of ["0:0:0:0:0:0:0:1", "::ffff:7f00:1", "[64:FF9B::127.0.0.1]"])
        yield* denial(connector, plain(80, host))
      assert.deepStrictEqual(addresses(), ["::1", "127.0.0.1", "64:ff9b::7f00:1"])
    })
  )

  it.scoped("never reaches what a resolver answers with a zone", () =>
    Effect.gen(function* () {
      const { asked, egress } = asking(EgressPolicy.unrestricted)
      const connector = yield* NodeConnector.make({ resolver: names({ "api.test": ["fe80::1%1"] }), egress })
      const error = yield* Effect.flip(Effect.scoped(connector.connect(plain(80, "api.test"))))
      assert.deepInclude({ ...error }, { _tag: "ConnectError", phase: "dns", code: "ENODATA" })
      assert.deepStrictEqual(asked, [])
      assert.throws(() => ConnectionKey.make({ host: "fe80::1%eth0", port: 80, useTls: false }), /zone ids/)
    })
  )

  it.scoped("judges unix sockets by their path, with and without TLS", () =>
    Effect.gen(function* () {
      const open = yield* temporaryPath("open.sock")
      const shut = yield* temporaryPath("shut.sock")
      const [one, other] = [yield* listenUnix(open), yield* listenUnix(shut)]
      const { asked, egress } = asking(EgressPolicy.make({ allow: [{ socketPath: open }] }))
      const connector = yield* NodeConnector.make({ egress, tls: { ca: certs.ca.cert } })
      const key = (socketPath: string, useTls = false) =>
        ConnectionKey.make({ host: "a.test", port: 80, useTls, socketPath })
      yield* connector.connect(key(open))
      for (const useTls of [false, true]) {
        const error = yield* denial(connector, key(shut, useTls))
        assert.deepInclude({ ...error }, { address: shut, rule: "no rule allows it" })
      }
      yield* Queue.take(one.accepted)
      assert.deepStrictEqual([one.acceptedCount(), other.acceptedCount()], [1, 0])
      assert.deepStrictEqual(asked[0], { _tag: "Socket", host: "a.test", port: 80, useTls: false, path: open })
      yield* denial(yield* NodeConnector.make({ egress: EgressPolicy.publicInternetOnly }), key(open))
    })
  )
})

describe("a name that changes its mind", () => {
  it.scoped("is resolved once a dial: what a second answer would have been, nobody asks", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listen({ host: "0.0.0.0" })
      const answers = [["127.0.0.1"], ["127.0.0.2"]]
      const resolver = { lookup: () => Effect.sync(() => answers.shift() ?? []) }
      let now = 0
      const connector = yield* dialling({ resolver, egress: not2 }, heldTimers().later, () => now)
      yield* connector.connect(plain(port, "rebinding.test"))
      assert.strictEqual((yield* Queue.take(accepted)).localAddress, "127.0.0.1")
      assert.strictEqual(answers.length, 1)
      // The first answer serves no longer.
      now += 1000
      const error = yield* denial(connector, plain(port, "rebinding.test"))
      assert.strictEqual(error.address, "127.0.0.2")
      assert.deepStrictEqual(answers, [])
    })
  )
})

describe("a name with addresses of both kinds", () => {
  it.scoped("is dialled where it may be, at once, and says what was left out", () =>
    Effect.gen(function* () {
      const { accepted, acceptedCount, port } = yield* listen({ host: "0.0.0.0" })
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.1"] })
      const { addresses, egress } = asking(not2)
      const { delays, later } = heldTimers()
      const connector = yield* dialling({ resolver, egress }, later)
      const { facts } = yield* connector.connect(plain(port, "api.test"))
      assert.strictEqual(facts.remoteAddress, "127.0.0.1")
      assert.deepStrictEqual(facts.denials, [{ address: "127.0.0.2", rule: "deny cidr 127.0.0.2" }])
      assert.deepStrictEqual(addresses(), ["127.0.0.2", "127.0.0.1"])
      assert.deepStrictEqual(delays(), [])
      assert.strictEqual((yield* Queue.take(accepted)).localAddress, "127.0.0.1")
      assert.strictEqual(acceptedCount(), 1)
    })
  )

  it.scoped("fails as what was dialled failed, and says that more was denied", () =>
    Effect.gen(function* () {
      const { port } = yield* listen({ host: "127.0.0.2" })
      const resolver = names({ "api.test": ["127.0.0.2", "127.0.0.1"] })
      const connector = yield* dialling({ resolver, egress: not2 }, heldTimers().later)
      const error = yield* Effect.flip(Effect.scoped(connector.connect(plain(port, "api.test"))))
      assert.deepInclude(
        { ...error },
        {
          _tag: "ConnectError",
          code: "ECONNREFUSED",
          address: "127.0.0.1",
          local: false,
          denials: [{ address: "127.0.0.2", rule: "deny cidr 127.0.0.2" }]
        }
      )
      assert.include(error.message, "; the egress policy denied 1 more")
    })
  )

  it.scoped("is denied where it has no other, with every address that was asked about in the error", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 4000 }, (_, i) => `127.3.${i >> 8}.${i & 255}`)
      const resolver = names({ "api.test": many })
      const egress = EgressPolicy.make({ deny: [{ cidr: "127.0.0.0/8", label: "loopback" }] })
      const connector = yield* NodeConnector.make({ resolver, egress })
      const error = yield* denial(connector, plain(80, "api.test"))
      assert.deepStrictEqual(
        error.denials.map(({ address }) => address),
        many.slice(0, 32)
      )
      assert.match(error.message, /: 127\.3\.0\.0 \(loopback\), .* and 29 more$/)
      yield* noSocketsLeft
    })
  )
})

describe("a name with thousands of addresses", () => {
  const many = Array.from({ length: 4000 }, (_, i) => `127.3.${i >> 8}.${i & 255}`)

  it.scoped("costs one dial 32 questions and connections, and a message of a few", () =>
    Effect.gen(function* () {
      const { addresses, egress } = asking(EgressPolicy.unrestricted)
      const connector = yield* NodeConnector.make({ resolver: names({ "api.test": many }), egress })
      const error = yield* Effect.flip(Effect.scoped(connector.connect(plain(yield* closedPort, "api.test"))))
      assert.deepStrictEqual(addresses(), many.slice(0, 32))
      assert.match(
        error.message,
        /; also (?:127\.3\.0\.\d+: connection refused \(ECONNREFUSED\)(?:, )?){3} and 28 more$/
      )
    })
  )

  it.effect("is remembered by 256 of them", () =>
    Effect.gen(function* () {
      const found = yield* addressesOf(names({ "api.test": many }), "api.test")
      assert.deepStrictEqual(
        found.map(({ address }) => address),
        many.slice(0, 256)
      )
    })
  )
})

describe("what is no address", () => {
  it.scoped("is left out of an answer, also where it could be spelled anew each time", () =>
    Effect.gen(function* () {
      const { asked, egress } = asking(EgressPolicy.unrestricted)
      const answer = ["1.2.3", "::1%lo", "0x7f.1", "", "127.0.0.1 ", { toString: () => "127.0.0.1" }, null, 5]
      const resolver = { lookup: () => Effect.succeed(answer as never) }
      const connector = yield* NodeConnector.make({ resolver, egress })
      const error = yield* Effect.flip(Effect.scoped(connector.connect(plain(80, "api.test"))))
      assert.deepInclude({ ...error }, { phase: "dns", code: "ENODATA" })
      assert.deepStrictEqual(asked, [])
    })
  )

  it.scoped("is not dialled as the path of a unix socket, which Node would take for none", () =>
    Effect.gen(function* () {
      const { asked, egress } = asking(EgressPolicy.unrestricted)
      const connector = yield* NodeConnector.make({ egress })
      const key = ConnectionKey.make({ host: "api.test", port: 80, useTls: false, socketPath: "" })
      const error = yield* Effect.flip(Effect.scoped(connector.connect(key)))
      assert.deepInclude({ ...error }, { _tag: "ConnectError", phase: "tcp", local: true })
      assert.deepStrictEqual(asked, [])
    })
  )
})

describe("one place opens sockets", () => {
  it("and it asks the policy first", () => {
    const src = new URL("../../src/", import.meta.url)
    const openers = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) =>
        /\b(?:Net|Tls|Http|Https|Dgram)\.(?:connect|createConnection|request|get|createSocket)\(|new (?:Net|Tls)\.(?:TLS)?Socket\(/.test(
          readFileSync(new URL(file, src), "utf8")
        )
      )
    assert.deepStrictEqual(openers, ["internal/attempt.ts"])
  })
})
