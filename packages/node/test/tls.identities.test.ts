/** Requests of different TLS identities to one server never meet: not on a connection, and not in a session. */
import { randomBytes } from "node:crypto"
import * as Https from "node:https"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { NodePooledHttpClient, NodeTls } from "@hotaru/node"
import { ConnectionPool } from "@hotaru/pool"
import { Effect, Redacted } from "effect"
import { type Certificates, certificates, type Pair } from "./support/certificates.js"

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

interface Seen {
  readonly name: string
  readonly port: number
  readonly resumed: boolean
}

/** Says who it takes the client for: by its certificate, or by the session that it resumes. */
const served = (version: Tls.SecureVersion) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly seen: Array<Seen>; readonly server: Https.Server }>((resume) => {
      const seen: Array<Seen> = []
      const options = {
        ...certs.server,
        ca: certs.ca.cert,
        requestCert: true,
        rejectUnauthorized: false,
        maxVersion: version,
        // Every ticket would do for every client.
        ticketKeys: randomBytes(48)
      }
      const server = Https.createServer(options, (request, response) => {
        const socket = request.socket as Tls.TLSSocket
        const { subject } = socket.getPeerCertificate()
        const name = subject === undefined ? "nobody" : String(subject.CN)
        seen.push({ name, port: request.socket.remotePort ?? 0, resumed: socket.isSessionReused() })
        response.end(name)
      })
      server.listen(0, "127.0.0.1", () => {
        resume(
          Effect.succeed({ url: `https://127.0.0.1:${(server.address() as Net.AddressInfo).port}/`, seen, server })
        )
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const identityOf = (pair: Pair | undefined) =>
  NodeTls.identity({
    ca: certs.ca.cert,
    ...(pair === undefined ? {} : { cert: pair.cert, key: Redacted.make(pair.key) })
  })

const callers = () =>
  [
    ["a client", identityOf(certs.client)],
    ["another client", identityOf(certs.otherClient)],
    ["nobody", identityOf(undefined)],
    // The same certificate, and yet an identity of its own.
    ["a client", identityOf(certs.client)]
  ] as const

const rounds = 12

const everybody = (url: string) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const all = callers().map(([name, tls]) => ({ name, client: PooledHttpClient.withTarget(client, { tls }) }))
    for (let round = 0; round < rounds; round++) {
      yield* Effect.forEach(
        all,
        ({ client, name }) =>
          Effect.gen(function* () {
            const response = yield* client.get(url)
            assert.strictEqual(yield* response.text, name)
          }),
        { concurrency: round % 2 === 0 ? 1 : "unbounded" }
      )
    }
  })

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  describe(`TLS identities at one origin (${version})`, () => {
    it.scoped("have connections of their own", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* served(version)
        yield* Effect.gen(function* () {
          yield* everybody(url)
          const { created } = yield* (yield* ConnectionPool.ConnectionPool).stats
          assert.strictEqual(created, 4)
        }).pipe(Effect.provide(NodePooledHttpClient.layer({ drainTimeout: 0 })))
        const namesOf = new Map<number, Set<string>>()
        for (const { name, port } of seen) namesOf.set(port, (namesOf.get(port) ?? new Set()).add(name))
        assert.deepStrictEqual([...namesOf.values()].map((names) => [...names].join()).sort(), [
          "a client",
          "a client",
          "another client",
          "nobody"
        ])
        assert.lengthOf(seen, 4 * rounds)
      })
    )

    it.scoped("have sessions of their own, however often they are resumed", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* served(version)
        yield* Effect.provide(everybody(url), NodePooledHttpClient.layer({ enablePooling: false, drainTimeout: 0 }))
        assert.lengthOf(seen, 4 * rounds)
        // Nothing would be shown if none were resumed.
        assert.isAbove(seen.filter(({ resumed }) => resumed).length, rounds)
        assert.strictEqual(new Set(seen.map(({ port }) => port)).size, 4 * rounds)
      })
    )
  })
}
