/** Keys, passphrases and session tickets are shown nowhere: in no log, span, error, event, number or printed object. */
import { createPrivateKey, randomBytes } from "node:crypto"
import { inspect } from "node:util"
import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient, NodeTls } from "@hotaru/node"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import { Cause, Effect, Exit, Inspectable, Layer, Logger, LogLevel, Queue, Redacted } from "effect"
import type { NodeTlsIdentity } from "../src/internal/tlsIdentity.js"
import { remembering } from "./peers/support/tracing.js"
import { type Certificates, certificates } from "./support/certificates.js"
import { listenTls } from "./support/servers.js"

const phrase = "sesame-of-the-forty"
let certs: Certificates
let sealed: string
beforeAll(async () => {
  certs = await certificates()
  const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: phrase } as const
  sealed = createPrivateKey(certs.client.key).export(options).toString()
})

/** Whatever a program may do to see what something is. */
const shown = (value: unknown): string =>
  [
    inspect(value, { depth: 8, showHidden: true, maxArrayLength: 1000 }),
    Inspectable.toStringUnknown(value),
    attempt(() => Inspectable.format(value)),
    attempt(() => JSON.stringify(value)),
    attempt(() => String(value))
  ].join("\n")

const attempt = (show: () => string | undefined): string => {
  try {
    return show() ?? ""
  } catch (error) {
    return String(error)
  }
}

/** The ways in which bytes are printed. */
const spellings = (bytes: Uint8Array): ReadonlyArray<string> => {
  const some = Buffer.from(bytes.subarray(16, 32))
  const hex = some.toString("hex")
  return [
    hex,
    (hex.match(/../g) ?? []).join(" "),
    some.toString("latin1"),
    some.toString("base64").slice(0, 16),
    [...some].join(","),
    [...some].join(", "),
    JSON.stringify([...some])
  ]
}

const linesOf = (pem: string): ReadonlyArray<string> =>
  pem.split("\n").filter((line) => line.length > 40 && !line.startsWith("-"))

const identityOf = (rest: NodeTls.TlsOptions = {}) =>
  NodeTls.identity({
    ca: certs.ca.cert,
    cert: certs.client.cert,
    key: Redacted.make(sealed),
    passphrase: Redacted.make(phrase),
    ...rest
  }) as NodeTlsIdentity

const answering = (socket: { write(text: string): void; on(event: "data", told: () => void): unknown }) =>
  void socket.on("data", () => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))

/** Takes the place's tickets, as a dial does, and puts them back. */
const ticketsOf = (identity: NodeTlsIdentity, place: string): ReadonlyArray<Uint8Array> => {
  const taken = [identity.sessions.take(place, performance.now()), identity.sessions.take(place, performance.now())]
  const found = taken.filter((session) => session !== undefined)
  for (const session of found) identity.sessions.add(place, session)
  return found.map(({ data }) => data)
}

describe("secrets of TLS identities", () => {
  it.scoped("are shown nowhere, whatever happens", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const into = <A>(logger: Logger.Logger<unknown, A>) => Logger.map(logger, (line) => void lines.push(shown(line)))
      const logs = Layer.mergeAll(
        Logger.replace(Logger.defaultLogger, into(Logger.stringLogger)),
        Logger.add(into(Logger.structuredLogger)),
        Logger.add(into(Logger.jsonLogger)),
        Logger.add(into(Logger.logfmtLogger)),
        Logger.minimumLogLevel(LogLevel.All)
      )
      const options = { ...certs.server, ca: certs.ca.cert, requestCert: true, rejectUnauthorized: true }
      const good = yield* listenTls({ ...options, ticketKeys: randomBytes(48) }, { onSocket: answering })
      const picky = yield* listenTls({ ...options, ca: certs.stranger.cert }, { onSocket: answering })
      const tracing = remembering()
      const [ours, theirs] = [identityOf({ label: "ours" }), identityOf({ ca: certs.stranger.cert })]
      const seen: Array<unknown> = [ours, theirs]
      const layer = NodePooledHttpClient.layer({ drainTimeout: 0, connector: { tls: ours } })
      yield* Effect.gen(function* () {
        const pool = yield* ConnectionPool.ConnectionPool
        const client = yield* HttpClient.HttpClient
        const events = yield* pool.subscribe
        const url = `https://127.0.0.1:${good.port}/`
        const response = yield* client.get(url)
        yield* response.text
        seen.push(response, response.toJSON())
        // No one trusts this server; that server trusts no one.
        const refused = [
          yield* Effect.exit(PooledHttpClient.withTarget(client, { tls: theirs }).get(url)),
          yield* Effect.exit(client.get(`https://127.0.0.1:${picky.port}/`))
        ]
        for (const exit of refused) {
          assert.isTrue(Exit.isFailure(exit))
          if (Exit.isFailure(exit)) seen.push(exit, exit.cause, Cause.pretty(exit.cause), Cause.squash(exit.cause))
          yield* Effect.logError("refused", exit)
        }
        const key = ConnectionKey.make({ host: "127.0.0.1", port: good.port, useTls: true, tls: ours })
        // Sessions were kept, or there would be nothing to hide; the next connection resumes one.
        const tickets = ticketsOf(ours, `127.0.0.1|${good.port}|`)
        assert.isNotEmpty(tickets)
        yield* pool.clear
        const lease = yield* pool.lease(key)
        assert.isTrue(lease.connection.facts.tls?.resumed)
        seen.push(key, lease, lease.connection, lease.connection.facts)
        yield* Effect.logDebug("held", { key, ours, lease, connection: lease.connection })
        lease.settle({ _tag: "Reusable" } as never)
        seen.push(yield* pool.stats, yield* pool.hostStats, yield* Queue.takeAll(events), pool)
        const told = [
          ...seen.map(shown),
          ...lines,
          ...tracing.spans.map((span) => shown({ ...span, attributes: [...span.attributes], exit: span.exit }))
        ].join("\n")
        assert.isAbove(tracing.spans.length, 2)
        assert.isAbove(lines.length, 8)
        // What may be seen is seen: the test looks where things are.
        assert.include(told, "ours")
        assert.include(told, "OpenFailed")
        const secrets = [phrase, ...linesOf(sealed), ...linesOf(certs.client.key), ...tickets.flatMap(spellings)]
        assert.isAbove(secrets.length, 10)
        for (const secret of secrets) {
          const at = told.indexOf(secret)
          assert.strictEqual(at, -1, `shown: ${told.slice(Math.max(at - 200, 0), at + 40)}`)
        }
      }).pipe(Effect.provide(layer), Effect.provide(logs), Effect.withTracer(tracing.tracer))
    })
  )

  it("are not in what an identity is printed as", () => {
    const identity = identityOf({ label: "ours" })
    const expected = { _id: "@hotaru/node/TlsIdentity", label: "ours", verifies: true }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(identity)), expected)
    assert.deepStrictEqual(JSON.parse(String(identity)), expected)
    assert.include(inspect({ nested: { identity } }), "label: 'ours'")
    assert.notInclude(inspect(identity, { customInspect: false, showHidden: true, depth: null }), "SecureContext")
  })
})
