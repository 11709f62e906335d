import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { PooledHttpClient } from "@hotaru/client"
import { ConnectionPool } from "@hotaru/pool"
import { FakeNetwork, ScriptedServer, Wire } from "@hotaru/testing"
import { Effect, Layer } from "effect"

const layer = (server: ScriptedServer.ScriptedServer) =>
  Layer.provideMerge(PooledHttpClient.layer, FakeNetwork.poolLayer({}, { autoAccept: server }))

describe("a small request", () => {
  it.effect("gets its answer as text, on one connection", () => {
    const server = ScriptedServer.make((request) => Wire.ok(`${request.method} ${request.target}`))
    return Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const network = yield* FakeNetwork.FakeNetwork
      for (let i = 0; i < 3; i++) {
        const response = yield* client.get(`http://a.test/path?n=${i}`)
        assert.strictEqual(yield* response.text, `GET /path?n=${i}`)
      }
      assert.strictEqual(network.sockets.length, 1)
      assert.deepStrictEqual(network.violations, [])
      const stats = yield* (yield* ConnectionPool.ConnectionPool).stats
      assert.strictEqual(stats.hits, 2)
      assert.strictEqual(network.sockets[0]!.counts.writes, 3)
    }).pipe(Effect.provide(layer(server)))
  })

  it.effect("sends a small body in the same write as its head", () => {
    const server = ScriptedServer.make((request) => Wire.json({ got: request.text }))
    return Effect.gen(function* () {
      const network = yield* FakeNetwork.FakeNetwork
      const response = yield* HttpClientRequest.post("http://a.test/").pipe(
        HttpClientRequest.bodyUnsafeJson({ a: 1 }),
        HttpClient.execute
      )
      assert.deepStrictEqual(yield* response.json, { got: '{"a":1}' })
      assert.strictEqual(network.sockets[0]!.counts.writes, 1)
    }).pipe(Effect.provide(layer(server)))
  })
})
