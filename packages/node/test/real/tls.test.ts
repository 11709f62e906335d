/** Real servers behind TLS that speak one version only, and that ask for a certificate. */
import { HttpClient } from "@effect/platform"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { type NodeConnector, NodePooledHttpClient } from "@hotaru/node"
import { ConnectionKey, ConnectionPool } from "@hotaru/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { assertBalanced, settled } from "../e2e/support/balance.js"
import { scaled } from "../e2e/support/scale.js"
import { type Certificates, certificates } from "../support/certificates.js"
import { installed } from "./support/peers.js"
import * as Traffic from "./support/traffic.js"

const CONCURRENCY = 8
const COUNT = scaled(3000, 200)

let certs: Certificates
beforeAll(async () => {
  certs = await certificates()
})

const layer = (tls: NonNullable<NodeConnector.NodeConnectorOptions["tls"]>) =>
  NodePooledHttpClient.layer({
    maxConnectionsPerHost: CONCURRENCY,
    connector: { tls: { ca: certs.ca.cert, ...tls } }
  })

/** What became of one request: its status, or the phase in which there was no connection for it. */
const outcome = (url: string): Effect.Effect<number | string, never, HttpClient.HttpClient> =>
  Effect.map(Effect.either(HttpClient.get(`${url}/small/alone`)), (result) => {
    if (Either.isRight(result)) return result.right.status
    const cause = result.left.cause as { readonly _tag: string; readonly phase?: string }
    return `${cause._tag} ${cause.phase ?? ""}`
  })

for (const peer of installed) {
  describe(`${peer.name} behind TLS`, () => {
    for (const [version, other] of [
      ["1.2", "1.3"],
      ["1.3", "1.2"]
    ] as const) {
      it.scopedLive(
        `${version} only, three requests on a connection: none fails; a client of ${other} alone is told why`,
        () =>
          Effect.gen(function* () {
            const server = yield* peer.start({ requests: 3, tls: { certificates: certs, version } })
            const stats = yield* Effect.gen(function* () {
              const options = { kinds: Traffic.repeatable, count: COUNT, concurrency: CONCURRENCY }
              assert.deepStrictEqual(Traffic.shown(yield* Traffic.run(server.url, options)), [])
              const pool = yield* ConnectionPool.ConnectionPool
              const key = ConnectionKey.make({ host: "127.0.0.1", port: server.port, useTls: true })
              const { facts } = yield* pool.acquire(key)
              assert.deepInclude(facts.tls, { protocol: `TLSv${version}`, authorized: true })
              return pool
            }).pipe(Effect.scoped, Effect.flatMap(settled), Effect.provide(layer({})))
            assertBalanced(stats)
            assert.isAtLeast(stats.created, COUNT / 4)
            const only = { minVersion: `TLSv${other}`, maxVersion: `TLSv${other}` } as const
            assert.strictEqual(yield* Effect.provide(outcome(server.url), layer(only)), "ConnectError tls")
          }),
        scaled(300_000, 60_000)
      )

      it.scopedLive(
        `${version} with client certificates: one of the authority's is let in, none and a stranger's are not`,
        () =>
          Effect.gen(function* () {
            const server = yield* peer.start({ tls: { certificates: certs, version, client: true } })
            const options = { kinds: Traffic.repeatable, count: COUNT, concurrency: CONCURRENCY }
            const known = layer(certs.client)
            assert.deepStrictEqual(Traffic.shown(yield* Effect.provide(Traffic.run(server.url, options), known)), [])
            // nginx shakes hands with anybody, and answers 400.
            const refused = peer.name === "nginx" ? 400 : "ConnectError tls"
            assert.strictEqual(yield* Effect.provide(outcome(server.url), layer({})), refused)
            // Node's server does not say why it closes the connection, and may not have shaken hands yet.
            const unbelieved = peer.name === "Node" ? [refused, "ClosedBeforeUse "] : [refused]
            assert.include(unbelieved, yield* Effect.provide(outcome(server.url), layer(certs.stranger)))
            assert.deepStrictEqual(Object.keys((yield* server.upstream.report).seen).filter(isAlone), [])
          }),
        scaled(300_000, 60_000)
      )
    }
  })
}

const isAlone = (name: string) => name.endsWith("/alone")
